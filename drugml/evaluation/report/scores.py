"""Metrics of a test fold with intervals, and why one is undefined.

Shape letters: M molecules, T targets, B draws.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.evaluation.intervals import LEVEL
from drugml.evaluation.report.resampled import resampled
from drugml.evaluation.report.tested import SEED, Predicted
from drugml.tasks.metrics import METRICS, one

Floats = NDArray[np.float64]
FEW = 10
"""Labels below which molecules drawn again say nothing about others."""
DEFINED = 0.9
"""Share of draws in which a metric must be defined to have an interval."""
CALIBRATION = ("brier", "ece")


class Score(NamedTuple):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float
    why: str
    """Reason why the value or its interval is NaN; empty if neither is."""

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "undefined"
        return f"{self.value:.4g}" if np.isnan(self.low) else f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def scores(tested: Predicted, names: Sequence[str]) -> tuple[dict[str, Score], list[dict[str, Score]]]:
    """Mean over targets, and each target.

    Intervals are percentiles over molecules drawn with replacement, the same draws for all metrics and targets. They
    say how much depends on which molecules were tested, and nothing of another training run or split.

    Args:
        tested: the test fold.
        names: metrics of the task; of classes those of calibration are added.
    """
    names = [*names, *(CALIBRATION if tested.classes else ())]
    targets = range(len(tested.targets))
    values = {n: np.array([one(n, *tested.of(t)) for t in targets]) for n in names}
    finite = np.where(np.isfinite(tested.predicted), tested.predicted, 0.5)  # of what is not, no value is shown
    drawn = resampled(names, tested.labels, finite, SEED)
    for n in names:
        drawn[n][:, np.isnan(values[n])] = np.nan
    each = [{n: _score(n, float(values[n][t]), drawn[n][:, t], *tested.of(t)) for n in names} for t in targets]
    if len(each) == 1:
        return each[0], each
    return {n: _mean(values[n], drawn[n], [s[n] for s in each], tested) for n in names}, each


def why(name: str, y: Floats, p: Floats) -> str:
    """Why a metric of one target is undefined."""
    metric = METRICS.get(name)
    if not len(y):
        return "no label in the test fold"
    if not np.isfinite(p).all():
        return "a prediction is not finite"
    if metric is not None and len(y) < metric.least:
        return "one label only"
    if metric is not None and metric.both_classes:
        return "labels of one class only"
    return "all labels are equal" if np.ptp(y) == 0 else "all predictions are equal"


def _score(name: str, value: float, drawn: Floats, y: Floats, p: Floats) -> Score:
    if np.isnan(value):
        return Score(value, np.nan, np.nan, why(name, y, p))
    return _interval(value, drawn, len(y))


def _mean(values: Floats, drawn: Floats, each: Sequence[Score], tested: Predicted) -> Score:
    known = ~np.isnan(values)
    if not known.any():
        return Score(np.nan, np.nan, np.nan, f"of every target: {', '.join(sorted({s.why for s in each}))}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw may leave all targets undefined
        means = np.nanmean(drawn, axis=1)
    found = _interval(float(values[known].mean()), means, int((~np.isnan(tested.labels)).any(axis=1).sum()))
    missing = f"mean of the {known.sum()} targets of {len(values)} for which it is defined" if not known.all() else ""
    return found._replace(why="; ".join(filter(None, [missing, found.why])))


def _interval(value: float, drawn: Floats, labels: int) -> Score:
    drawn_known = drawn[~np.isnan(drawn)]
    if labels < FEW:
        return Score(value, np.nan, np.nan, f"no interval: {labels} labels are too few")
    if len(drawn_known) < DEFINED * len(drawn):
        return Score(value, np.nan, np.nan, "no interval: undefined in too many of the draws")
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn_known, [tail, 100 - tail])
    return Score(value, float(low), float(high), "")
