"""What kernel machines share: a value is a weighted sum of similarities to training molecules, plus an offset.

Shape letters: M training molecules, Q molecules asked about, L columns, T targets.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from drugml.models.baseline import Arrays
from drugml.models.platt import Sigmoid
from drugml.models.tanimoto import Kept

log = logging.getLogger(__name__)

Vector = NDArray[np.float64]


class Solution(NamedTuple):
    """What was learned of one target from m molecules: f(x) = Σ coefficient × similarity + offset."""

    coefficients: Vector
    """(m,)"""
    offset: float
    sigmoid: Sigmoid | None
    """f to the probability of the positive class; None for numbers."""


class KernelMachine(ABC):
    """A baseline whose similarity is the mean Tanimoto similarity of the fingerprints; kept as plain arrays."""

    def __init__(self, max_molecules: int) -> None:
        self.max_molecules = max_molecules
        self._kept = Kept.of(np.zeros((0, 1), np.uint8), [1])
        self._coefficients = self._offset = self._sigmoid = np.zeros((0, 0))

    @abstractmethod
    def solve(self, kept: Kept, y: Vector, weight: Vector, *, classify: bool, seed: int) -> Solution:
        """Learn one target from m molecules, their labels (m,) and their weights (m,) with a mean of 1."""

    def fit(
        self,
        x: NDArray[np.uint8],
        y: Vector,
        weight: Vector,
        *,
        widths: Sequence[int],
        classify: bool,
        seed: int,
    ) -> None:
        kept = Kept.of(x, widths)
        coefficients, solutions = np.zeros(y.shape), []
        for target, (labels, weights) in enumerate(zip(y.T, weight.T, strict=True)):
            rows = self.chosen(np.flatnonzero(~np.isnan(labels) & (weights > 0)), target, seed)
            share = weights[rows] / weights[rows].mean()
            solution = self.solve(kept.take(rows), labels[rows], share, classify=classify, seed=seed)
            coefficients[rows, target] = solution.coefficients
            solutions.append(solution)
        used = np.flatnonzero(coefficients.any(axis=1))
        self._kept, self._coefficients = kept.take(used), coefficients[used]
        self._offset = np.array([s.offset for s in solutions])
        self._sigmoid = np.array([s.sigmoid for s in solutions if s.sigmoid is not None]).reshape(-1, 2)

    def chosen(self, rows: NDArray[np.intp], target: int, seed: int) -> NDArray[np.intp]:
        """Those of a target's labelled molecules to learn from: of more than `max_molecules`, as many at random."""
        if len(rows) <= self.max_molecules:
            return rows
        log.warning(
            "target %d: learns from %s of %s labelled training molecules, drawn at random; model.max_molecules is "
            "the limit, memory grows with its square and time with its cube",
            target + 1, f"{self.max_molecules:,}", f"{len(rows):,}",
        )  # fmt: skip
        return np.sort(np.random.default_rng([seed, target]).choice(rows, self.max_molecules, replace=False))

    def predict(self, x: NDArray[np.uint8]) -> Vector:
        out = np.empty((len(x), len(self._offset)))
        for rows, similarity in self._kept.chunks(x):
            out[rows] = similarity @ self._coefficients
        out += self._offset
        if not len(self._sigmoid):
            return out
        slope, offset = self._sigmoid.T
        chance: Vector = expit(slope * out + offset)
        return chance

    def arrays(self) -> Arrays:
        own = {"coefficients": self._coefficients, "offset": self._offset, "sigmoid": self._sigmoid}
        return {**self._kept.arrays(), **own}

    def restore(self, arrays: Arrays) -> None:
        self._kept = Kept.restored(arrays)
        self._coefficients, self._offset = arrays["coefficients"], arrays["offset"]
        self._sigmoid = arrays["sigmoid"]
