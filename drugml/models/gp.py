"""Exact Gaussian process with a Tanimoto kernel."""

import logging

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from drugml.config.models import GpSpec
from drugml.models.baseline import BASELINES
from drugml.models.kernel import KernelMachine, Solution, Vector
from drugml.models.platt import platt

log = logging.getLogger(__name__)

RATIOS = (1e-4, 1e2)
"""Least and greatest ratio of noise to scale that is looked at."""


@BASELINES.register(GpSpec)
class GaussianProcess(KernelMachine):
    """y ~ N(mean, s (K + r W⁻¹)): Rasmussen & Williams 2006, ISBN 978-0-262-18253-9, algorithm 2.1.

    The mean is that of the labels; s has a closed form given r (the ratio of noise to scale), and r is found by a
    bounded search of the marginal likelihood (eq. 5.8). Weights W divide the noise: a label of weight 2 counts as the
    mean of two measurements.

    Classes are learned as the numbers 1 and -1, and a sigmoid is fitted to the leave-one-out predictions (eq. 5.12), as
    in their section 6.5. Differs from Laplace's approximation: no variance of the latent function enters the
    probability, so that no M × M matrix need be kept.
    """

    def __init__(self, *, max_molecules: int) -> None:
        super().__init__(max_molecules)

    def solve(self, kernel: Vector, y: Vector, weight: Vector, *, classify: bool, seed: int) -> Solution:
        values = np.where(y > 0, 1.0, -1.0) if classify else y
        mean = float(np.average(values, weights=weight))
        rest = values - mean
        if np.allclose(rest, 0, atol=1e-12 * max(1.0, abs(mean))):  # nothing to explain: the likelihood has no maximum
            sigmoid = platt(np.zeros(len(y)), y > 0, weight) if classify else None
            return Solution(np.zeros(len(y)), mean, sigmoid)
        posterior = _Posterior(kernel, rest, weight)
        ends = np.log(RATIOS)
        ratio = float(np.exp(minimize_scalar(posterior.loss, bounds=ends, method="bounded", options={"xatol": 0.02}).x))
        alpha, scale = posterior.alpha(ratio)
        log.info("gp: %d molecules, scale %.4g, noise %.4g by marginal likelihood", len(y), scale, scale * ratio)
        sigmoid = platt(mean + posterior.left_out(ratio), y > 0, weight) if classify else None
        return Solution(alpha, mean, sigmoid)


class _Posterior:
    """K + r W⁻¹ of M molecules, for whatever r is asked about."""

    def __init__(self, kernel: Vector, y: Vector, weight: Vector) -> None:
        self.kernel, self.y = torch.from_numpy(kernel), torch.from_numpy(y)[:, None]
        self.noise = torch.from_numpy(1 / weight)

    def _root(self, ratio: float) -> torch.Tensor:
        matrix = self.kernel.clone()
        matrix.diagonal().add_(ratio * self.noise)
        root: torch.Tensor = torch.linalg.cholesky(matrix)
        return root

    def loss(self, log_ratio: float) -> float:
        """Negative log marginal likelihood at the best scale, but for a constant."""
        root = self._root(float(np.exp(log_ratio)))
        half = torch.linalg.solve_triangular(root, self.y, upper=False)
        return float(len(half) / 2 * half.square().mean().log() + root.diagonal().log().sum())

    def alpha(self, ratio: float) -> tuple[Vector, float]:
        """(K + r W⁻¹)⁻¹ y, (M,), and the scale."""
        root = self._root(ratio)
        alpha = torch.cholesky_solve(self.y, root)[:, 0]
        found: Vector = alpha.numpy()
        return found, float((alpha * self.y[:, 0]).mean())

    def left_out(self, ratio: float) -> Vector:
        """What each molecule would get from all others, (M,)."""
        inverse = torch.cholesky_inverse(self._root(ratio))
        found: Vector = (self.y[:, 0] - (inverse @ self.y)[:, 0] / inverse.diagonal()).numpy()
        return found
