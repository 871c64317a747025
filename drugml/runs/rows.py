"""Rows sorted into good and bad ones, by their record, their molecule, then their labels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.data import labels
from drugml.data.cells import Cells
from drugml.data.labels import Target
from drugml.data.status import BadRow, Reject

Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """What is wrong with the R rows of a table."""

    good: NDArray[np.int64]
    """Positions of the rows that are not rejected, ascending; some may have no label."""
    rejects: dict[int, Reject]
    """Position to reason, ascending."""
    bad: list[BadRow]
    """The same rows as they are reported."""
    partial: list[BadRow]
    """Good rows of which one label cannot be read and another can."""


class Labelled(NamedTuple):
    """The labels of all targets, (R, T) each."""

    low: Floats
    high: Floats
    weight: Floats
    error: Floats


def sorted_rows(cells: Cells, structure: int, faults: Mapping[int, Reject], read: Sequence[Target]) -> Rows:
    """Sort the rows of a table.

    Args:
        cells: what was read of it.
        structure: column of the molecules.
        faults: position to what is wrong with a molecule.
        read: its targets.
    """
    lost, partly = labels.rejected(read)
    found = lost | dict(faults) | cells.rejects  # what is wrong with the record is said first, then with the molecule
    rejects = dict(sorted(found.items()))
    good = np.ones(cells.rows, bool)
    good[[*rejects]] = False
    return Rows(
        np.flatnonzero(good),
        rejects,
        [cells.bad(structure, i, r) for i, r in rejects.items()],
        [cells.bad(structure, i, r) for i, r in partly.items() if good[i]],
    )


def stacked(read: Sequence[Target], rows: NDArray[np.int64]) -> Labelled:
    """The labels of some rows side by side."""
    columns = [(t.labels.low, t.labels.high, t.weight, t.error) for t in read]
    out = np.zeros((4, len(rows), len(read)))
    for t, column in enumerate(columns):
        for part, values in zip(out, column, strict=True):
            part[:, t] = values[rows]
    return Labelled(*out)
