"""Support vectors with a Tanimoto kernel: found by scikit-learn, kept and evaluated as plain arrays."""

import numpy as np

from drugml.config.models import SvmSpec
from drugml.models.baseline import BASELINES
from drugml.models.kernel import KernelMachine, Solution, Vector
from drugml.models.platt import platt
from drugml.models.tanimoto import Kept

FOLDS = 5
"""Of the cross-validation that scores what a sigmoid is fitted to."""


@BASELINES.register(SvmSpec)
class SupportVectors(KernelMachine):
    """Cortes & Vapnik 1995, doi:10.1007/BF00994018; for numbers Drucker et al. 1996 (NIPS 9, p. 155), on labels scaled
    to a standard deviation of 1, so that `c` and `epsilon` mean the same for every target.

    Probabilities: a sigmoid fitted to decision values of molecules that were left out, as in Platt 1999; where a class
    has one molecule, the share of positives.
    """

    def __init__(self, *, c: float, epsilon: float, max_molecules: int) -> None:
        super().__init__(max_molecules)
        self.c, self.epsilon = c, epsilon

    def solve(self, kept: Kept, y: Vector, weight: Vector, *, classify: bool, seed: int) -> Solution:
        kernel = kept.itself()
        if classify:
            return self._classes(kernel, y > 0, weight, seed)
        from sklearn.svm import SVR  # 1 s, and predicting needs none

        mean = float(np.average(y, weights=weight))
        spread = float(np.sqrt(np.average((y - mean) ** 2, weights=weight)))
        if spread <= 1e-12 * max(1.0, abs(mean)):
            return Solution(np.zeros(len(y)), mean, None)
        machine = SVR(kernel="precomputed", C=self.c, epsilon=self.epsilon).fit(kernel, (y - mean) / spread, weight)
        return Solution(_dense(machine, len(y)) * spread, mean + spread * float(machine.intercept_[0]), None)

    def _classes(self, kernel: Vector, positive: np.ndarray, weight: Vector, seed: int) -> Solution:
        from sklearn.model_selection import StratifiedKFold
        from sklearn.svm import SVC

        fewest = int(min(positive.sum(), (~positive).sum()))
        left_out = np.full(len(positive), np.nan)
        if fewest == 0:
            return Solution(np.zeros(len(positive)), 0.0, platt(left_out, positive, weight))
        machine = SVC(kernel="precomputed", C=self.c)
        if fewest > 1:
            folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
            for train, test in folds.split(kernel, positive):
                machine.fit(kernel[np.ix_(train, train)], positive[train], weight[train])
                left_out[test] = machine.decision_function(kernel[np.ix_(test, train)])
        sigmoid = platt(left_out, positive, weight)
        machine.fit(kernel, positive, weight)
        return Solution(_dense(machine, len(positive)), float(machine.intercept_[0]), sigmoid)


def _dense(machine: object, count: int) -> Vector:
    """Dual coefficients of all molecules, 0 for those that support nothing."""
    out = np.zeros(count)
    out[machine.support_] = machine.dual_coef_[0]  # type: ignore[attr-defined]
    return out
