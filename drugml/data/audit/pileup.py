"""Values at which labels pile up: limits of an assay that nobody marked, clipped and rounded values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Equal labels below this number are a coincidence."""
DISTINCT = 10
"""With fewer different values, labels are counts or grades, and nothing piles up."""
BEYOND = 0.005
"""Share of labels that may lie beyond a limit: zeros among logarithms, a few diluted samples."""
NEIGHBOURS = 10
"""Different values next to a pile with which it is compared."""
TIMES = 5
"""A limit holds at least so many times the labels of its most frequent neighbour."""
INSIDE_TIMES = 10
"""A pile inside holds so many times the labels of its median neighbour."""


@dataclass(frozen=True)
class Pile:
    """One value that very many labels have."""

    side: Literal["floor", "ceiling", "inside"]
    value: float
    count: int
    beyond: int
    """Labels on the far side of a floor or ceiling."""


def piles(values: NDArray[np.float64], share: float) -> tuple[Pile, ...]:
    """Floors, ceilings and piles inside of exact labels (n,).

    A floor is a value with at least `share` of the labels, almost none below it, and far more of them than any of
    the next ten values above. Rounding alone makes neighbours alike, so it is no floor.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < DISTINCT:
        return ()
    needed = max(FEWEST, share * len(values))
    below = _limit(counts, len(values), needed)
    above = _limit(counts[::-1], len(values), needed)
    found: list[Pile] = []
    if below is not None:
        found.append(Pile("floor", float(distinct[below]), int(counts[below]), int(counts[:below].sum())))
    if above is not None:
        at = len(distinct) - 1 - above
        found.append(Pile("ceiling", float(distinct[at]), int(counts[at]), int(counts[at + 1 :].sum())))
    limits = {p.value for p in found}
    found.extend(
        Pile("inside", float(distinct[i]), int(counts[i]), 0)
        for i in np.flatnonzero(counts >= needed).tolist()
        if distinct[i] not in limits and counts[i] >= INSIDE_TIMES * np.median(_around(counts, i))
    )
    return tuple(found)


def _limit(counts: NDArray[np.int64], n: int, needed: float) -> int | None:
    """Position of the floor among ascending values."""
    before = np.cumsum(counts) - counts
    candidates = np.flatnonzero((before <= BEYOND * n) & (counts >= needed))
    if not len(candidates):
        return None
    at = int(candidates[np.argmax(counts[candidates])])
    next_ones = counts[at + 1 : at + 1 + NEIGHBOURS]
    alone = len(next_ones) > 0 and counts[at] >= TIMES * next_ones.max() and before[at] * TIMES <= counts[at]
    return at if alone else None


def _around(counts: NDArray[np.int64], at: int) -> NDArray[np.float64]:
    both = [counts[max(0, at - NEIGHBOURS) : at], counts[at + 1 : at + 1 + NEIGHBOURS]]
    return np.concatenate(both).astype(np.float64)
