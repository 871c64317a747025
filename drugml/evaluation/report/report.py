"""The report of a run: how good the model is, where it is wrong, and what it was made of, as one HTML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from drugml.evaluation.card_molecules import Tile, tiles
from drugml.evaluation.page import header, page, sections
from drugml.evaluation.report.charts import STYLE, table
from drugml.evaluation.report.curves import History, curves
from drugml.evaluation.report.pictures import pictures
from drugml.evaluation.report.scores import Score, scores
from drugml.evaluation.report.similarity import Bin, bins, by_similarity
from drugml.evaluation.report.tested import Predicted

FINDINGS = 6
"""Of the audit that are quoted; the data card has all."""
SINGLE = 200
"""Targets in the table of single targets."""
LONG = 300


class Summary:
    """All that is computed once for the report and the card of the model."""

    def __init__(self, tested: Predicted, names: Sequence[str]) -> None:
        self.tested, self.names = tested, tuple(names)
        self.scores, self.each = scores(tested, names)
        self.bins: list[Bin] = bins(tested)


@dataclass(frozen=True)
class Data:
    """What was learned from, in words."""

    rejected: Mapping[str, int]
    """Reason to number of rows."""
    findings: Sequence[Mapping[str, str]] | None
    """Severity, kind and text of what the audit found, the gravest first; None where that is not known."""
    learned: int
    """Different molecules that were learned from."""


def report(title: str, about: Mapping[str, str], found: Summary, data: Data, histories: Sequence[History]) -> str:
    """The whole page.

    Args:
        title: as text.
        about: lines of the header, as text.
        found: the test fold.
        data: what was learned from.
        histories: of the model, or of each member.
    """
    tested = found.tested
    labels = int((~np.isnan(tested.labels)).sum())
    lead = f"{len(tested.lines):,} test molecules, {labels:,} labels of {len(tested.targets)} target" + (
        "s" if len(tested.targets) > 1 else ""
    )
    parts = {
        "Test fold": _metrics(found),
        "Single targets": _single(found),
        "Predictions": pictures(tested, found.each),
        "Errors by similarity": by_similarity(tested, found.bins, data.learned),
        f"The {len(w)} worst predictions" if (w := tested.worst()) else "Worst predictions": _worst(tested, w),
        "Learning curves": curves(histories, found.names),
        "Data": _data(data),
    }
    head = f'<h1>{escape(title)}</h1><p class="lead">{lead}</p>{header(about)}'
    return page(f"Report: {title}", head + sections(parts), STYLE)


def _metrics(found: Summary) -> str:
    rows = [[n, _value(s), _ends(s), s.why] for n, s in found.scores.items()]
    several = "Means over targets. " if len(found.tested.targets) > 1 else ""
    note = (
        f"{several}Intervals: percentiles of the metric over test molecules drawn with replacement; they say nothing "
        "of other training runs or splits."
    )
    return table(["metric", "value", "95 % interval", ""], rows, (0, 3)) + f'<p class="soft">{note}</p>'


def _single(found: Summary) -> str:
    tested = found.tested
    if len(tested.targets) == 1:
        return ""
    names = [*found.scores]
    rows = []
    for t, scored in enumerate(found.each[:SINGLE]):
        y, _ = tested.of(t)
        why = "; ".join(dict.fromkeys(f"{s.why}" for s in scored.values() if s.why))
        share = [f"{y.mean():.1%}" if len(y) else "–"] if tested.classes else []
        rows.append([_cut(tested.shown[t], 80), f"{len(y):,}", *share, *(_brief(scored[n]) for n in names), why])
    more = len(tested.targets) - SINGLE
    rest = f'<p class="soft">and {more:,} more targets, which are in metrics.json.</p>' if more > 0 else ""
    heads = ["target", "labels", *(["positive"] if tested.classes else []), *names, ""]
    return table(heads, rows, (0, len(heads) - 1)) + rest


def _worst(tested: Predicted, worst: Sequence[tuple[int, int]]) -> str:
    items = []
    for i, t in worst:
        y, p, like = tested.labels[i, t], tested.predicted[i, t], tested.similarity[i]
        name = [_cut(tested.shown[t], 60)] if len(tested.targets) > 1 else []
        near = "not compared" if np.isnan(like) else f"{like:.2f}"
        items.append(
            Tile(
                tested.smiles[i],
                [
                    *name,
                    f"{_label(tested, t, y)}, predicted {p:.4g}",
                    f"nearest training molecule {near}",
                    f"line {tested.lines[i]}",
                ],
                scaffold=False,
            )
        )
    scale = " in standard deviations of the target" if not tested.classes and len(tested.targets) > 1 else ""
    what = "probability and class are furthest apart" if tested.classes else f"error is largest{scale}"
    return f'<p class="soft">Where {what}.</p>{tiles(items)}' if items else "<p>No label in the test fold.</p>"


def _label(tested: Predicted, target: int, label: float) -> str:
    if not tested.classes:
        return f"measured {label:.4g}"
    name = _cut(tested.positive[target], 40)
    return f"measured {'' if label else 'not '}{name}" if name != "1" else f"measured {label:.0f}"


def _data(data: Data) -> str:
    out = '<p>All of it is in <a href="data_card.html">data_card.html</a> beside this file.</p>'
    total = sum(data.rejected.values())
    if total:
        rows = [[k.replace("_", " "), f"{n:,}"] for k, n in data.rejected.items()]
        out += table(["rows not used, or not in whole", "number"], [*rows, ["together", f"{total:,}"]])
    else:
        out += "<p>No row was rejected.</p>"
    if data.findings is None:
        return out
    grave = [f for f in data.findings if f["severity"] != "note"]
    for f in grave[:FINDINGS]:
        out += (
            f'<div class="finding {escape(f["severity"])}"><span class="badge">{escape(f["severity"])}</span>'
            f"<b>{escape(f['kind'])}</b><p>{escape(_cut(f['text'], LONG))}</p></div>"
        )
    rest = len(grave) - FINDINGS
    return out + (f'<p class="soft">and {rest} more</p>' if rest > 0 else "" if grave else "<p>No warnings.</p>")


def _value(score: Score) -> str:
    return "undefined" if np.isnan(score.value) else f"{score.value:.4f}"


def _ends(score: Score) -> str:
    return "" if np.isnan(score.low) else f"{score.low:.4f} to {score.high:.4f}"


def _brief(score: Score) -> str:
    return "–" if np.isnan(score.value) else str(score)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
