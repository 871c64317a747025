"""What replicates say about the experiment, and how good a model can look at best on such labels.

A perfect model, judged by single measurements with the error sigma on data with the variance var, has the RMSE sigma,
R2 = 1 - sigma^2 / var and the Pearson correlation sqrt(R2). On assay error and what it leaves to models see Brown,
Muchmore & Hajduk 2009 (doi:10.1016/j.drudis.2009.01.012). Kramer et al. 2012 (doi:10.1021/jm300131x) estimate, by their
abstract, a standard deviation of 0.54 pKi units for public Ki values and at most 0.81 for the squared Pearson
correlation on large sets of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

CONFIDENCE = 0.95


class Noise(NamedTuple):
    """Experimental error of a target of numbers, in its unit, or in decades."""

    sigma: float
    """Pooled standard deviation within molecules."""
    low: float
    high: float
    """95 % confidence interval of sigma, by chi-square; it supposes normal errors of one size."""
    freedom: int
    """Degrees of freedom: replicates beyond the first of each molecule."""
    molecules: int
    """Molecules with two or more exact labels."""
    identical: int
    """Of these, those whose labels are all equal: often one measurement entered twice, which makes sigma too small."""
    spread: float
    """Standard deviation of one label over molecules, noise included."""
    logs: bool
    """Whether all of this is about decimal logarithms of the labels."""

    @property
    def r2(self) -> float:
        """R2 of a perfect model, 0 if noise is all there is."""
        return max(0.0, 1 - self.sigma**2 / self.spread**2) if self.spread else 0.0

    @property
    def pearson(self) -> float:
        """Correlation of a perfect model with single measurements."""
        return float(np.sqrt(self.r2))


class ClassNoise(NamedTuple):
    """Disagreement of replicates of a target of two classes."""

    disagreement: float
    """Share of the pairs of replicates that differ in class."""
    molecules: int
    """Molecules with two or more labels."""
    discordant: int
    """Of these, those that have both classes."""

    @property
    def error(self) -> float:
        """Chance that a label is wrong, if errors are independent and as frequent in both classes: d = 2 e (1 - e)."""
        return float(1 - (1 - 2 * min(self.disagreement, 0.5)) ** 0.5) / 2

    @property
    def accuracy(self) -> float:
        """Accuracy of a perfect model."""
        return 1 - self.error


def noise(values: NDArray[np.float64], molecule: NDArray[np.int64], *, logs: bool) -> Noise | None:
    """Pooled error of exact labels (n,), each of the molecule (n,); None without replicates."""
    _, group, size = np.unique(molecule, return_inverse=True, return_counts=True)
    freedom = len(values) - len(size)
    if freedom == 0:
        return None
    mean = np.bincount(group, values) / size
    squares = float(np.sum((values - mean[group]) ** 2))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.sqrt(squares / chi2.ppf([1 - tail, tail], freedom))
    same = _per_group(values, group, np.maximum, len(size)) == _per_group(values, group, np.minimum, len(size))
    each = 1 / size[group]  # a molecule measured often counts no more than another
    spread = np.sqrt(np.average((values - mean.mean()) ** 2, weights=each))
    many = size > 1
    return Noise(
        float(np.sqrt(squares / freedom)),
        float(low),
        float(high),
        freedom,
        int(many.sum()),
        int((same & many).sum()),
        float(spread),
        logs,
    )


def class_noise(values: NDArray[np.float64], molecule: NDArray[np.int64]) -> ClassNoise | None:
    """Disagreement of labels 0 and 1 (n,), each of the molecule (n,); None without replicates."""
    _, group, size = np.unique(molecule, return_inverse=True, return_counts=True)
    pairs = (size * (size - 1) // 2).sum()
    if pairs == 0:
        return None
    ones = np.bincount(group, values).astype(np.int64)
    zeros = size - ones
    return ClassNoise(float((ones * zeros).sum() / pairs), int((size > 1).sum()), int(((ones > 0) & (zeros > 0)).sum()))


def _per_group(values: NDArray[np.float64], group: NDArray[np.int64], of: np.ufunc, n: int) -> NDArray[np.float64]:
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n))
    return np.asarray(of.reduceat(values[order], starts))
