"""The test fold of a run as it was saved.

Shape letters: M molecules, T targets.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
SEED = 0
WORST = 20
"""Molecules that are drawn."""


@dataclass(frozen=True)
class Predicted:
    """Labels and predictions in the scale in which metrics compare them: of a log10 target, its log10."""

    classes: bool
    """Whether labels are 0 and 1 and predictions probabilities of 1."""
    targets: tuple[str, ...]
    shown: tuple[str, ...]
    """Targets with their scale and unit, for people."""
    positive: tuple[str, ...]
    """Name of class 1 of each target; empty for numbers."""
    lines: Sequence[str]
    smiles: Sequence[str]
    labels: Floats
    """(M, T), NaN where missing or a bound."""
    predicted: Floats
    """(M, T)"""
    similarity: Floats
    """(M,) to the training molecule most like it, NaN where none was looked for."""
    sample: Indices
    """Molecules by which errors are told by similarity: all, or a random part; the worst are looked for besides."""

    def of(self, target: int) -> tuple[Floats, Floats]:
        """Labels that are known, with their predictions."""
        known = ~np.isnan(self.labels[:, target])
        return self.labels[known, target], self.predicted[known, target]

    def errors(self) -> Floats:
        """How wrong each prediction is, (M, T), NaN where the label is missing.

        Of several targets of numbers in standard deviations of their labels, so that they can be compared.
        """
        off = np.abs(self.predicted - self.labels)
        off[np.isnan(off) & ~np.isnan(self.labels)] = np.inf  # a prediction that is no number
        if self.classes or len(self.targets) == 1:
            return off
        spread = np.array([y.std() if len(y := self.of(t)[0]) else 0.0 for t in range(len(self.targets))])
        return off / np.where(spread > 0, spread, 1.0)

    def worst(self) -> list[tuple[int, int]]:
        """Molecule and target of the largest errors, the largest first; of equal ones the first in the file."""
        errors = self.errors().ravel()
        order = np.argsort(-np.where(np.isnan(errors), -1.0, errors), kind="stable")[:WORST]
        return [divmod(int(i), len(self.targets)) for i in order if not np.isnan(errors[i])]


def read(
    path: Path,
    *,
    classes: bool,
    targets: tuple[str, ...],
    log10: Sequence[str],
    units: dict[str, str],
    positive: dict[str, str],
) -> Predicted:
    """The predictions of a test fold; columns are found by their place, since targets may have any name.

    Args:
        path: line, SMILES, labels, predictions.
        classes: whether they are probabilities.
        targets: T names.
        log10: those that were learned as log10.
        units: of targets.
        positive: class 1 of targets.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        table = [row[: 2 + 2 * len(targets)] for row in rows]
    values = np.array([[float(c or "nan") for c in row[2:]] for row in table], float).reshape(len(table), -1)
    labels, predicted = values[:, : len(targets)], values[:, len(targets) :]
    logarithmic = np.isin(targets, log10)
    with np.errstate(divide="ignore", invalid="ignore"):
        labels = np.where(logarithmic, np.log10(np.where(logarithmic, labels, 1.0)), labels)
        predicted = np.where(logarithmic, np.log10(np.where(logarithmic, predicted, 1.0)), predicted)
    return Predicted(
        classes,
        targets,
        tuple(_shown(t, units.get(t), t in log10) for t in targets),
        tuple(positive.get(t, "1") for t in targets) if classes else (),
        [row[0] for row in table],
        [row[1] for row in table],
        labels,
        predicted,
        np.full(len(table), np.nan),
        np.arange(len(table)),
    )


def _shown(target: str, unit: str | None, log10: bool) -> str:
    name = f"log10 {target}" if log10 else target
    return f"{name} [{unit}]" if unit else name


def part(tested: Predicted, rows: Indices) -> Predicted:
    """Some of the molecules."""
    at = rows.tolist()
    return replace(
        tested,
        lines=[tested.lines[i] for i in at],
        smiles=[tested.smiles[i] for i in at],
        labels=tested.labels[rows],
        predicted=tested.predicted[rows],
        similarity=tested.similarity[rows],
        sample=np.arange(len(rows)),
    )
