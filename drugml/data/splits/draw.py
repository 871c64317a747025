"""Whole groups of molecules to folds.

Shape letter: M molecules.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drugml.config.splits import Order, Sizes
from drugml.data.splits.plan import Folds, Indices, Molecules, refuse_folds

Seed = int | Sequence[int]


class Grouped(ABC):
    """A splitter that only has to say which molecules belong together."""

    def __init__(self, *, sizes: Sizes, seed: int, order: Order) -> None:
        self.sizes, self.seed, self.order = sizes, seed, order

    @abstractmethod
    def groups(self, molecules: Molecules) -> Indices:
        """Number of each molecule's group, (M,), as `join` gives it."""

    def __call__(self, molecules: Molecules) -> Folds:
        groups = self.groups(molecules)
        if self.order == "largest_first":
            return largest_first(groups, self.sizes)
        return draw(groups, self.sizes, self.seed)

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        if self.order == "largest_first":
            refuse_folds("largest_first", "it has one order only; use data.split.order=balanced")
        groups = self.groups(molecules)
        return [f for r in range(repeats) for f in cross(groups, k, self.sizes, [self.seed, r])]


def wanted(n: int, sizes: Sizes) -> list[int]:
    """Molecules per fold, at least one where a share is asked for; train is what validation and test leave."""
    val, test = (max(1, round(s * n)) if s else 0 for s in sizes[1:])
    return [n - val - test, val, test]


def draw(groups: Indices, sizes: Sizes, seed: Seed) -> Folds:
    """Give whole groups to folds until each has its share.

    A group too big for half a validation or test fold goes to train, so that no fold is one scaffold;
    the others come in an order that the seed draws (as Chemprop's balanced scaffolds do). (M,) to (M,).
    """
    n = len(groups)
    counts = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(counts))
    limit = min(s for s in sizes[1:] if s > 0) * n / 2
    big = counts[order] > max(limit, 1)
    order = np.concatenate([order[big], order[~big]])
    fold_of_group = np.zeros(len(counts), np.int8)
    # the small folds are filled first, from the end, so that rounding never leaves one empty
    want = wanted(n, sizes)
    filled = [0, 0, 0]
    for group in order[::-1]:
        size = int(counts[group])
        fits = [f for f in (2, 1) if filled[f] + size <= want[f] or (filled[f] == 0 and 0 < size <= n - 2)]
        fold = next((f for f in fits if want[f]), 0)
        fold_of_group[group] = fold
        filled[fold] += size
    return fold_of_group[groups]


def largest_first(groups: Indices, sizes: Sizes) -> Folds:
    """Groups by size, ties by their first molecule, later ones first: train until its share is full, then validation.

    The rule of DeepChem's ScaffoldSplitter; the order of the molecules decides ties.
    (M,) to (M,).
    """
    n = len(groups)
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    fold_of_group = np.zeros(len(counts), np.int8)
    train, val = 0, 0
    for group in np.lexsort((first, counts))[::-1]:
        size = int(counts[group])
        if train + size <= sizes[0] * n:
            train += size
        elif train + val + size <= (sizes[0] + sizes[1]) * n:
            fold_of_group[group] = 1
            val += size
        else:
            fold_of_group[group] = 2
    return fold_of_group[groups]


def cross(groups: Indices, k: int, sizes: Sizes, seed: Sequence[int]) -> list[Folds]:
    """The k splits of one repeat: each group tests once, validation is drawn from the groups that are left."""
    test = deal(groups, k, seed)
    share = sizes[1] / (sizes[0] + sizes[1])
    splits = []
    for number in range(k):
        fold = np.full(len(groups), 2, np.int8)
        rest = np.flatnonzero(test != number)
        if len(rest):
            _, left = np.unique(groups[rest], return_inverse=True)
            fold[rest] = draw(left.astype(np.int64), (1 - share, share, 0.0), [*seed, number])
        splits.append(fold)
    return splits


def deal(groups: Indices, k: int, seed: Seed) -> Indices:
    """Groups to k piles: the largest first, each to the smallest pile, equal ones as the seed draws. (M,) to (M,)."""
    counts = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    pile_of_group = np.zeros(len(counts), np.int64)
    piles = [0] * k
    for group in order:
        pile = piles.index(min(piles))
        pile_of_group[group] = pile
        piles[pile] += int(counts[group])
    return pile_of_group[groups]


def join(inchikeys: NDArray[np.bytes_], *keys: NDArray[Any]) -> Indices:
    """Number the groups of molecules that share their InChIKey or any of the other keys, (M,).

    Groups are numbered by their smallest InChIKey, so that the order of the molecules does not matter.
    """
    n = len(inchikeys)
    rows, columns, first = [], [], 0
    for key in (inchikeys, *keys):
        _, number = np.unique(key, return_inverse=True)
        rows.append(np.arange(n))
        columns.append(number + first)
        first += int(number.max()) + 1
    row, column = np.concatenate(rows), np.concatenate(columns) + n
    size = n + first
    graph = coo_array((np.ones(len(row), np.int8), (row, column)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    smallest = np.full(size, n)
    np.minimum.at(smallest, label[:n], columns[0])
    _, compact = np.unique(smallest[label[:n]], return_inverse=True)
    return compact.astype(np.int64)
