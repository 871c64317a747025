"""One-hot vocabularies as data: which values a code stands for, and where its column is in a one-hot row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Feature:
    """One categorical property. Code i stands for `choices[i]`."""

    name: str
    choices: tuple[int, ...]
    other: str
    """Anything else: `column` has a column of its own after the choices, `zeros` sets none,
    `last` counts as the last choice."""
    columns: int
    """Columns in the one-hot row."""
    silent: int | None = None
    """A code that sets no column: 0 for a yes/no property with a single column."""

    def codes(self, values: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Codes of property values, (n,) to (n,)."""
        low, high = min(self.choices) - 1, max(self.choices) + 1  # both stand for anything else
        table: NDArray[np.uint8] = np.full(high - low + 1, len(self.choices) - (self.other == "last"), np.uint8)
        table[np.array(self.choices) - low] = np.arange(len(self.choices))
        return np.take(table, values.clip(low, high) - low)


def category(name: str, choices: tuple[int, ...]) -> Feature:
    """One column per choice and one for anything else."""
    return Feature(name, choices, "column", len(choices) + 1)


def partial(name: str, choices: tuple[int, ...]) -> Feature:
    """One column per choice, none for anything else."""
    return Feature(name, choices, "zeros", len(choices), silent=len(choices))


def last_is_other(name: str, choices: tuple[int, ...]) -> Feature:
    """One column per choice; anything else counts as the last one."""
    return Feature(name, choices, "last", len(choices))


def flag(name: str) -> Feature:
    """One column, set when the property is true."""
    return Feature(name, (0, 1), "last", 1, silent=0)


def yes_no(name: str) -> Feature:
    """Two columns: no and yes."""
    return Feature(name, (0, 1), "last", 2)


@dataclass(frozen=True)
class Vocabulary:
    """The one-hot layout of all atoms or all bonds: the columns of the features, one after the other, then floats."""

    features: tuple[Feature, ...]
    floats: tuple[str, ...] = ()
    """Real-valued columns after the one-hot ones."""
    offset: int = 0
    """Columns before the first feature that are never set, kept for a checkpoint's layout."""

    @property
    def columns(self) -> int:
        """Width of the one-hot row, floats included."""
        return self.offset + sum(f.columns for f in self.features) + len(self.floats)

    def describe(self) -> dict[str, Any]:
        """The layout as JSON."""
        return {
            "offset": self.offset,
            "features": [[f.name, list(f.choices), f.other, f.columns, f.silent] for f in self.features],
            "floats": list(self.floats),
        }

    def codes(self, values: Mapping[str, NDArray[np.int64]]) -> NDArray[np.uint8]:
        """Codes (n, A) of the properties of n atoms or bonds, each (n,)."""
        return np.stack([f.codes(values[f.name]) for f in self.features], axis=1)

    def column_of(self) -> list[list[int]]:
        """For each feature and code the one-hot column, or -1 where the code sets none."""
        table, first = [], self.offset
        for feature in self.features:
            codes = len(feature.choices) + (feature.other != "last")
            single = feature.columns == 1 and feature.silent == 0
            table.append([-1 if c == feature.silent else first + (0 if single else c) for c in range(codes)])
            first += feature.columns
        return table
