"""Errors by how like a molecule is to the training molecule most like it.

Shape letters: M molecules, T targets.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from drugml.evaluation.report.charts import Axis, axis, panel, panels, plot, table, whiskers, word
from drugml.evaluation.report.scores import Score, scores
from drugml.evaluation.report.tested import Predicted, part

EDGES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of Tanimoto similarity; 1 is in the last bin."""
NUMBERS, CLASSES = ("rmse", "mae"), ("roc_auc",)


class Bin(NamedTuple):
    """The molecules of a range of similarity."""

    low: float
    high: float
    molecules: int
    labels: int
    found: dict[str, Score]


def bins(tested: Predicted) -> list[Bin]:
    """Those that have a label; metrics are means over targets."""
    tested = part(tested, tested.sample)
    compared = ~np.isnan(tested.similarity) & ~np.isnan(tested.labels).all(axis=1)
    place = np.searchsorted(EDGES[1:-1], tested.similarity, side="right")
    out = []
    for i, (low, high) in enumerate(pairwise(EDGES)):
        rows = np.flatnonzero(compared & (place == i))
        if len(rows):
            inside = part(tested, rows)
            found, _ = scores(inside, CLASSES if tested.classes else NUMBERS)
            out.append(Bin(low, high, len(rows), int((~np.isnan(inside.labels)).sum()), found))
    return out


def by_similarity(tested: Predicted, found: list[Bin], learned: int) -> str:
    """Table and chart of the bins.

    Args:
        tested: the test fold.
        found: its bins.
        learned: training molecules that were compared with.
    """
    if not found:
        return "<p>No test molecule with a label could be compared.</p>"
    names = [*found[0].found]
    said = [f"{b.low:.1f} to {b.high:.1f}" for b in found]
    rows = [
        [text, f"{b.molecules:,}", f"{b.labels:,}", *(_cell(b.found[n]) for n in names)]
        for text, b in zip(said, found, strict=True)
    ]
    compared = len(tested.sample)
    of = "all" if compared == len(tested.lines) else f"a random sample of {compared:,} of the"
    note = (
        f"Tanimoto similarity (Morgan, radius 2, 2,048 bits) of {of} {len(tested.lines):,} test molecules to the most "
        f"like of {learned:,} that were learned from. In brackets 95 % intervals; a dash: undefined there."
    )
    drawn = "brier" if tested.classes else "rmse"
    low, high, value = (np.array([getattr(b.found[drawn], k) for b in found]) for k in ("low", "high", "value"))
    at = np.array([(b.low + b.high) / 2 for b in found])
    x = Axis("similarity to the nearest training molecule", 0.0, 1.0)
    y = axis(_shown(drawn), value, low, high, np.zeros(1), margin=0.12)._replace(low=0.0)
    parts = [whiskers(x, y, at, value, low, high)]
    parts += [word(x, y, a, y.high * 0.955, f"{b.molecules:,}") for a, b in zip(at, found, strict=True)]
    chart = panel(f"{_shown(drawn)} by similarity", "numbers are molecules", plot(x, y, parts))
    header = ["similarity", "molecules", "labels", *(_shown(n) for n in names)]
    return f'<p class="soft">{note}</p>{table(header, rows)}{panels([chart])}'


def _cell(score: Score) -> str:
    return "–" if np.isnan(score.value) else str(score)


def _shown(name: str) -> str:
    return {"roc_auc": "ROC AUC", "brier": "Brier score"}.get(name, name.upper())
