"""Learning curves, from what was written of each epoch.

Shape letter: E epochs.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.evaluation.report.charts import Axis, axis, line, panel, panels, plot

MOST = 2
"""Metrics of validation that are drawn."""
History = dict[str, NDArray[np.float64]]
"""Metric to its value in each epoch, (E,)."""


def history(path: Path) -> History:
    """What `metrics.csv` holds; empty where there is none, as of models that have no epochs."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    return {k: np.array([float(r[k] or "nan") for r in rows]) for k in (rows[0] if rows else {})}


def curves(histories: Sequence[History], metrics: Sequence[str]) -> str:
    """Panels of loss and of the first metrics of validation; one line for each member of an ensemble.

    Args:
        histories: of the model or of each member.
        metrics: of the task.
    """
    trained = [h for h in histories if len(h.get("epoch", ())) > 0]
    if not trained:
        return ""
    several = f"{len(trained)} members; " if len(trained) > 1 else ""
    many = "many" if len(trained) > 1 else ""
    x = axis("epoch", *(h["epoch"] for h in trained), margin=0.02)._replace(whole=True)
    out = [_loss(trained, x, several, many)]
    for name in [m for m in metrics if any(f"val/{m}" in h for h in trained)][:MOST]:
        here = [h for h in trained if f"val/{name}" in h]
        y = axis(f"val/{name}", *(h[f"val/{name}"] for h in here))
        lines = [line(x, y, h["epoch"], h[f"val/{name}"], f"line second {many}") for h in here]
        out.append(panel(f"val/{name}", f"{several}mean over targets, by epoch", plot(x, y, lines)))
    return panels(out)


def _loss(trained: Sequence[History], x: Axis, several: str, many: str) -> str:
    kinds = {"train/loss": "line", "val/loss": "line second"}
    y = axis("loss", *(h[k] for h in trained for k in kinds if k in h))
    lines = [line(x, y, h["epoch"], h[k], f"{kind} {many}") for h in trained for k, kind in kinds.items() if k in h]
    said = "blue: training, red: validation" if any("val/loss" in h for h in trained) else "of training"
    return panel("loss", f"{several}{said}, by epoch", plot(x, y, lines))
