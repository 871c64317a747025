"""Means over the folds of a cross-validation, and how sure they are.

Shape letter: F folds.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95


class Interval(NamedTuple):
    """A metric over folds."""

    mean: float
    sd: float
    """Standard deviation (denominator F - 1) of the folds, NaN for fewer than two."""
    low: float
    high: float
    """Ends of the interval of the mean at `LEVEL`, NaN for fewer than two folds."""
    folds: int
    """Folds in which the metric is defined."""


def corrected(values: NDArray[np.float64], test_share: float) -> Interval:
    """Mean (F,) with the interval of the corrected resampled t-test; folds of which a value is NaN are left out.

    Training sets of folds overlap, so that their results are not independent and the usual interval is too narrow; its
    variance is multiplied by 1 + F r instead, where r is the size of the test over that of the training set.

    Source: Nadeau, C.; Bengio, Y. Inference for the Generalization Error. Machine Learning 2003, 52, 239-281,
    doi:10.1023/A:1024068626366; for repeated cross-validation Bouckaert, R. R.; Frank, E. PAKDD 2004, 3-12,
    doi:10.1007/978-3-540-24775-3_3.

    Args:
        values: (F,)
        test_share: r, molecules for test over those for training, averaged over folds.
    """
    known = values[~np.isnan(values)]
    n = len(known)
    mean = float(known.mean()) if n else float("nan")
    if n < 2:
        return Interval(mean, float("nan"), float("nan"), float("nan"), n)
    sd = float(known.std(ddof=1))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * sd * float(np.sqrt(1 / n + test_share))
    return Interval(mean, sd, mean - reach, mean + reach, n)
