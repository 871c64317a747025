"""The record as the checks look at it: rows grouped into molecules, labels of each molecule side by side.

Shape letters: M usable rows, G different molecules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from drugml.config.audit import AuditSpec
from drugml.data.audit.finding import EXAMPLES, Example, Finding, Severity
from drugml.data.audit.record import Floats, Record, shown
from drugml.data.facts import Facts
from drugml.data.groups import Groups, Indices

SKELETON = 14
"""Characters of the connectivity block of an InChIKey."""
LABELS_SHOWN = 8
DECADES = 1.5
"""Positive labels over so many decades, and skewed, belong on a log scale."""
SKEWED = 1.0


class Gaps(NamedTuple):
    """How far the labels of one group of rows are apart; groups with one label are left out."""

    groups: Indices
    """Number of the group."""
    gap: NDArray[np.float64]
    """Largest lower end minus smallest upper end: 0 or less where one true value fits all labels."""


@dataclass(frozen=True)
class Examined:
    """A record with its facts and limits, and what several checks need of it."""

    record: Record
    facts: Facts
    """(M,)."""
    spec: AuditSpec

    @cached_property
    def molecule(self) -> Indices:
        """(M,), number of the molecule of each row, by InChIKey."""
        return _numbered(self.record.inchikeys)

    @cached_property
    def skeleton(self) -> Indices:
        """(M,), number of the connectivity of each row; keys that are no InChIKeys stand for themselves."""
        keys = self.record.inchikeys
        other = np.char.startswith(keys, b"smiles:")
        return _numbered(np.where(other, keys, keys.astype(f"S{SKELETON}")))

    @cached_property
    def molecules(self) -> int:
        """Different molecules."""
        return int(self.molecule.max()) + 1 if len(self.molecule) else 0

    @cached_property
    def rows_of(self) -> Groups:
        """The rows of each molecule."""
        return Groups(self.molecule)

    @cached_property
    def logs(self) -> list[bool]:
        """Whether the labels of each target are compared by their logarithms: 1 and 1,000 nM are not close."""
        known = range(len(self.record.targets))
        return [not self.record.is_class(t) and heavy_tailed(self.record.values(t)) for t in known]

    def scaled(self, target: int) -> tuple[Floats, Floats]:
        """(M,) and (M,), lower and upper ends of the labels on the scale on which they are compared."""
        low, high = self.record.low[:, target], self.record.high[:, target]
        return (log10(low), log10(high)) if self.logs[target] else (low, high)

    def values(self, target: int) -> Floats:
        """The exact labels, in the order of the rows, on the scale on which they are compared."""
        return np.asarray(self.scaled(target)[0][self.record.exact(target)])

    def unit(self, target: int) -> str:
        """Ends a number on that scale."""
        return " decades" if self.logs[target] else ""

    def conflict(self, target: int) -> float:
        """Gap from which on labels of one molecule are in conflict, on the scale on which they are compared."""
        if self.record.is_class(target):
            return 0.5
        return self.spec.conflict or spread(self.values(target))

    def finding(
        self,
        kind: str,
        severity: Severity,
        text: str,
        count: int,
        of: int,
        *,
        advice: str,
        target: int | None = None,
        examples: Iterable[Example] = (),
    ) -> Finding:
        """A finding about a target, or about structures."""
        name = None if target is None else self.record.targets[target]
        first = tuple(e for e, _ in zip(examples, range(EXAMPLES), strict=False))
        return Finding(kind, severity, name, text, count, of, first, advice)

    def example(self, row: int, detail: str) -> Example:
        """A row as example."""
        return Example(self.record.lines[row], self.record.smiles[row], detail)

    def label(self, row: int, target: int) -> str:
        """A label as people write it."""
        return shown(self.record.low[row, target], self.record.high[row, target])

    def replicates(self, rows: Sequence[int] | Indices, target: int) -> Example:
        """The first labelled of several rows, with the labels of the first eight of them."""
        known = [int(r) for r in rows if not np.isnan(self.record.low[r, target])]
        lines = ", ".join(str(self.record.lines[r]) for r in known[:LABELS_SHOWN])
        values = ", ".join(self.label(r, target) for r in known[:LABELS_SHOWN])
        more = f" and {len(known) - LABELS_SHOWN} more" if len(known) > LABELS_SHOWN else ""
        return self.example(known[0], f"{values} (lines {lines}){more}")

    def gaps(self, target: int, group: Indices) -> Gaps:
        """How far the labels of each group (M,) of rows are apart."""
        known = np.flatnonzero(self.record.known(target))
        if not len(known):
            return Gaps(np.zeros(0, np.int64), np.zeros(0))
        order = known[np.argsort(group[known], kind="stable")]
        groups, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
        ends = self.scaled(target)
        low = np.maximum.reduceat(ends[0][order], starts)
        high = np.minimum.reduceat(ends[1][order], starts)
        return Gaps(groups[sizes > 1], (low - high)[sizes > 1])


def heavy_tailed(values: Floats) -> bool:
    """Whether exact labels (n,) belong on a log scale: positive, wide, and skewed unless logarithms are taken."""
    if not len(values) or values.min() <= 0 or np.log10(values.max() / values.min()) < DECADES:
        return False
    return bool(skew(values) > SKEWED and abs(skew(np.log10(values))) < skew(values) / 2)


def log10(values: Floats) -> Floats:
    """Decimal logarithms; -inf for 0 and less, which only limits are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(values <= 0, -np.inf, np.log10(values)))


def spread(values: NDArray[np.float64]) -> float:
    """Half of what lies between the 16th and the 84th percentile; the standard deviation if that is nothing."""
    if not len(values):
        return np.inf
    low, high = np.percentile(values, [15.87, 84.13])
    return float((high - low) / 2 or values.std() or np.inf)


def _numbered(keys: NDArray[np.bytes_]) -> Indices:
    return np.asarray(np.unique(keys, return_inverse=True)[1], np.int64).reshape(-1)
