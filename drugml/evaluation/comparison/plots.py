"""Pictures of a comparison.

Shape letter: K models.
"""

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from drugml.evaluation.comparison.comparison import Comparison
from drugml.evaluation.comparison.verdict import Verdict

COLOURS = {Verdict.BETTER: "#2f7d4f", Verdict.WORSE: "#b3261e", Verdict.EQUIVALENT: "#3f6fb0", Verdict.OPEN: "#6b7280"}
MOST = 15
"""Models up to which every pair is drawn."""


def intervals(found: Comparison) -> Figure:
    """Difference of each model to the best one, with its simultaneous interval."""
    names = found.names[1:]
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(names)), layout="constrained")
    panel = figure.subplots()
    for row, name in enumerate(names):
        k = row + 1
        low, high, middle = found.test.low[k, 0], found.test.high[k, 0], found.test.difference[k, 0]
        colour = COLOURS[found.verdict(k, 0)]
        panel.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        panel.plot(middle, row, "o", color=colour, markersize=6)
        panel.annotate(found.verdict(k, 0).value, (high, row), (6, 0), textcoords="offset points", va="center",
                       fontsize=8, color=colour)  # fmt: skip
        panel.text(-0.02, row, name, transform=panel.get_yaxis_transform(), ha="right", va="center", fontsize=9)
    if found.margin:
        panel.axvspan(-found.margin, found.margin, color="#3f6fb0", alpha=0.12, linewidth=0)
    panel.axvline(0, color="black", linewidth=1)
    panel.set(yticks=[], ylim=(len(names) - 0.5, -0.5))
    panel.margins(x=0.18)
    way = "higher" if found.higher_is_better else "lower"
    panel.set_xlabel(f"{found.metric} minus that of {found.names[0]} ({way} is better)")
    panel.spines[["top", "right", "left"]].set_visible(False)
    return figure


def matrix(found: Comparison) -> Figure:
    """Every pair: colour and number are the difference (row minus column), bold where it is decided."""
    names, difference = found.names[:MOST], found.test.difference[:MOST, :MOST]
    gain = difference if found.higher_is_better else -difference
    size = 2.2 + 0.75 * len(names)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    panel = figure.subplots()
    most = max(float(np.abs(gain).max()), 1e-12)
    panel.imshow(gain, cmap="RdYlGn", norm=TwoSlopeNorm(0, -1.6 * most, 1.6 * most))
    for i in range(len(names)):
        for j in range(len(names)):
            if i != j:
                decided = found.verdict(i, j) in (Verdict.BETTER, Verdict.WORSE)
                weight = "bold" if decided else "normal"
                panel.text(j, i, f"{difference[i, j]:+.3g}", ha="center", va="center", fontsize=8, weight=weight)
    panel.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.set_title(f"{found.metric}: row minus column; green: the row is better, bold: decided", fontsize=9)
    panel.tick_params(length=0)
    return figure
