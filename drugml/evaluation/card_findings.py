"""Rows and findings of a data card."""

from collections import Counter
from html import escape

import numpy as np

from drugml.data.audit.finding import Audit, Finding, Severity, counted
from drugml.data.audit.record import Record

ALIKE_SHOWN = 4
"""Findings of one kind in full; a table of many targets has one for each."""


def accounting(record: Record, audit: Audit) -> str:
    """What became of every row; the parts add up to the file."""
    parts = [("usable", audit.usable)]
    parts += [
        (f"rejected: {status.value.replace('_', ' ')}", n)
        for status, n in Counter(b.reject.status for b in record.bad).most_common()
    ]
    if sum(n for _, n in parts) != record.rows:
        raise ValueError("the parts do not add up to the rows of the table")
    rows = "".join(f'<tr><td>{escape(name)}</td><td class="n">{n:,}</td></tr>' for name, n in parts)
    bare = int(np.isnan(record.low).all(axis=1).sum()) if record.targets else 0
    without = f"Of the usable rows, {bare:,} have no label. " if bare else ""
    return (
        f'<table><tr><th>Rows</th><th class="n">number</th></tr>{rows}<tr class="sum"><td>all rows of the file</td>'
        f'<td class="n">{record.rows:,}</td></tr></table><p class="soft">{without}The usable rows are '
        f"{counted(audit.molecules, 'different molecule')} by InChIKey.</p>"
    )


def findings(audit: Audit) -> str:
    """All findings, the gravest first; of many alike the largest ones."""
    if not audit.findings:
        return "<p>Nothing to report.</p>"
    counts = ", ".join(counted(len(audit.of(s)), s.value) for s in Severity if audit.of(s))
    kinds: dict[tuple[Severity, str], list[Finding]] = {}
    for f in audit.findings:
        kinds.setdefault((f.severity, f.kind), []).append(f)
    return f"<p>{counts}</p>" + "".join(map(_alike, kinds.values()))


def _alike(findings: list[Finding]) -> str:
    largest = sorted(findings, key=lambda f: -f.share)
    shown, rest = largest[:ALIKE_SHOWN], largest[ALIKE_SHOWN:]
    first = shown[0]
    kind = escape(first.kind.replace("_", " "))
    body = "".join(map(_one, shown))
    if rest:
        names = ", ".join(repr(f.target) for f in rest[:30]) + (", …" if len(rest) > 30 else "")
        body += f'<p class="soft">and {len(rest)} more: {escape(names)}</p>'
    return (
        f'<div class="finding {first.severity.value}"><span class="badge">{first.severity.value}</span><b>{kind}</b>'
        f'{body}<div class="advice">→ {escape(first.advice)}</div></div>'
    )


def _one(finding: Finding) -> str:
    share = f'<span class="share"> ({_percent(finding.share)})</span>'
    examples = "".join(
        f'<li>line {e.line}: <span class="smiles">{escape(_cut(e.text))}</span> – {escape(_cut(e.detail))}</li>'
        for e in finding.examples
    )
    return f"<p>{escape(finding.text)}{share}</p>" + (f"<ul>{examples}</ul>" if examples else "")


def _percent(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"
