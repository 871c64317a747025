"""What a split is: a plan with a hash, checked for empty folds and leaks.

Shape letter: M molecules.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from drugml.config.base import Spec
from drugml.errors import UserError
from drugml.registry import Registry

Fold = Literal["train", "val", "test"]
FOLDS: tuple[Fold, Fold, Fold] = ("train", "val", "test")
Indices = NDArray[np.int64]


class Molecules(NamedTuple):
    """What a splitter may look at, one entry per molecule."""

    lines: Sequence[int]
    """Line of the table."""
    inchikeys: NDArray[np.bytes_]
    scaffolds: NDArray[np.bytes_]
    """Digest of the Murcko scaffold, empty for acyclic molecules."""
    column: Sequence[str] | None
    """Cells of the split column, where the split names one."""


@dataclass(frozen=True)
class SplitPlan:
    """Which molecule is in which fold; `fold` (M,) counts in FOLDS."""

    molecules: Molecules
    fold: NDArray[np.int8]

    def indices(self, fold: Fold) -> Indices:
        """Positions of the molecules of one fold, ascending."""
        return np.flatnonzero(self.fold == FOLDS.index(fold))

    @cached_property
    def hash(self) -> str:
        """SHA-256 over line, InChIKey and fold of every molecule: equal hashes, equal splits."""
        return hashlib.sha256("\n".join(",".join(r) for r in self._rows()).encode()).hexdigest()

    @property
    def sizes(self) -> dict[str, int]:
        """Molecules per fold."""
        return {f: len(self.indices(f)) for f in FOLDS}

    def leaks(self) -> list[str]:
        """InChIKeys that stand in more than one fold."""
        seen: dict[bytes, int] = {}
        return sorted(
            {k.decode() for k, f in zip(self.molecules.inchikeys, self.fold, strict=True) if seen.setdefault(k, f) != f}
        )

    def write(self, path: Path) -> None:
        """Write line, InChIKey and fold as csv."""
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("line", "inchikey", "fold"), *self._rows()])

    def _rows(self) -> list[tuple[str, str, str]]:
        keys = (k.decode() for k in self.molecules.inchikeys)
        return [(str(n), k, FOLDS[f]) for n, k, f in zip(self.molecules.lines, keys, self.fold, strict=True)]


class Splitter(Protocol):
    """Draws the fold of every molecule."""

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]: ...


SPLITTERS: Registry[Splitter] = Registry("splitter")


def split(spec: Spec, molecules: Molecules) -> SplitPlan:
    """Draw a plan in which no fold is empty and no molecule is in two of them.

    Raises:
        UserError: if there are too few molecules or groups, or a predefined split leaks.
    """
    kind = getattr(spec, "kind", "?")
    if len(molecules.lines) < len(FOLDS):
        raise UserError(
            f"split {kind!r} needs at least one molecule each for train, val and test; "
            f"only {len(molecules.lines)} usable molecules are left"
        )
    plan = SplitPlan(molecules, SPLITTERS.build(spec)(molecules))
    if empty := [f for f, n in plan.sizes.items() if n == 0]:
        raise UserError(
            f"split {kind!r} leaves no molecule for {' and '.join(empty)} ({_counts(plan)}); add molecules, "
            "change data.split.sizes, or use data.split=random"
        )
    return plan


def _counts(plan: SplitPlan) -> str:
    return ", ".join(f"{f} {n}" for f, n in plan.sizes.items())
