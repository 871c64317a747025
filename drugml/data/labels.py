"""The labels of one target: cells, relations, units, logarithm, threshold, weights and errors put together.

Shape letter: R rows.
"""

import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import rdMolDescriptors

from drugml.config.labels import LabelSpec, P
from drugml.data import units
from drugml.data.molecule import parse
from drugml.data.relations import relation
from drugml.data.status import Reject, Status
from drugml.data.table import Table
from drugml.data.targets import Labels, as_written, classes, is_missing, numbers
from drugml.data.units import MolarMass
from drugml.errors import UserError

log = logging.getLogger(__name__)
RELATION_NAMES = ("{} modifier", "{}_modifier", "{} relation", "{}_relation", "{} qualifier", "{}_qualifier")
"""Columns that are taken for the relation of a target, if that is what they hold."""
MOSTLY = 0.9
"""Share of the cells that must be relations for that."""
LARGEST = 65535
"""Atoms; whether a molecule is too large is not for its labels to say."""
ACTIVE = {"above": ">=", "below": "<="}

Cells = Mapping[int, Sequence[str]]
"""Position of a column to its cells (R)."""


class Columns(NamedTuple):
    """Which columns of a table one target is read from."""

    value: int
    relation: int | None = None
    unit: int | None = None
    weight: int | None = None
    error: int | None = None


@dataclass(frozen=True)
class Target:
    """One target as it came out of the table."""

    name: str
    labels: Labels
    weight: NDArray[np.float64]
    """(R,), 1 where the table gives none."""
    error: NDArray[np.float64]
    """(R,) standard error in label units, NaN where unknown."""
    units: Counter[str] = field(default_factory=Counter)
    """Unit texts of the values, as the table has them."""
    grey: int = 0
    """Values too near to the threshold to be a label."""


def columns(table: Table, name: str, spec: LabelSpec) -> Columns:
    """Find the columns of a target.

    Raises:
        UserError: for a column that the table lacks.
    """

    def named(column: str | None, what: str) -> int | None:
        return None if column is None else table.column(column, what)

    value = table.column(spec.column or name, "target")
    signs = named(spec.relation, "relation")
    if signs is None:
        guesses = [g.format(spec.column or name) for g in RELATION_NAMES]
        signs = next((table.columns.index(g) for g in guesses if g in table.columns), None)
    return Columns(
        value, signs, named(spec.unit_column, "unit"), named(spec.weight, "weight"), named(spec.error, "error")
    )


def used(places: Mapping[str, Columns]) -> list[int]:
    """The columns from which targets are read, ascending."""
    return sorted({i for p in places.values() for i in p if i is not None})


def read_classes(name: str, spec: LabelSpec, cells: Cells, at: Columns, positive: str | None) -> Target:
    """Two classes that stand in the table as text or as 0 and 1.

    Raises:
        UserError: as `classes`; or for a unit or logarithm, which classes do not have.
    """
    if spec.to is not None or spec.log10:
        raise UserError(f"data.labels.{name}: classes have no unit or logarithm; set a threshold, or task=regression")
    labels = classes(name, cells[at.value], positive)
    weight, wrong = _positive(name, "weight", cells, at, at.weight, 1.0)
    error = np.full(len(weight), np.nan)
    return Target(name, _void(replace(labels, rejects=wrong | labels.rejects)), weight, error)


def read_numbers(name: str, spec: LabelSpec, cells: Cells, at: Columns, molar_mass: MolarMass) -> Target:
    """Numbers of one target, or the classes that a threshold makes of them.

    Args:
        name: the target.
        spec: how its cells are meant.
        cells: of the columns that `at` names.
        at: where its columns stand.
        molar_mass: g/mol of the molecule of a row, for mass concentrations.

    Raises:
        UserError: for a unit that is none.
    """
    signs = _signs(name, spec, cells, at)
    labels = written = numbers(name, cells[at.value], signs)
    texts = _unit_texts(spec, cells, at)
    if spec.to is not None:
        low, high, wrong = units.convert(name, labels.low, labels.high, texts, spec.to, molar_mass)
        labels = Labels(low, high, labels.rejects | wrong)
    elif spec.unit is not None:
        units.check_unit(spec.unit, f"data.labels.{name}.unit")
    if spec.log10:
        low, high, wrong = units.log10(name, labels.low, labels.high)
        labels = Labels(low, high, labels.rejects | wrong)
    weight, wrong = _positive(name, "weight", cells, at, at.weight, 1.0)
    error, more = _positive(name, "standard error", cells, at, at.error, np.nan)
    labels = _void(replace(labels, rejects=more | wrong | labels.rejects))
    error = _converted_error(error, written, labels, logarithmic=spec.log10 or spec.to == P)
    found = Counter(t for t, v in zip(texts, labels.low, strict=True) if t and not np.isnan(v))
    if spec.threshold is None:
        return Target(name, labels, weight, error, found)
    classified, grey = classify(labels, spec)
    return Target(name, classified, weight, error, found, grey)


def rejected(targets: Sequence[Target]) -> tuple[dict[int, Reject], dict[int, Reject]]:
    """Rows of which every label that was written is rejected, and rows that keep another one; each with a reason."""
    first: dict[int, Reject] = {}
    for target in reversed(targets):
        first |= target.labels.rejects
    kept = {i for i in first if any(not np.isnan(t.labels.low[i]) for t in targets)}
    return {i: r for i, r in first.items() if i not in kept}, {i: first[i] for i in sorted(kept)}


def _void(labels: Labels) -> Labels:
    """Without the labels that are rejected."""
    low, high = labels.low.copy(), labels.high.copy()
    for i in labels.rejects:
        low[i] = high[i] = np.nan
    return replace(labels, low=low, high=high)


def classify(labels: Labels, spec: LabelSpec) -> tuple[Labels, int]:
    """Two classes by a threshold; a bound is a class only where it lies wholly on one side.

    Values nearer to the threshold than `grey` become missing; their number is the second result.
    """
    assert spec.threshold is not None
    over = labels.low >= spec.threshold + spec.grey
    beyond = spec.grey > 0 or np.isinf(labels.low)  # `<5` lies below 5, the value 5 does not
    under = np.where(beyond, labels.high <= spec.threshold - spec.grey, labels.high < spec.threshold)
    positive, negative = (over, under) if spec.active == "above" else (under, over)
    values = np.where(positive, 1.0, np.where(negative, 0.0, np.nan))
    lost = int((~np.isnan(labels.low) & np.isnan(values)).sum())
    return Labels(values, values, labels.rejects, f"{ACTIVE[spec.active]} {spec.threshold:g}"), lost


def _signs(name: str, spec: LabelSpec, cells: Cells, at: Columns) -> Sequence[str] | None:
    if at.relation is None:
        return None
    signs = cells[at.relation]
    if spec.relation is None:  # the column was guessed by its name
        written = Counter(signs)
        blank = sum(n for c, n in written.items() if not c.strip())
        understood = sum(n for c, n in written.items() if c.strip() and relation(c) is not None)
        if understood < MOSTLY * max(written.total() - blank, 1):
            return None
        log.info("%s: relations (=, <, >) are read from the column beside it", name)
    return signs


def _unit_texts(spec: LabelSpec, cells: Cells, at: Columns) -> list[str]:
    if at.unit is None:
        return [spec.unit or ""] * len(cells[at.value])
    return [sys.intern(c.strip()) for c in cells[at.unit]]  # few units, many rows


def _converted_error(
    error: NDArray[np.float64], written: Labels, labels: Labels, *, logarithmic: bool
) -> NDArray[np.float64]:
    """A standard error in the label's unit; that of a logarithm to first order, s / (x ln 10)."""
    before, after = as_written(written.low, written.high), as_written(labels.low, labels.high)
    with np.errstate(divide="ignore", invalid="ignore"):
        converted = error / (before * np.log(10)) if logarithmic else error * np.abs(after / before)
    return np.where(before == after, error, converted)


def _positive(
    name: str, what: str, cells: Cells, target: Columns, at: int | None, default: float
) -> tuple[NDArray[np.float64], dict[int, Reject]]:
    """A column of positive numbers; `default` where the cell is empty or there is no such column."""
    values = np.full(len(cells[target.value]), default)
    rejects: dict[int, Reject] = {}
    for i, cell in enumerate(cells[at] if at is not None else ()):
        if is_missing(cell):
            continue
        try:
            values[i] = float(cell)
        except ValueError:
            values[i] = np.nan
        if not (0 < values[i] < np.inf):
            rejects[i] = Reject(Status.BAD_LABEL, f"target {name!r}: {what} {cell!r} is no positive number")
            values[i] = default
    return values, rejects


def molar_mass(smiles: Sequence[str]) -> MolarMass:
    """Average molar masses in g/mol of structures as they stand in the table, read when they are asked for."""

    def of(i: int) -> float | None:
        mol = parse(smiles[i], LARGEST)
        return None if isinstance(mol, Reject) else float(rdMolDescriptors._CalcMolWt(mol))

    return of
