"""By a column of the table: time, or a group that stays together.

Shape letter: M molecules.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from drugml.config.splits import GroupSplit, Order, Sizes, TimeSplit
from drugml.data.splits.draw import Grouped, join
from drugml.data.splits.plan import SPLITTERS, UNUSED, Folds, Indices, Molecules, refuse_folds
from drugml.errors import UserError


@SPLITTERS.register(GroupSplit)
class Group(Grouped):
    """Rows with the same cell, spaces around it aside, are one group."""

    def __init__(self, *, sizes: Sizes, seed: int, order: Order, column: str) -> None:
        super().__init__(sizes=sizes, seed=seed, order=order)
        self.column = column

    def groups(self, molecules: Molecules) -> Indices:
        assert molecules.column is not None
        cells = [c.strip() for c in molecules.column]
        empty = [n for n, c in zip(molecules.lines, cells, strict=True) if not c]
        if empty:
            raise UserError(
                f"group column {self.column!r}, line {empty[0]}: empty, expected the name of a group "
                f"({len(empty)} rows like this); give such rows a name, one for all or one for each"
            )
        return join(molecules.inchikeys, np.array(cells))


@SPLITTERS.register(TimeSplit)
class Time:
    """Earliest to train, then validation, latest to test (Sheridan 2013, doi:10.1021/ci400084k).

    A molecule measured twice belongs to its earliest time: it was known from then on. Equal times are never
    divided: the cut is moved to the nearest change of time, however far the folds are then from their shares.
    """

    def __init__(self, *, sizes: Sizes, column: str, format: str | None) -> None:
        self.sizes, self.column, self.format = sizes, column, format

    def __call__(self, molecules: Molecules) -> Folds:
        step, ends = self._steps(molecules)
        train, val, _ = self.sizes
        return np.searchsorted(cuts(ends, [train, train + val]), step, side="right").astype(np.int8)

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        """An expanding window: the times are cut into k + 1 windows; each but the first tests what lies before it.

        The latest molecules before the window validate; those after it are unused.
        """
        if repeats > 1:
            refuse_folds("time", "time has one order, so that repeats would be equal; use 1 repeat")
        step, ends = self._steps(molecules)
        if len(ends) < k + 2:
            raise self._too_few(k + 2, len(ends))
        window = np.searchsorted(cuts(ends, [i / (k + 1) for i in range(1, k + 1)], first=2), step, side="right")
        share = self.sizes[1] / (self.sizes[0] + self.sizes[1])
        splits = []
        for number in range(1, k + 1):
            fold = np.full(len(step), UNUSED, np.int8)
            fold[window == number] = 2
            before = window < number
            fold[before] = step[before] >= cuts(np.bincount(step[before]).cumsum(), [1 - share])[0]
            splits.append(fold)
        return splits

    def _steps(self, molecules: Molecules) -> tuple[Indices, Indices]:
        """Rank of each molecule's time (M,), and how many molecules lie up to and with each rank."""
        assert molecules.column is not None
        time = times(f"time column {self.column!r}", molecules.lines, molecules.column, self.format)
        _, molecule = np.unique(molecules.inchikeys, return_inverse=True)
        earliest = np.full(len(time), np.inf)
        np.minimum.at(earliest, molecule, time)
        _, step = np.unique(earliest[molecule], return_inverse=True)
        ends = np.bincount(step).cumsum()
        if len(ends) < 3:
            raise self._too_few(3, len(ends))
        return step.astype(np.int64), ends

    def _too_few(self, needed: int, found: int) -> UserError:
        return UserError(
            f"time column {self.column!r}: {needed} different times are needed, found {found}; equal times are never "
            "divided between folds. Use a column with finer times, or data.split=group"
        )


def cuts(ends: Indices, shares: Sequence[float], first: int = 1) -> Indices:
    """The steps before which to cut so that the parts are nearest to the cumulated `shares`; no part is empty.

    Args:
        ends: molecules up to and with each step, ascending.
        shares: ascending, below 1.
        first: smallest first cut.
    """
    found: list[int] = []
    for i, share in enumerate(shares):
        lowest = found[-1] + 1 if found else first
        highest = len(ends) - len(shares) + i
        nearest = int(np.abs(ends - share * ends[-1]).argmin()) + 1
        found.append(min(max(nearest, lowest), highest))
    return np.array(found, np.int64)


def times(where: str, lines: Sequence[str], cells: Sequence[str], format: str | None) -> NDArray[np.float64]:
    """Times as numbers: dates as seconds, else the numbers or the numbers at the end of names, (M,).

    Raises:
        UserError: for the first cell that is neither, or of another kind than the others.
    """
    kinds = [("a date like " + format, lambda c: _date(c, format))] if format else [*KINDS, _numbered(cells)]
    best: list[float | None] = []
    expected = ""
    for name, reader in kinds:
        found = [reader(c.strip()) for c in cells]
        if sum(f is not None for f in found) > sum(f is not None for f in best):
            best, expected = found, name
    if not best:
        best, expected = [None] * len(cells), "; or ".join(name for name, _ in kinds)
    wrong = [i for i, f in enumerate(best) if f is None]
    if wrong:
        raise UserError(
            f"{where}, line {lines[wrong[0]]}: {cells[wrong[0]]!r} is no time; expected {expected} "
            f"({len(wrong)} of {len(cells)} rows like this); mend the cells, or say how dates are written with "
            "data.split.format"
        )
    return np.array(best, np.float64)


def _numeral(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", cell) else None


def _iso(cell: str) -> float | None:
    cell = cell + "-01" if re.fullmatch(r"\d{4}-\d\d", cell) else cell
    cell = cell + "-01-01" if re.fullmatch(r"\d{4}", cell) else cell
    return _seconds(datetime.fromisoformat, cell)


def _date(cell: str, format: str | None) -> float | None:
    return _seconds(lambda c: datetime.strptime(c, format or ""), cell)


def _seconds(reader: Callable[[str], datetime], cell: str) -> float | None:
    try:
        moment = reader(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _numbered(cells: Sequence[str]) -> "Kind":
    """Names that only differ in a number at their end, as registration systems give them."""
    prefix = next((f[1] for c in cells if (f := re.fullmatch(r"([A-Za-z]+[-_ ]?)\d+", c.strip()))), "E-")

    def reader(cell: str) -> float | None:
        rest = cell.removeprefix(prefix)
        return float(rest) if rest != cell and rest.isdecimal() else None

    return f"a numbered name such as {prefix}0001321", reader


Kind = tuple[str, Callable[[str], float | None]]
KINDS: list[Kind] = [
    ("a number such as 2014", _numeral),
    ("an ISO date such as 2014-03-01, 2014-03 or 2014-03-01T12:00", _iso),
]
