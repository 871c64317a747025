"""Whole groups of molecules to folds.

Shape letter: M molecules.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drugml.config.splits import Sizes
from drugml.data.splits.plan import Indices


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


def join(*keys: NDArray[np.bytes_]) -> Indices:
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
