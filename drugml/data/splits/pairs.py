"""The least similar pairs of molecules, without ever holding all pairs.

Shape letter: U different molecules.
"""

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drugml.data.prints import Fingerprints
from drugml.data.splits.fingerprints import Tanimoto
from drugml.data.splits.plan import Indices

KEPT = 64
"""Partners of a molecule that are remembered; with fewer, molecules are looked at again more often."""
STEP = 0.02
"""Relative step by which the limit of what is remembered follows the molecules."""


def farthest_pair(prints: Fingerprints) -> tuple[int, int]:
    """The least similar pair, the lower position first; of equal ones the first by both positions.

    Nothing is less similar than 0, so that the first such pair ends the search.
    """
    tanimoto = Tanimoto(prints)
    best, pair = 2.0, (0, 1)
    for a in range(len(prints) - 1):
        similarity = tanimoto(prints.on(a), after=a)
        if (low := similarity.min()) < best:
            best, pair = float(low), (a, a + 1 + int(similarity.argmin()))
        if best == 0:
            break
    return pair


def farthest_pairs(prints: Fingerprints) -> Iterator[tuple[int, int]]:
    """Again and again the least similar pair of what is left, the lower position first, while two are left.

    Of equal ones the first by both positions. A pair is looked for from its lower position. Each molecule
    remembers its least similar partners at the time it was looked at: the next of them that is still there is its
    least similar one, and only when all are gone it is looked at again.
    """
    partners = _Partners(prints)
    heap = [(float(s[0]), a, 0) for a in range(len(prints) - 1) for s in [partners.look(a)]]
    heapq.heapify(heap)
    while heap:
        _, a, place = heapq.heappop(heap)
        if not partners.left[a]:
            continue
        if partners.left[b := int(partners.position[a][place])]:
            partners.left[[a, b]] = False
            yield a, b
        elif (entry := partners.next(a, place)) is not None:
            heapq.heappush(heap, entry)


class _Partners:
    """Later molecules that are least similar to each molecule, by similarity, then by position."""

    def __init__(self, prints: Fingerprints) -> None:
        self.left = np.ones(len(prints), bool)
        """(U,), what is in no pair yet."""
        self.position: list[Indices] = [np.zeros(0, np.int64)] * len(prints)
        self._similarity: list[NDArray[np.float64]] = [np.zeros(0)] * len(prints)
        self._prints, self._tanimoto = prints, Tanimoto(prints)
        self._limit = STEP

    def look(self, a: int) -> NDArray[np.float64]:
        """Remember up to `KEPT` partners of those left; their similarities, empty if none is left."""
        similarity = self._tanimoto(self._prints.on(a), after=a)
        similarity[~self.left[a + 1 :]] = 2.0
        low = np.flatnonzero(similarity <= self._limit)
        # the limit decides how many are remembered, never which is the least similar; a sort of all would take longer
        self._limit *= 1 + STEP if len(low) < 2 * KEPT else 1 - STEP
        if not len(low):
            low = np.flatnonzero(similarity == similarity.min())
        low = low[np.argsort(similarity[low], kind="stable")][:KEPT]
        low = low[similarity[low] < 2.0]
        self.position[a], self._similarity[a] = low + a + 1, similarity[low]
        return self._similarity[a]

    def next(self, a: int, place: int) -> tuple[float, int, int] | None:
        """The least similar partner left after that at `place`: its similarity, `a`, its place; None without one."""
        there = np.flatnonzero(self.left[self.position[a][place:]])
        if len(there):
            place += int(there[0])
            return float(self._similarity[a][place]), a, place
        return (float(found[0]), a, 0) if len(found := self.look(a)) else None
