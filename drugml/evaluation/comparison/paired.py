"""Tests for models that were scored on the same folds.

Shape letters: F folds, K models.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drugml.evaluation.intervals import LEVEL

Floats = NDArray[np.float64]


class Pairwise(NamedTuple):
    """Every model against every other, (K, K) each; `difference[i, j]` is the mean of model i minus that of j."""

    difference: Floats
    p: Floats
    """Adjusted for the number of pairs, 1 on the diagonal."""
    low: Floats
    """Ends of the simultaneous intervals of the difference at `LEVEL`."""
    high: Floats


class Ranks(NamedTuple):
    """Rank tests."""

    p: float
    """Whether any model differs: Friedman, for two models Wilcoxon's signed rank."""
    pairs: Floats
    """(K, K) p of each pair, adjusted by Holm: Conover, for two models that of `p`."""


def tukey(scores: Floats) -> Pairwise:
    """Repeated-measures Tukey HSD of scores (F, K): folds are blocks, models the treatment.

    Its error is what is left of the scores without the means of folds and models, so that folds that are hard for every
    model cost no power. It takes folds for independent: what it finds is true of these folds and training sets.
    Equal models in all folds have p = 1.

    Source: Tukey, J. W. The Problem of Multiple Comparisons, 1953; for models in cross-validation Ash, J. R. et al.
    J. Chem. Inf. Model. 2025, doi:10.1021/acs.jcim.5c01609.
    """
    folds, models = scores.shape
    means = scores.mean(axis=0)
    rest = scores - means - scores.mean(axis=1, keepdims=True) + scores.mean()
    freedom = (folds - 1) * (models - 1)
    error = np.sqrt((rest**2).sum() / freedom / folds)
    difference = means[:, None] - means[None, :]
    p = np.ones((models, models))
    i, j = np.triu_indices(models, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.nan_to_num(np.abs(difference[i, j]) / error, nan=0.0)
    p[i, j] = p[j, i] = stats.studentized_range.sf(q, models, freedom)
    reach = _critical(models, freedom) * error
    return Pairwise(difference, p, difference - reach, difference + reach)


@cache
def _critical(models: int, freedom: int) -> float:
    """The studentized range that is passed by chance as often as `LEVEL` allows; found by a search over integrals."""
    return float(stats.studentized_range.ppf(LEVEL, models, freedom))


def corrected_t(scores: Floats, test_share: float) -> Pairwise:
    """Corrected resampled t-test of each pair of scores (F, K), adjusted by Holm; intervals by Bonferroni.

    Training sets of folds overlap; the variance of a mean difference is therefore (1/F + r) s^2 and not s^2/F. What it
    finds is meant to hold for other data of the same kind. Pairs have variances of their own.

    Source: as `drugml.evaluation.intervals.corrected`.

    Args:
        scores: (F, K)
        test_share: r, molecules for test over those for training.
    """
    folds, models = scores.shape
    i, j = np.triu_indices(models, 1)
    each = scores[:, i] - scores[:, j]
    error = each.std(axis=0, ddof=1) * np.sqrt(1 / folds + test_share)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(np.abs(each.mean(axis=0)) / error, nan=0.0)
    p = holm(2 * stats.t.sf(t, folds - 1))
    reach = float(stats.t.ppf(1 - (1 - LEVEL) / 2 / max(len(i), 1), folds - 1)) * error
    out = Pairwise(*(np.zeros((models, models)) for _ in range(4)))
    out.p[:] = 1
    out.p[i, j] = out.p[j, i] = p
    for sign, a, b in ((1, i, j), (-1, j, i)):
        out.difference[a, b] = sign * each.mean(axis=0)
        out.low[a, b] = sign * each.mean(axis=0) - reach
        out.high[a, b] = sign * each.mean(axis=0) + reach
    return out


def ranks(scores: Floats) -> Ranks:
    """Friedman's test of scores (F, K) with Conover's of the pairs; of two models Wilcoxon's signed rank.

    Sources: Friedman, M. J. Am. Stat. Assoc. 1937, 32, 675; Conover, W. J. Practical Nonparametric Statistics, 3rd ed.,
    1999, section 5.8; Wilcoxon, F. Biometrics Bull. 1945, 1, 80.
    """
    folds, models = scores.shape
    if models == 2:
        each = scores[:, 0] - scores[:, 1]
        p = float(stats.wilcoxon(each).pvalue) if each.any() else 1.0
        return Ranks(p, np.array([[1, p], [p, 1]]))
    rank = stats.rankdata(scores, axis=1)
    squares = (rank**2).sum()
    sums = rank.sum(axis=0)
    if (rank == rank[0, 0]).all():  # all models equal in every fold
        return Ranks(1.0, np.ones((models, models)))
    freedom = (folds - 1) * (models - 1)
    error = np.sqrt(2 * (folds * squares - (sums**2).sum()) / freedom)
    i, j = np.triu_indices(models, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(np.abs(sums[i] - sums[j]) / error, nan=0.0)
    pairs = np.ones((models, models))
    pairs[i, j] = pairs[j, i] = holm(2 * stats.t.sf(t, freedom))
    return Ranks(float(stats.friedmanchisquare(*scores.T).pvalue), pairs)


def effect(scores: Floats) -> Floats:
    """Cohen's d of paired scores, (K, K): mean difference over the standard deviation of the differences."""
    difference = scores[:, :, None] - scores[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        d = difference.mean(axis=0) / difference.std(axis=0, ddof=1)
    return np.asarray(np.where(np.isnan(d), 0.0, d))


def holm(p: Floats) -> Floats:
    """Adjust p values so that any false finding among them is as rare as each was said to be.

    Source: Holm, S. Scand. J. Stat. 1979, 6, 65.
    """
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty_like(p)
    out[order] = np.minimum(steps, 1)
    return out
