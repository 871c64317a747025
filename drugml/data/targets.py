"""Target cells to numbers: missing stays missing, anything doubtful is a reject with its reason."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class Labels(NamedTuple):
    """One target column as numbers."""

    values: NDArray[np.float64]
    """(rows,), NaN where missing or rejected; 0 and 1 for classes."""
    rejects: dict[int, Reject]
    """Row position to reason."""
    positive: str | None = None
    """Text of the class that is 1; None for numbers."""


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no label."""
    return cell.strip().lower() in MISSING


def looks_binary(cells: Sequence[str]) -> bool:
    """Whether a column holds exactly two classes, by number (0 and 1) or by text."""
    found = {*_class_cells(cells)} - {""}
    return len(found) == 2 and (_positive(found) is not None or not any(map(_is_number, found)))


def numbers(name: str, cells: Sequence[str]) -> Labels:
    """Read a regression target."""
    values = np.full(len(cells), np.nan)
    rejects: dict[int, Reject] = {}
    for i, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            number = float(cell.replace("_", "x"))  # Python alone reads 1_000 as a number
        except ValueError:
            rejects[i] = Reject(Status.BAD_LABEL, _why_no_number(name, cell))
            continue
        if math.isfinite(number):
            values[i] = number
        else:
            rejects[i] = Reject(Status.BAD_LABEL, f"target {name!r} is not finite: {cell!r}")
    return Labels(values, rejects)


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
    values = [float(c == positive) if c else math.nan for c in cells]
    return Labels(np.array(values, np.float64), {}, positive)


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
    return ["" if is_missing(c) and not (plus and c.strip() == "-") else _plain(c) for c in cells]


def _plain(name: str) -> str:
    """`1.0` is the class `1`: tables that went through a spreadsheet hold both."""
    return re.sub(r"^([01])\.0*$", r"\1", name.strip())


def _why_no_number(name: str, cell: str) -> str:
    if re.match(r"\s*[<>~=≤≥]", cell):
        return (
            f"target {name!r} is censored: {cell!r}; censored labels are not supported yet, remove the row or the sign"
        )
    return f"target {name!r} is not a number: {cell!r}"


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
        float(cell.replace("_", "x"))
    except ValueError:
        return False
    return True
