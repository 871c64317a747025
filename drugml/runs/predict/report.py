"""What became of the rows of a prediction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drugml.data.formats.row import Row
from drugml.data.status import Status
from drugml.runs.predict.output import Answer

SHOWN = 5
"""Bad rows and rows of the preview."""
STATE = ("rows", "complete", "predicted", "first_bad", "noted", "first_noted", "preview")
"""What a job that goes on takes over."""


@dataclass
class Report:
    """What became of the rows."""

    path: Path
    columns: list[str]
    """Columns that were added."""
    labels: list[str]
    """The models."""
    rows: int = 0
    complete: int = 0
    """Rows predicted by all models."""
    predicted: Counter[str] = field(default_factory=Counter)
    """Model to rows."""
    first_bad: list[tuple[str, str]] = field(default_factory=list)
    """Line and reason."""
    noted: int = 0
    """Values that have a reason to be trusted less."""
    first_noted: str = ""
    """Line of the first of them."""
    preview: list[list[str]] = field(default_factory=list)
    """The first rows of SMILES and added columns."""

    @property
    def bad(self) -> int:
        """Rows without a prediction of some model."""
        return self.rows - self.complete

    def summary(self) -> str:
        """One line, and the first bad rows."""
        each = ", ".join(f"{label} {self.predicted[label]:,}" for label in self.labels)
        several = f" by all models ({each})" if len(self.labels) > 1 else ""
        lines = [f"{self.path}: {self.complete:,} of {self.rows:,} rows predicted{several}"]
        lines += [f"  line {n}: {reason}" for n, reason in self.first_bad]
        if self.bad > len(self.first_bad):
            names = "status and reason of each model" if several else " and ".join(self.columns[-2:])
            lines.append(f"  … and {self.bad - len(self.first_bad):,} more; see the columns {names}")
        if self.noted:
            where = "the reasons of each model" if several else f"the column {self.columns[-1]}"
            values = "1 value is" if self.noted == 1 else f"{self.noted:,} values are"
            lines.append(f"  {values} to be trusted less, the first in line {self.first_noted}; see {where}")
        return "\n".join(lines)

    def add(self, rows: Sequence[Row], at: int, answers: Sequence[Answer]) -> None:
        """Take in further rows, whose structures are in column `at`."""
        good, noted = np.ones(len(rows), bool), np.zeros(len(rows), np.int64)
        for label, answer in zip(self.labels, answers, strict=True):
            fine = np.array([status == Status.OK for status in answer.status], bool)
            self.predicted[label] += int(fine.sum())
            good &= fine
            noted += fine & np.array([reason != "" for reason in answer.reason], bool)
        if noted.any() and not self.noted:
            self.first_noted = rows[int(np.flatnonzero(noted)[0])].where
        self.noted += int(noted.sum())
        self.rows += len(rows)
        self.complete += int(good.sum())
        for i in np.flatnonzero(~good)[: SHOWN - len(self.first_bad)]:
            reason = next(a.reason[i] for a in answers if a.status[i] != Status.OK)
            self.first_bad.append((rows[i].where, reason))
        for i in range(min(len(rows), SHOWN - len(self.preview))):
            cells = [c for a in answers for c in (*map(_short, a.values[i]), a.status[i], a.reason[i])]
            self.preview.append([rows[i].cells[at], *cells])

    def state(self) -> dict[str, Any]:
        """The numbers as JSON."""
        return {k: getattr(self, k) for k in STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in STATE:
            setattr(self, name, state[name])
        self.predicted = Counter(state["predicted"])
        self.first_bad = [(where, reason) for where, reason in state["first_bad"]]


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
