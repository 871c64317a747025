"""Train, validation and test folds: drawn by group, kept as a plan with a hash, checked for leaks.

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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drugml.config.base import Spec
from drugml.config.splits import PredefinedSplit, RandomSplit, ScaffoldSplit, Sizes
from drugml.errors import UserError
from drugml.registry import Registry

Fold = Literal["train", "val", "test"]
FOLDS: tuple[Fold, Fold, Fold] = ("train", "val", "test")
Indices = NDArray[np.int64]


class Molecules(NamedTuple):
    """What a splitter may look at, one entry per molecule."""

    lines: Sequence[str]
    """Line of the table, with its file where there are several."""
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


@SPLITTERS.register(RandomSplit)
class Random:
    """Identical molecules are one group; groups are drawn at random."""

    def __init__(self, *, sizes: Sizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        return draw(_groups(molecules.inchikeys), self.sizes, self.seed)


@SPLITTERS.register(ScaffoldSplit)
class Scaffold:
    """Molecules of one Bemis-Murcko scaffold are one group; so are tautomers of one InChIKey."""

    def __init__(self, *, sizes: Sizes, seed: int, acyclic: Literal["apart", "together"]) -> None:
        self.sizes, self.seed, self.acyclic = sizes, seed, acyclic

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        scaffolds = molecules.scaffolds
        if self.acyclic == "apart":
            scaffolds = np.where(scaffolds == b"", molecules.inchikeys, scaffolds)
        return draw(_groups(scaffolds, molecules.inchikeys), self.sizes, self.seed)


@SPLITTERS.register(PredefinedSplit)
class Predefined:
    """The fold stands in a column of the table."""

    NAMES = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}

    def __init__(self, *, column: str, validation: float, seed: int, leaks: Literal["error", "warn"]) -> None:
        self.column, self.validation, self.seed, self.leaks = column, validation, seed, leaks

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        assert molecules.column is not None
        cells = [c.strip().lower() for c in molecules.column]
        wrong = [(n, c) for n, c in zip(molecules.lines, cells, strict=True) if c not in self.NAMES]
        if wrong:
            raise UserError(
                f"split column {self.column!r}, line {wrong[0][0]}: {wrong[0][1]!r} is no fold; expected train, val or "
                f"test ({len(wrong)} rows like this)"
            )
        fold = np.array([self.NAMES[c] for c in cells], np.int8)
        if not (fold == 1).any():
            train = np.flatnonzero(fold == 0)
            sizes = (1 - self.validation, self.validation, 0.0)
            fold[train] = draw(_groups(molecules.inchikeys[train]), sizes, self.seed)
        leaking = SplitPlan(molecules, fold).leaks()
        if leaking and self.leaks == "error":
            raise UserError(
                f"split column {self.column!r}: {len(leaking)} molecules stand in more than one fold, for example "
                f"{', '.join(leaking[:3])}; metrics would flatter the model. Mend the column, or accept it with "
                "data.split.leaks=warn"
            )
        return fold


def draw(groups: Indices, sizes: Sizes, seed: int) -> NDArray[np.int8]:
    """Give whole groups to folds until each has its share.

    A group too big for half a validation or test fold goes to train, so that no fold is one scaffold;
    the others come in an order that the seed draws. (M,) to (M,).
    """
    n = len(groups)
    counts = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(counts))
    limit = min(s for s in sizes[1:] if s > 0) * n / 2
    big = counts[order] > max(limit, 1)
    order = np.concatenate([order[big], order[~big]])
    fold_of_group = np.zeros(len(counts), np.int8)
    # the small folds are filled first, from the end, so that rounding never leaves one empty
    wanted = [round(s * n) if s == 0 else max(1, round(s * n)) for s in sizes]
    filled = [0, 0, 0]
    for group in order[::-1]:
        size = int(counts[group])
        fits = [f for f in (2, 1) if filled[f] + size <= wanted[f] or (filled[f] == 0 and 0 < size <= n - 2)]
        fold = next((f for f in fits if wanted[f]), 0)
        fold_of_group[group] = fold
        filled[fold] += size
    return fold_of_group[groups]


def _groups(*keys: NDArray[np.bytes_]) -> Indices:
    """Number the groups of molecules that share any of their keys, (M,)."""
    n = len(keys[0])
    rows, columns, first = [], [], 0
    for key in keys:
        _, number = np.unique(key, return_inverse=True)
        rows.append(np.arange(n))
        columns.append(number + first)
        first += int(number.max()) + 1
    row, column = np.concatenate(rows), np.concatenate(columns) + n
    size = n + first
    graph = coo_array((np.ones(len(row), np.int8), (row, column)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    _, compact = np.unique(label[:n], return_inverse=True)
    return compact.astype(np.int64)


def _counts(plan: SplitPlan) -> str:
    return ", ".join(f"{f} {n}" for f, n in plan.sizes.items())
