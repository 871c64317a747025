"""Rows in groups, as two flat arrays.

Shape letters: R rows, G groups.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Groups(Sequence[Indices]):
    """Of each group the positions of its rows, ascending: `Groups(number)[7]` are those where `number` is 7.

    Args:
        number: (R,) group of each row, from 0 to G - 1.
    """

    def __init__(self, number: Indices) -> None:
        self._order = np.argsort(number, kind="stable")
        self._starts = np.searchsorted(number[self._order], np.arange(number.max(initial=-1) + 2))

    @classmethod
    def by(cls, keys: NDArray[Any]) -> "Groups":
        """One group per different key; groups in the order of their first rows."""
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        return cls(np.argsort(np.argsort(first))[number])

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> Indices: ...
    @overload
    def __getitem__(self, at: slice) -> list[Indices]: ...
    def __getitem__(self, at: int | slice) -> Indices | list[Indices]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if at >= len(self):
            raise IndexError(at)
        return self._order[self._starts[at] : self._starts[at + 1]]

    def __iter__(self) -> Iterator[Indices]:
        return (self[i] for i in range(len(self)))

    @property
    def sizes(self) -> Indices:
        """(G,)"""
        return np.diff(self._starts)

    @property
    def first(self) -> Indices:
        """(G,), position of the first row of each group; none may be empty."""
        return self._order[self._starts[:-1]]

    def take(self, at: Indices) -> "Groups":
        """Some of the groups, in that order; the positions of their rows stay as they are."""
        sizes = self.sizes[at]
        out = object.__new__(Groups)
        out._starts = np.concatenate([[0], np.cumsum(sizes)])
        out._order = self._order[np.repeat(self._starts[at] - out._starts[:-1], sizes) + np.arange(sizes.sum())]
        return out
