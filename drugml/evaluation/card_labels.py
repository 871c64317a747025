"""Labels in a data card: distributions, classes, gaps, experimental noise."""

from collections.abc import Mapping
from html import escape

import numpy as np

from drugml.data.audit.finding import Audit, counted
from drugml.data.audit.noise import ClassNoise, Noise
from drugml.data.audit.record import Record
from drugml.data.audit.rows import shared
from drugml.data.audit.table import Examined
from drugml.evaluation.card_charts import balance, histogram, matrix

CHARTS = 24
"""Targets whose distribution is drawn."""
BALANCES = 120
"""Targets whose classes are shown."""
MATRIX = 40
"""Targets in the matrix of common labels."""
NOISE_ROWS = 60
RELIABLE = 10
"""Degrees of freedom below which an estimate of noise says little."""


def distributions(table: Examined, audit: Audit) -> str:
    """A histogram for each target of numbers."""
    record = table.record
    numeric = [t for t in range(len(record.targets)) if record.known(t).any() and not record.is_class(t)]
    panels = []
    for t in numeric[:CHARTS]:
        name, low, high = record.targets[t], record.low[:, t], record.high[:, t]
        chart = histogram(low, high, audit.piles.get(name, ()), logs=table.logs[t])
        values = record.values(t)
        limits = int(record.known(t).sum()) - len(values)
        said = f"{counted(len(values), 'label')}" + (f", {counted(limits, 'limit')} (< or >)" if limits else "")
        if len(values):
            said += f"; median {np.median(values):.4g}"
        scale = "; log scale" if table.logs[t] else ""
        panels.append(f'<div class="panel"><h3>{escape(name)}</h3><small>{said}{scale}</small>{chart}</div>')
    if not panels:
        return ""
    legend = '<p class="soft">Red: suspected assay floor or ceiling. Orange: labels marked with &lt; or &gt;.</p>'
    return legend + f'<div class="panels">{"".join(panels)}</div>' + _more(len(numeric), CHARTS)


def classes(table: Examined, positive: Mapping[str, str]) -> str:
    """Balance of each target of two classes."""
    record = table.record
    found = [t for t in range(len(record.targets)) if record.is_class(t)]
    panels = []
    for t in found[:BALANCES]:
        name, values = record.targets[t], record.values(t)
        one = positive.get(name, "1")
        names = ("0" if one == "1" else f"not {one}", one)
        panels.append(
            f'<div class="panel"><h3>{escape(name)}</h3>{balance(int(values.sum()), len(values), names)}</div>'
        )
    return f'<div class="panels">{"".join(panels)}</div>' + _more(len(found), BALANCES) if panels else ""


def missingness(record: Record) -> str:
    """How many rows have labels of two targets; the diagonal is each target alone."""
    if len(record.targets) < 2 or not len(record.lines):
        return ""
    targets = record.targets[:MATRIX]
    together = shared(~np.isnan(record.low[:, : len(targets)]))
    return (
        '<p class="soft">Rows with labels of both targets; on the diagonal, of the target itself.</p>'
        + matrix(targets, together)
        + _more(len(record.targets), MATRIX)
    )


def noise_section(audit: Audit) -> str:
    """What replicates say, and the best figures that a model can reach."""
    if not audit.noise:
        return (
            "<p>No molecule has two exact labels of one target, so the data do not say how exact they are. Measure "
            "some molecules twice, or take the error from the assay's validation.</p>"
        )
    shown = [*audit.noise.items()][:NOISE_ROWS]
    numbers = "".join(_number_row(name, n) for name, n in shown if isinstance(n, Noise))
    groups = "".join(_class_row(name, n) for name, n in shown if isinstance(n, ClassNoise))
    text = ""
    if numbers:
        text += (
            "<p>Labels of the same molecule differ by experimental error, and a model cannot be better than its "
            "yardstick: a perfect model still has this RMSE, R² and correlation on single measurements from these "
            "data. A better figure on a test set means chance, leakage, or replicates that are copies.</p>"
            '<table><tr><th>Target</th><th class="n">molecules with replicates</th><th class="n">best RMSE = error σ '
            '(95% interval)</th><th class="n">spread of the labels</th><th class="n">best R²</th><th class="n">best '
            f"Pearson r</th><th></th></tr>{numbers}</table>"
            '<p class="soft">σ: pooled standard deviation within molecules, interval by chi-square. Best R² = 1 − '
            "σ²/spread², best r = √R². On experimental error and models see Brown, Muchmore &amp; Hajduk 2009, "
            "doi:10.1016/j.drudis.2009.01.012, and Kramer, Kalliokoski, Gedeck &amp; Vulpetti 2012, "
            "doi:10.1021/jm300131x.</p>"
        )
    if groups:
        text += (
            '<table><tr><th>Target</th><th class="n">molecules with replicates</th><th class="n">in both classes</th>'
            '<th class="n">pairs that disagree</th><th class="n">best accuracy</th><th></th></tr>'
            f'{groups}</table><p class="soft">Best accuracy: 1 − e with 2e(1 − e) = share of pairs that disagree, if '
            "errors are independent and as frequent in both classes.</p>"
        )
    return text + _more(len(audit.noise), NOISE_ROWS)


def _number_row(name: str, n: Noise) -> str:
    unit = " decades" if n.logs else ""
    remarks = []
    best = '–</td><td class="n">–' if n.freedom < RELIABLE else f'{n.r2:.2f}</td><td class="n">{n.pearson:.2f}'
    if n.freedom < RELIABLE:
        remarks.append("too few replicates to rely on")
    if n.identical:
        remarks.append(f"{counted(n.identical, 'molecule')} with all labels equal: copies would make σ too small")
    return (
        f'<tr><td>{escape(name)}</td><td class="n">{n.molecules:,}</td><td class="n">{n.sigma:.3g} ({n.low:.3g}–'
        f'{n.high:.3g}){unit}</td><td class="n">{n.spread:.3g}{unit}</td><td class="n">{best}</td>'
        f'<td class="soft">{"; ".join(remarks)}</td></tr>'
    )


def _class_row(name: str, n: ClassNoise) -> str:
    few = n.molecules < RELIABLE
    remark = "too few replicates to rely on" if few else ""
    figures = '–</td><td class="n">–' if few else f'{n.disagreement:.1%}</td><td class="n">{n.accuracy:.1%}'
    return (
        f'<tr><td>{escape(name)}</td><td class="n">{n.molecules:,}</td><td class="n">{n.discordant:,}</td>'
        f'<td class="n">{figures}</td><td class="soft">{remark}</td></tr>'
    )


def _more(n: int, most: int) -> str:
    return f'<p class="soft">The first {most} of {n:,} targets are shown.</p>' if n > most else ""
