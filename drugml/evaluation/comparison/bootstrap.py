"""Models that were tested on the same molecules, compared by drawing these again.

Shape letters: M molecules, T targets, K models, B draws.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drugml.evaluation.comparison.paired import Pairwise, holm
from drugml.evaluation.intervals import LEVEL
from drugml.tasks.metrics import evaluate

Floats = NDArray[np.float64]


def draws(metric: str, labels: Floats, predictions: Sequence[Floats], number: int, seed: int) -> Floats:
    """A metric of each model on molecules drawn with replacement, the same for all models, (B, K).

    Where labels drawn leave the metric undefined, it is NaN.

    Args:
        metric: such as rmse; the mean over targets.
        labels: (M, T)
        predictions: (M, T) of each of K models.
        number: B.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    targets = [str(t) for t in range(labels.shape[1])]
    out = np.full((number, len(predictions)), np.nan)
    for b in range(number):
        at = rng.integers(len(labels), size=len(labels))
        out[b] = [evaluate((metric,), targets, labels[at], p[at])[metric] for p in predictions]
    return out


def bootstrap(measured: Floats, drawn: Floats) -> Pairwise:
    """Differences of models with percentile intervals, from a metric as measured (K,) and as drawn (B, K).

    It says how much a difference depends on which molecules were tested, and nothing of what another training run or
    another split would give. Intervals are widened for the number of pairs by Bonferroni; p is the smallest level at
    which the interval has 0 at its end, adjusted by Holm.

    Source: Efron, B.; Tibshirani, R. An Introduction to the Bootstrap, 1993, chapters 13 and 15.
    """
    models = len(measured)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    i, j = np.triu_indices(models, 1)
    each = drawn[:, i] - drawn[:, j]
    tail = 100 * (1 - LEVEL) / 2 / max(len(i), 1)
    low, high = np.percentile(each, [tail, 100 - tail], axis=0)
    beyond = np.minimum((each <= 0).sum(axis=0), (each >= 0).sum(axis=0))
    p = holm(np.minimum(1.0, 2 * (beyond + 1) / (len(each) + 1)))
    out = Pairwise(measured[:, None] - measured[None, :], *(np.zeros((models, models)) for _ in range(3)))
    out.p[:] = 1
    out.p[i, j] = out.p[j, i] = p
    out.low[i, j], out.high[i, j] = low, high
    out.low[j, i], out.high[j, i] = -high, -low
    return out
