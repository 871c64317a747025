"""`data check`: read a table as training does, audit it, and write its data card."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drugml import __version__
from drugml.config.audit import AuditSpec
from drugml.config.data import DataSpec
from drugml.data.audit.audit import audit
from drugml.data.audit.finding import Audit, Finding, Severity
from drugml.data.audit.record import Record
from drugml.data.columns import find_smiles
from drugml.data.facts import Facts, inspect
from drugml.data.status import BadRow, Reject
from drugml.data.table import Row, Table, locate, name_of
from drugml.data.targets import Labels, classes, is_missing, looks_binary, numbers
from drugml.errors import UserError
from drugml.evaluation.card import write_card
from drugml.featurizers.pack import cores
from drugml.runs.dataset import numeric_columns

ALIKE_SHOWN = 3
"""Findings of one kind printed in full; a table of many targets has one for each."""
EXAMPLES_SHOWN = 3
WIDTH = 100
SIGNS = {"", "=", "<", ">", "<=", ">=", "~", "<<", ">>"}
"""Cells of a relation column."""
MOSTLY = 0.1
"""Share of cells that are no labels up to which an unnamed column is taken for a target."""


@dataclass(frozen=True)
class CheckResult:
    """A table read and audited."""

    path: Path
    how: str
    """How the SMILES column was found."""
    record: Record
    facts: Facts
    audit: Audit
    card: Path | None
    """Where the data card was written."""

    def summary(self) -> str:
        """What was found, for a terminal: grouped by severity, with examples and advice."""
        found = self.audit
        targets = ", ".join(map(repr, self.record.targets[:ALIKE_SHOWN])) or "none"
        more = f" and {n} more" if (n := len(self.record.targets) - ALIKE_SHOWN) > 0 else ""
        head = [
            f"{self.path.name}: {found.rows:,} rows = {found.usable:,} usable + {found.rejected:,} rejected; "
            f"{found.molecules:,} different molecules",
            f"{self.how}; targets: {targets}{more}",
        ]
        body = [line for s in Severity for line in _section(s, found.of(s))]
        clean = [] if found.findings else ["", "nothing to report"]
        card = ["", f"data card: {self.card}"] if self.card else []
        return "\n".join([*head, *body, *clean, *card])


def check_table(path: str | Path, targets: Sequence[str], smiles: str | None, out: Path | None) -> CheckResult:
    """Audit a table.

    Args:
        path: csv, tsv or smi file, or an embedded table (`drugml:NAME`).
        targets: columns of labels; all columns of numbers or two classes if empty.
        smiles: column; found by name or content if None.
        out: file of the data card, HTML; none is written if None.

    Raises:
        UserError: for a table that cannot be read, or columns that it does not have.
    """
    located = locate(str(path))
    table = Table(located)
    at, how = find_smiles(table, smiles)
    names = tuple(targets) or tuple(numeric_columns(table, at))
    places = {t: table.column(t, "target") for t in names}
    rows = list(table)
    if not rows:
        raise UserError(f"{located}: a header but no rows; expected one row per molecule")
    columns = {t: [r.cells[i] for r in rows] for t, i in places.items()}
    if not targets:
        columns = {t: cells for t, cells in columns.items() if _could_be_target(t, cells)}
    labels = {t: _labels(t, cells) for t, cells in columns.items()}
    record, facts = _record(name_of(located), rows, at, labels)
    spec = AuditSpec()
    result = audit(record, facts, spec)
    if out is not None:
        about = {
            "File": located.name,
            "SHA-256": hashlib.sha256(located.read_bytes()).hexdigest(),
            "SMILES": how,
            "drugml": __version__,
        }
        positive = {t: c.positive for t, c in labels.items() if c.positive is not None}
        write_card(out, record, facts, result, spec=spec, about=about, positive=positive, fold=None)
    return CheckResult(located, how, record, facts, result, out)


def _could_be_target(name: str, cells: Sequence[str]) -> bool:
    """Whether a column that nobody named is read at all: not one of signs, nor of which much is no number.

    It was proposed by its first rows; a few bad cells below are findings, a column of other things is none.
    """
    known = [c for c in cells if not is_missing(c)]
    if {c.strip().strip("'\"") for c in known} <= SIGNS:
        return False
    return len(_labels(name, cells).rejects) <= MOSTLY * len(known)


def _record(name: str, rows: Sequence[Row], smiles: int, labels: Mapping[str, Labels]) -> tuple[Record, Facts]:
    """Judge every row as training does: by its fields, its molecule, then its labels."""
    texts = [r.cells[smiles] for r in rows]
    max_atoms = DataSpec.model_fields["max_atoms"].default
    looked = inspect(texts, max_atoms=max_atoms, identities=True, workers=cores())
    rejects: dict[int, Reject] = {}
    for column in reversed([*labels.values()]):
        rejects |= column.rejects
    rejects |= looked.rejects | {i: r.reject for i, r in enumerate(rows) if r.reject}
    parsed = np.array([i for i in range(len(rows)) if i not in looked.rejects], np.int64)
    used = np.array([i for i in range(len(rows)) if i not in rejects], np.int64)
    place = np.searchsorted(parsed, used)
    values = np.stack([c.values for c in labels.values()], axis=1) if labels else np.zeros((len(rows), 0))
    record = Record(
        name,
        len(rows),
        [BadRow(rows[i].line, texts[i], rejects[i]) for i in sorted(rejects)],
        [rows[i].line for i in used],
        [texts[i] for i in used],
        looked.inchikeys[place],
        looked.scaffolds[place],
        tuple(labels),
        values[used],
        values[used],
        {},
    )
    return record, looked.facts[place]


def _labels(name: str, cells: Sequence[str]) -> Labels:
    """Numbers, or 0 and 1; where nothing says which class is the positive one, the last by name."""
    if not looks_binary(cells):
        return numbers(name, cells)
    try:
        return classes(name, cells, None)
    except UserError:
        return classes(name, cells, max(c.strip() for c in cells if not is_missing(c)))


def _section(severity: Severity, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    kinds: dict[str, list[Finding]] = {}
    for f in findings:
        kinds.setdefault(f.kind, []).append(f)
    lines = ["", f"{severity.value}s ({len(findings)})"]
    for kind, alike in kinds.items():
        shown = sorted(alike, key=lambda f: -f.share)[:ALIKE_SHOWN]
        for f in shown:
            lines.append(f"  {kind.replace('_', ' ')}: {f.text} ({f.share:.1%})")
            lines += [f"      {_cut(f'line {e.line}: {e.text}  {e.detail}')}" for e in f.examples[:EXAMPLES_SHOWN]]
        if len(alike) > len(shown):
            lines.append(f"  … and {len(alike) - len(shown)} more of this kind")
        lines.append(f"      → {shown[0].advice}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
