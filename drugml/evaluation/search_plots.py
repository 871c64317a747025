"""Figures of a search: how its trials came along, and how much each setting mattered."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

OUTSIDE = 5
"""Trials further than so many interquartile ranges from the median do not stretch the axis."""


def plot_history(
    complete: Mapping[int, float], pruned: Mapping[int, float], metric: str, rising: bool, path: Path
) -> None:
    """Draw the validation metric of each trial, and the best so far, into a PNG file.

    Args:
        complete: number of a trial to its metric.
        pruned: number to the last value before it was ended.
        metric: name.
        rising: whether more is better.
        path: file to write.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    panel = figure.subplots()
    numbers = sorted(complete)
    values = np.array([complete[n] for n in numbers])
    if len(numbers):
        best = np.maximum.accumulate(values) if rising else np.minimum.accumulate(values)
        panel.step(numbers, best, where="post", color="grey", linewidth=1, label="best so far")
        panel.scatter(numbers, values, s=16, label="complete")
    if pruned:
        panel.scatter([*pruned], [*pruned.values()], s=16, facecolors="none", edgecolors="tab:orange", label="pruned")
    low, high = _window([*complete.values(), *pruned.values()])
    if low < high:
        panel.set_ylim(low, high)
    panel.set(xlabel="trial", ylabel=f"{metric} on the validation fold")
    if numbers or pruned:
        panel.legend()
    figure.savefig(path, dpi=120)


def plot_importance(importance: Mapping[str, float], trials: int, path: Path) -> None:
    """Draw shares of importance (they add up to 1) as bars into a PNG file.

    Args:
        importance: setting to its share.
        trials: complete ones, of which they were estimated.
        path: file to write.
    """
    names = sorted(importance, key=lambda n: importance[n])
    figure = Figure(figsize=(8, 1 + 0.35 * len(names)), layout="constrained")
    panel = figure.subplots()
    panel.barh(names, [importance[n] for n in names])
    panel.set(xlabel=f"importance (PED-ANOVA on {trials} complete trials)", xlim=(0, 1))
    figure.savefig(path, dpi=120)


def _window(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that leaves out what lies far away."""
    finite = np.array([v for v in values if np.isfinite(v)])
    if not len(finite):
        return 0.0, 0.0
    quarter, middle, three = np.quantile(finite, [0.25, 0.5, 0.75])
    reach = OUTSIDE * (three - quarter)
    inside = finite[np.abs(finite - middle) <= reach] if reach > 0 else finite
    margin = 0.05 * float(np.ptp(inside))
    return float(inside.min()) - margin, float(inside.max()) + margin
