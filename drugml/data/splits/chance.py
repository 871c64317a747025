"""Drawn at random, and drawn so that every fold has the same labels.

Shape letters: M molecules, G groups of identical molecules, L labels (class or range of a target).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from drugml.config.splits import RandomSplit, Sizes, StratifiedSplit
from drugml.data.splits.draw import Seed, cross, draw, join, wanted
from drugml.data.splits.plan import SPLITTERS, Folds, Indices, Molecules
from drugml.errors import UserError


@SPLITTERS.register(RandomSplit)
class Random:
    """Identical molecules are one group; groups are drawn at random."""

    def __init__(self, *, sizes: Sizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed

    def __call__(self, molecules: Molecules) -> Folds:
        return draw(join(molecules.inchikeys), self.sizes, self.seed)

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        groups = join(molecules.inchikeys)
        return [f for r in range(repeats) for f in cross(groups, k, self.sizes, [self.seed, r])]


@SPLITTERS.register(StratifiedSplit)
class Stratified:
    """Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, doi:10.1007/978-3-642-23808-6_10).

    A target of at most two values has a label for each value, any other one for each of its quantile ranges;
    all targets at once, missing labels count for nothing.
    Differs from the paper: what is dealt is a group of identical molecules, and no fold outgrows its share.
    """

    def __init__(self, *, sizes: Sizes, seed: int, bins: int) -> None:
        self.sizes, self.seed, self.bins = sizes, seed, bins

    def __call__(self, molecules: Molecules) -> Folds:
        groups, labels = self._given(molecules)
        return deal_labels(groups, labels, wanted(len(groups), self.sizes), self.seed).astype(np.int8)

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        groups, labels = self._given(molecules)
        return [f for r in range(repeats) for f in self._cross(groups, labels, k, [self.seed, r])]

    def _cross(self, groups: Indices, labels: NDArray[np.bool_], k: int, seed: list[int]) -> list[Folds]:
        n = len(groups)
        test = deal_labels(groups, labels, [(n + i) // k for i in range(k)], seed)
        share = self.sizes[1] / (self.sizes[0] + self.sizes[1])
        splits = []
        for number in range(k):
            fold = np.full(n, 2, np.int8)
            splits.append(fold)
            if not len(rest := np.flatnonzero(test != number)):
                continue
            _, left = np.unique(groups[rest], return_inverse=True)
            want = wanted(len(rest), (1 - share, share, 0.0))[:2]
            fold[rest] = deal_labels(left.astype(np.int64), labels[rest], want, [*seed, number])
        return splits

    def _given(self, molecules: Molecules) -> tuple[Indices, NDArray[np.bool_]]:
        columns = [c for t in molecules.labels.T for c in _columns(t, self.bins)]
        if not columns:
            raise UserError("split 'stratified' needs a target with labels; name one, for example --target COLUMN")
        return join(molecules.inchikeys), np.stack(columns, axis=1)


def deal_labels(groups: Indices, labels: NDArray[np.bool_], want: Sequence[int], seed: Seed) -> Indices:
    """Groups to folds of `want` molecules: the rarest label first, each group to the fold that lacks it most.

    groups (M,), labels (M, L); returns (M,).
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(groups)
    members = csr_array((np.ones(len(groups), np.int32), (groups, np.arange(len(groups)))))
    counts = members @ labels.astype(np.int32)  # (G, L)
    order = rng.permutation(len(sizes))
    folds = _Lacking(want, counts.sum(0), rng)
    fold = np.full(len(sizes), -1)
    left = counts.sum(0)
    while (left > 0).any():
        label = int(np.argmin(np.where(left > 0, left, left.max() + 1)))
        for group in order[(fold[order] < 0) & (counts[order, label] > 0)]:
            fold[group] = folds.place(int(sizes[group]), counts[group], folds.of_label[:, label], (fold < 0).sum())
            left -= counts[group]
    for group in order[fold[order] < 0]:
        fold[group] = folds.place(int(sizes[group]), counts[group], folds.all, (fold < 0).sum())
    return fold[groups]


class _Lacking:
    """How many molecules each fold still lacks, of each label and in all."""

    def __init__(self, want: Sequence[int], labels: Indices, rng: np.random.Generator) -> None:
        self.all = np.array(want, float)
        self.of_label = np.outer(self.all / self.all.sum(), labels)
        self.empty = np.ones(len(want), bool)
        self.rng = rng

    def place(self, size: int, labels: Indices, lack: NDArray[np.float64], todo: int) -> int:
        """The fold for a group of `size` molecules; `todo` groups, this one included, have none yet."""
        fits = self.all >= size
        if todo <= self.empty.sum():  # the last groups must not leave a fold empty
            fits = self.empty
        elif not fits.any():
            fits = np.ones(len(fits), bool)
        chance = self.rng.random(len(fits))
        fold = max(np.flatnonzero(fits), key=lambda f: (round(float(lack[f]), 9), self.all[f], chance[f]))
        self.all[fold] -= size
        self.of_label[fold] -= labels
        self.empty[fold] = False
        return int(fold)


def _columns(values: NDArray[np.float64], bins: int) -> list[NDArray[np.bool_]]:
    """One column per class of a target, or per range; missing labels are in none."""
    known = ~np.isnan(values)
    found = np.unique(values[known])
    if len(found) <= 2:
        return [values == v for v in found]
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, bins + 1)[1:-1]))
    number = np.searchsorted(edges, values, side="right")
    return [(number == n) & known for n in np.unique(number[known])]
