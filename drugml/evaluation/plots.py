"""Figures of test predictions: parity for numbers, ROC for classes.

Shape letters: M molecules, T targets.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

COLUMNS = 3
MOST = 9
"""Targets drawn at most."""


def plot(
    kind: str, targets: Sequence[str], labels: NDArray[np.float64], predicted: NDArray[np.float64], path: Path
) -> None:
    """Draw one panel per target (the first nine) of labels and predictions (M, T) into a PNG file."""
    shown = targets[:MOST]
    rows = -(-len(shown) // COLUMNS)
    columns = min(len(shown), COLUMNS)
    figure = Figure(figsize=(4 * columns, 4 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False).ravel())
    for i, (panel, name) in enumerate(zip(panels, shown, strict=False)):
        known = ~np.isnan(labels[:, i])
        draw = _roc if kind == "classification" else _parity
        draw(panel, labels[known, i], predicted[known, i])
        panel.set_title(name, parse_math=False)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.savefig(path, dpi=120)


def _parity(panel: Axes, y: NDArray[np.float64], p: NDArray[np.float64]) -> None:
    ends = [float(min(y.min(), p.min())), float(max(y.max(), p.max()))] if len(y) else [0.0, 1.0]
    panel.plot(ends, ends, color="grey", linewidth=1)
    panel.scatter(y, p, s=8, alpha=0.6)
    panel.set(xlabel="measured", ylabel="predicted", aspect="equal")


def _roc(panel: Axes, y: NDArray[np.float64], p: NDArray[np.float64]) -> None:
    panel.plot([0, 1], [0, 1], color="grey", linewidth=1)
    if len(np.unique(y)) == 2:
        false, true, _ = roc_curve(y, p)
        panel.plot(false, true)
    panel.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
