"""Scores to probabilities by a sigmoid."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, xlog1py, xlogy


class Sigmoid(NamedTuple):
    """p = 1 / (1 + exp(-(slope × score + offset))); a rising score never makes a positive less probable."""

    slope: float
    offset: float


def platt(scores: NDArray[np.float64], positive: NDArray[np.bool_], weight: NDArray[np.float64]) -> Sigmoid:
    """Platt's calibration with the targets of Lin, Lin & Weng 2007, doi:10.1007/s10994-007-5018-6.

    Args:
        scores: (M,) of molecules that the model did not learn from; not finite where there is none.
        positive: (M,) whether a molecule is of the positive class.
        weight: (M,)
    """
    known = np.isfinite(scores)
    wanted = np.where(positive, *_targets(positive, weight))
    start = _logit(np.average(wanted, weights=weight))
    if not known.any() or np.ptp(scores[known]) == 0:
        return Sigmoid(0.0, start)
    scores, wanted, weight = scores[known], wanted[known], weight[known] / weight[known].sum()

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        p = expit(at[0] * scores + at[1]).clip(1e-12, 1 - 1e-12)
        wrong = weight * (p - wanted)
        nll = -(weight * (xlogy(wanted, p) + xlog1py(1 - wanted, -p))).sum()
        return float(nll), np.array([(wrong * scores).sum(), wrong.sum()])

    found = minimize(
        loss, [0.0, start], jac=True, bounds=[(0, None), (None, None)], options={"ftol": 1e-14, "gtol": 1e-9}
    )
    return Sigmoid(float(found.x[0]), float(found.x[1]))


def _targets(positive: NDArray[np.bool_], weight: NDArray[np.float64]) -> tuple[float, float]:
    """What a positive and a negative are fitted to: not 1 and 0, which separable scores would follow to infinity."""
    share = weight / weight.mean()
    return float((share[positive].sum() + 1) / (share[positive].sum() + 2)), float(1 / (share[~positive].sum() + 2))


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
