"""`data check`: read a table as training does, audit it, and write its data card."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from drugml import __version__
from drugml.config.audit import AuditSpec
from drugml.config.data import DataSpec
from drugml.config.labels import LabelSpec
from drugml.data import labels
from drugml.data.audit.audit import audit
from drugml.data.audit.finding import Audit, Finding, Severity
from drugml.data.audit.record import Record
from drugml.data.cells import Cells, read_cells
from drugml.data.chunks import cores
from drugml.data.columns import find_smiles, numeric_columns
from drugml.data.facts import Facts, inspect
from drugml.data.labels import Target
from drugml.data.splits.plan import UNUSED
from drugml.data.table import Table, locate, name_of
from drugml.data.targets import is_missing, looks_binary, numbers
from drugml.errors import UserError
from drugml.evaluation.card import write_card
from drugml.runs.dataset import Dataset
from drugml.runs.rows import sorted_rows, stacked

ALIKE_SHOWN = 3
"""Findings of one kind printed in full; a table of many targets has one for each."""
EXAMPLES_SHOWN = 3
WIDTH = 100
MAX_ATOMS: int = DataSpec.model_fields["max_atoms"].default
LIMITS: AuditSpec = DataSpec.model_fields["audit"].default
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

    @property
    def sound(self) -> bool:
        """Whether nothing that was found is an error."""
        return not self.audit.of(Severity.ERROR)

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


def check_table(
    path: str | Path,
    targets: Sequence[str],
    smiles: str | None,
    out: Path | None,
    specs: Mapping[str, LabelSpec] = MappingProxyType({}),
    max_atoms: int = MAX_ATOMS,
    limits: AuditSpec = LIMITS,
    positive: str | None = None,
) -> CheckResult:
    """Audit a table.

    Args:
        path: a table of any format, or an embedded one (`drugml:NAME`).
        targets: columns of labels; all columns of numbers or two classes if empty.
        smiles: column; found by name or content if None.
        out: file of the data card, HTML; none is written if None.
        specs: how the cells of targets are meant, as `data.labels`; they are audited whether named in `targets` or not.
        max_atoms: larger molecules are rejected, as `data.max_atoms`.
        limits: of the audit, as `data.audit`.
        positive: the positive class, as `task.positive`: of all named targets, or of the columns that have it.

    Raises:
        UserError: for a table that cannot be read, or columns or a positive class that it does not have.
    """
    located = locate(str(path))
    table = Table(located)
    at, how = find_smiles(table, smiles)
    names = tuple(targets) or tuple(dict.fromkeys([*numeric_columns(table, at), *specs]))
    places = {t: labels.columns(table, t, specs.get(t, LabelSpec())) for t in names}
    cells = read_cells(table, [at, *labels.used(places)])
    if not targets:
        places = {t: p for t, p in places.items() if t in specs or _could_be_target(t, cells[p.value])}
    read = [_target(t, specs.get(t, LabelSpec()), cells, p, at, positive, t in targets) for t, p in places.items()]
    if positive is not None and not targets and all(t.labels.positive != positive for t in read):
        raise UserError(f"{located}: no column of two classes has the positive class {positive!r}")
    record, facts = _record(name_of(located), cells, at, read, max_atoms)
    result = audit(record, facts, limits)
    if out is not None:
        about = {
            "File": located.name,
            "SHA-256": _content(table.files),
            "SMILES": how,
            "drugml": __version__,
        }
        ones = {t.name: t.labels.positive for t in read if t.labels.positive is not None}
        try:
            write_card(out, record, facts, result, spec=limits, about=about, positive=ones, fold=None)
        except OSError as error:
            raise UserError(f"{out}: cannot be written: {error.strerror or error}") from None
    return CheckResult(located, how, record, facts, result, out)


def write_training_card(dataset: Dataset, path: Path) -> Audit:
    """Audit what a model is trained on, and write its data card: rows as judged, folds as drawn."""
    judged, plan = dataset.judged, dataset.training.plan
    facts = np.asarray(judged.store.molecule["facts"])
    record = Record(
        judged.name,
        judged.rows,
        [*judged.bad, *judged.bare],
        judged.lines,
        judged.smiles,
        np.asarray(judged.store.molecule["inchikey"]),
        np.asarray(judged.store.molecule["scaffold"]),
        judged.config.data.targets,
        judged.low,
        judged.high,
        {t.name: t.units for t in judged.targets},
        judged.partial,
    )
    fold = np.full(len(judged.lines), UNUSED, np.int8)  # rows dropped as conflicting are in none
    for rows, number in zip(dataset.curated.rows, plan.fold, strict=True):
        fold[rows] = number
    spec = judged.config.data.audit
    result = audit(record, facts, spec)
    about = {"File": judged.path.name, "Data": judged.hash, "Split": plan.hash, "drugml": __version__}
    write_card(path, record, facts, result, spec=spec, about=about, positive=judged.positive, fold=fold)
    return result


def _could_be_target(name: str, cells: Sequence[str]) -> bool:
    """Whether a column that nobody named is read at all: not one of which much is no number.

    It was proposed by its first rows; a few bad cells below are findings, a column of other things is none.
    """
    known = sum(not is_missing(c) for c in cells)
    return looks_binary(cells) or len(numbers(name, cells).rejects) <= MOSTLY * known


def _record(name: str, cells: Cells, smiles: int, read: Sequence[Target], max_atoms: int) -> tuple[Record, Facts]:
    """Judge every row as training does."""
    looked = inspect(cells[smiles], max_atoms=max_atoms, identities=True, workers=cores())
    rows = sorted_rows(cells, smiles, looked.rejects, read)
    parsed = np.delete(np.arange(cells.rows), [*looked.rejects])
    place = np.searchsorted(parsed, rows.good)
    label = stacked(read, rows.good)
    record = Record(
        name,
        cells.rows,
        rows.bad,
        cells.lines.take(rows.good),
        cells[smiles].take(rows.good),
        looked.inchikeys[place],
        looked.scaffolds[place],
        tuple(t.name for t in read),
        label.low,
        label.high,
        {t.name: t.units for t in read},
        rows.partial,
    )
    return record, looked.facts[place]


def _target(
    name: str, spec: LabelSpec, cells: Cells, at: labels.Columns, smiles: int, positive: str | None, named: bool
) -> Target:
    """Numbers, or 0 and 1; where nothing says which class is the positive one, the last by name."""
    column = cells[at.value]
    if positive is not None and spec.threshold is None:
        try:
            return labels.read_classes(name, spec, cells, at, positive)
        except UserError:
            if named:
                raise
    if spec.threshold is not None or not looks_binary(column):
        return labels.read_numbers(name, spec, cells, at, labels.molar_mass(cells[smiles]))
    try:
        return labels.read_classes(name, spec, cells, at, None)
    except UserError:
        return labels.read_classes(name, spec, cells, at, max(c.strip() for c in column if not is_missing(c)))


def _content(files: Sequence[Path]) -> str:
    """SHA-256 of the bytes of all files."""
    text = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            text.update(hashlib.file_digest(opened, "sha256").digest() if len(files) > 1 else opened.read())
    return text.hexdigest()


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
