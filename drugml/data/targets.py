"""Target cells to numbers: missing stays missing, anything doubtful is a reject with its reason."""

import math
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from drugml.data.relations import relation, signed
from drugml.data.status import Reject, Status
from drugml.errors import UserError

MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "?"}
NEGATIVE_OF = {
    "1": "0",
    "true": "false",
    "yes": "no",
    "y": "n",
    "active": "inactive",
    "positive": "negative",
    "pos": "neg",
    "toxic": "nontoxic",
    "+": "-",
}
"""Class names whose positive one is beyond doubt; `BBB+` and `BBB-` are understood by their sign."""


@dataclass(frozen=True)
class Labels:
    """One target column as intervals, one per row: exact where `low` equals `high`, both NaN where missing or rejected.

    `>5` is (5, inf), `<5` is (-inf, 5): a bound says where the true value is not, and stays a bound to the end.
    """

    low: NDArray[np.float64]
    """(rows,); 0 and 1 for classes."""
    high: NDArray[np.float64]
    """(rows,)"""
    rejects: dict[int, Reject]
    """Row position to reason."""
    positive: str | None = None
    """Name of the class that is 1; None for numbers."""

    @property
    def exact(self) -> NDArray[np.float64]:
        """(rows,), NaN where missing or only bounded."""
        return exact(self.low, self.high)

    @property
    def censored(self) -> int:
        """Labels that are bounds."""
        return int((~np.isnan(self.low)).sum() - (~np.isnan(self.exact)).sum())


def exact(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """The labels that are values, NaN where they are missing or bounds; any shape."""
    return np.where(low == high, low, np.nan)


def as_written(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number that stands in a label, whatever its sign: the value or the bound; the middle between two bounds."""
    return np.where(np.isinf(low), high, np.where(np.isinf(high), low, (low + high) / 2))


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no label."""
    return cell.strip().lower() in MISSING


def looks_binary(cells: Sequence[str]) -> bool:
    """Whether a column holds exactly two classes, by number (0 and 1) or by text."""
    written: set[str] = set()
    for cell in cells:  # numbers are found out by the first few of them
        if cell not in written:
            written.add(cell)
            if len({_plain(c) for c in written if not is_missing(c)}) > 2:
                return False
    found = {*_class_cells([*written])} - {""}
    return len(found) == 2 and (_positive(found) is not None or not any(map(_is_number, found)))


def numbers(name: str, cells: Sequence[str], relations: Sequence[str] | None = None) -> Labels:
    """Read a regression target; a sign stands before the value, or in a column of its own."""
    low, high = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    rejects: dict[int, Reject] = {}
    signs = relations if relations is not None else repeat("=", len(cells))
    for i, (cell, beside) in enumerate(zip(cells, signs, strict=True)):
        if is_missing(cell):
            continue
        sign, text = signed(cell)
        meant = relation(beside)
        why = _why_not(name, cell, text, sign, meant, beside)
        if why is not None:
            rejects[i] = Reject(Status.BAD_LABEL, why)
            continue
        number = float(text)
        sign = sign if sign != "=" else meant or "="
        low[i] = -math.inf if sign == "<" else number
        high[i] = math.inf if sign == ">" else number
    return Labels(low, high, rejects)


def classes(name: str, cells: Sequence[str], positive: str | None) -> Labels:
    """Read a target of two classes, 1 for the positive one.

    Raises:
        UserError: if it has one class only, more than two, or the positive one is in doubt.
    """
    cells = _class_cells(cells)
    found = Counter(c for c in cells if c)
    shown = ", ".join(f"{c!r} ({n} rows)" for c, n in found.most_common(6))
    if len(found) != 2:
        what = "no label" if not found else "one class only" if len(found) == 1 else f"{len(found)} classes"
        raise UserError(
            f"target {name!r}: {what}, expected two: {shown or 'every cell is empty'}. "
            + (
                "Is it a regression target? Then set task=regression."
                if len(found) > 2
                else "Nothing can be learned from it."
            )
        )
    if positive is None:
        positive = _positive(set(found))
    elif (positive := _plain(positive)) not in found:
        raise UserError(f"task.positive = {positive!r} is no class of target {name!r}: {shown}")
    if positive is None:
        raise UserError(f"target {name!r}: which class is the positive one? Set task.positive to one of {shown}")
    values = np.array([float(c == positive) if c else math.nan for c in cells], np.float64)
    return Labels(values, values, {}, positive)


def check_spread(name: str, values: NDArray[np.float64]) -> None:
    """Refuse a target from which nothing can be learned.

    Raises:
        UserError: if no label is left, or all are equal.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        raise UserError(f"target {name!r}: no usable label in any row")
    if (known == known[0]).all():
        raise UserError(
            f"target {name!r}: one value only, {known[0]:g} in all {len(known)} labelled rows; nothing can be learned"
        )


def _class_cells(cells: Sequence[str]) -> list[str]:
    """Names of classes, empty where missing. A `-` is a class, not a gap, where the same column has a `+`."""
    plus = any(c.strip() == "+" for c in cells)
    missing = {m for m in MISSING if not (plus and m == "-")}
    return [sys.intern("" if c.strip().lower() in missing else _plain(c)) for c in cells]  # few names, many rows


def _plain(name: str) -> str:
    """`1.0` is the class `1`: tables that went through a spreadsheet hold both."""
    return re.sub(r"^([01])\.0*$", r"\1", name.strip())


def _why_not(name: str, cell: str, text: str, sign: str, meant: str | None, relation_cell: str) -> str | None:
    """Why a cell and its relation are no label, or None."""
    if meant is None:
        return f"target {name!r}: {relation_cell!r} is no relation; expected =, <, > or ~"
    if {sign, meant} == {"<", ">"}:
        return f"target {name!r}: the value {cell!r} and the relation {relation_cell!r} contradict each other"
    if not _is_number(text):
        return f"target {name!r} is not a number: {cell!r}"
    if not math.isfinite(float(text)):
        return f"target {name!r} is not finite: {cell!r}"
    return None


def _positive(found: set[str]) -> str | None:
    lower = {c.lower(): c for c in found}
    for yes, no in NEGATIVE_OF.items():
        if set(lower) == {yes, no}:
            return lower[yes]
    signed = {c[-1:]: c for c in found}
    if set(signed) == {"+", "-"} and len({c[:-1] for c in found}) == 1:
        return signed["+"]
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace("_", "x"))  # Python alone reads 1_000 as a number
    except ValueError:
        return False
    return True
