"""What an audit says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from drugml.data.audit.noise import ClassNoise, Noise
from drugml.data.audit.pileup import Pile

EXAMPLES = 5
"""Examples of one finding at most."""


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """Training would stop on it, or its results would be wrong."""
    WARNING = "warning"
    """Results may mislead; someone should decide."""
    NOTE = "note"
    """Worth knowing."""


class Example(NamedTuple):
    """One place in the table."""

    line: str
    """As in the table, with its file where there are several."""
    text: str
    """The SMILES, as in the table."""
    detail: str


def counted(n: int, what: str) -> str:
    """`1 molecule`, `2,000 molecules`."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


@dataclass(frozen=True)
class Finding:
    """One property of a table that can spoil a model, or its figures."""

    kind: str
    severity: Severity
    target: str | None
    """None if it is about structures or rows."""
    text: str
    """One sentence with the figures."""
    count: int
    of: int
    """What `count` is a part of, in the same unit."""
    examples: Sequence[Example]
    advice: str
    """The config line or command that mends it."""

    @property
    def share(self) -> float:
        """`count` as a part of `of`."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True)
class Audit:
    """All findings about one table, the gravest first."""

    name: str
    rows: int
    rejected: int
    molecules: int
    """Different InChIKeys among the usable rows."""
    findings: tuple[Finding, ...]
    noise: Mapping[str, Noise | ClassNoise]
    """Target to what its replicates say; targets without replicates are left out."""
    piles: Mapping[str, tuple[Pile, ...]]
    """Target to the values at which its labels pile up."""

    @property
    def usable(self) -> int:
        """Rows that are not rejected."""
        return self.rows - self.rejected

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [f for f in self.findings if f.severity == severity]
