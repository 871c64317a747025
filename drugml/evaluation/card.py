"""The data card: all that an audit found about a table, as one HTML file that needs nothing else.

No scripts, no links to other files. Whatever comes from the table is escaped.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.audit import AuditSpec
from drugml.data.audit.finding import Audit, counted
from drugml.data.audit.record import Record
from drugml.data.audit.table import Examined
from drugml.data.facts import Facts
from drugml.data.splits import FOLDS
from drugml.evaluation.card_findings import accounting, findings
from drugml.evaluation.card_labels import classes, distributions, missingness, noise_section
from drugml.evaluation.card_map import Layer, chemical_map
from drugml.evaluation.card_structures import conflicts_section, scaffolds_section
from drugml.evaluation.page import header, page, sections

MAPPED = 4
"""Targets that get a panel in the map."""
SEED = 0


def write_card(
    path: Path,
    record: Record,
    facts: Facts,
    audit: Audit,
    *,
    spec: AuditSpec,
    about: Mapping[str, str],
    positive: Mapping[str, str],
    fold: NDArray[np.int8] | None,
) -> None:
    """Write the card of an audited table.

    Args:
        path: HTML file; replaced if it exists.
        record: the table.
        facts: (M,), of its structures.
        audit: what was found.
        spec: limits of the audit.
        about: lines of the header, such as hashes and versions.
        positive: target of classes to the name of its class 1.
        fold: (M,) numbers in `FOLDS` if the table is split.
    """
    html = card(record, facts, audit, spec=spec, about=about, positive=positive, fold=fold)
    path.write_text(html, encoding="utf-8")


def card(
    record: Record,
    facts: Facts,
    audit: Audit,
    *,
    spec: AuditSpec,
    about: Mapping[str, str],
    positive: Mapping[str, str],
    fold: NDArray[np.int8] | None,
) -> str:
    """As `write_card`, the text."""
    table = Examined(record, facts, spec)
    parts = {
        "Rows": accounting(record, audit) + _folds(fold),
        "Findings": findings(audit),
        "Labels": distributions(table, audit),
        "Classes": classes(table, positive),
        "Labels in common": missingness(record),
        "Experimental noise": noise_section(audit),
        "Conflicts": conflicts_section(table),
        "Largest scaffolds": scaffolds_section(table),
        "Chemical space": _map(table, fold),
    }
    return page(f"Data card: {record.name}", _header(table, audit, about) + sections(parts))


def _header(table: Examined, audit: Audit, about: Mapping[str, str]) -> str:
    atoms = table.facts["atoms"]
    size = f", {int(np.median(atoms))} heavy atoms in the median ({atoms.min()} to {atoms.max()})" if len(atoms) else ""
    lead = (
        f"{counted(audit.rows, 'row')}, {counted(audit.molecules, 'different molecule')}{size}, "
        f"{counted(len(table.record.targets), 'target')}"
    )
    return f'<h1>{escape(table.record.name)}</h1><p class="lead">{lead}</p>{header(about)}'


def _folds(fold: NDArray[np.int8] | None) -> str:
    if fold is None:
        return ""
    cells = "".join(f'<td class="n">{int((fold == i).sum()):,}</td>' for i in range(len(FOLDS)))
    heads = "".join(f'<th class="n">{name}</th>' for name in FOLDS)
    return f"<table><tr><th>Fold</th>{heads}</tr><tr><td>rows</td>{cells}</tr></table>"


def _map(table: Examined, fold: NDArray[np.int8] | None) -> str:
    record = table.record
    layers = []
    if fold is not None:
        layers.append(Layer("fold", fold.astype(np.float64), "folds"))
    for t, name in enumerate(record.targets[:MAPPED]):
        kind = "classes" if record.is_class(t) else "logs" if table.logs[t] else "numbers"
        ends = np.where(np.isfinite(record.low[:, t]), record.low[:, t], record.high[:, t])
        ends = np.where((ends <= 0) & (kind == "logs"), np.nan, ends)
        layers.append(Layer(f"{name} (log10)" if kind == "logs" else name, ends, kind))
    image, made = chemical_map(record.smiles, layers, seed=SEED)
    if not image:
        return ""
    more = len(record.targets) - MAPPED
    rest = f" The first {MAPPED} of {len(record.targets)} targets are shown." if more > 0 else ""
    return f'<p class="soft">{escape(made)}{rest}</p>{image}'
