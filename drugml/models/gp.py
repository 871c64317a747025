"""Gaussian process with a Tanimoto kernel.

Shape letters: M training molecules, m molecules of a block.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from drugml.config.models import GpSpec
from drugml.models.baseline import BASELINES
from drugml.models.kernel import KernelMachine, Solution, Vector
from drugml.models.platt import platt
from drugml.models.tanimoto import Kept

log = logging.getLogger(__name__)

RATIOS = (1e-4, 1e2)
"""Least and greatest ratio of noise to scale that is looked at."""
SWEEPS = 3
"""Times that the blocks are gone through."""

Rows = NDArray[np.intp]


@BASELINES.register(GpSpec)
class GaussianProcess(KernelMachine):
    """y ~ N(mean, s (K + r W⁻¹)): Rasmussen & Williams 2006, ISBN 978-0-262-18253-9, algorithm 2.1.

    The mean is that of the labels; s has a closed form given r (the ratio of noise to scale), and r is found by a
    bounded search of the marginal likelihood (eq. 5.8). Weights W divide the noise: a label of weight 2 counts as the
    mean of two measurements.

    Classes are learned as the numbers 1 and -1, and a sigmoid is fitted to the leave-one-out predictions (eq. 5.12), as
    in their section 6.5. Differs from Laplace's approximation: no variance of the latent function enters the
    probability, so that no M × M matrix need be kept.

    More than `max_molecules` are cut into blocks at random: r is that of one block, and (K + r W⁻¹) α = y is solved for
    one block after the other, the coefficients of the others held (block Gauss-Seidel: Saad 2003, ISBN
    978-0-89871-534-7, section 4.1), which goes towards the exact process with every sweep.
    """

    def __init__(self, *, max_molecules: int) -> None:
        super().__init__(max_molecules)

    def chosen(self, rows: Rows, target: int, seed: int) -> Rows:
        if len(rows) > self.max_molecules:
            log.warning(
                "target %d: learns from %s labelled training molecules in %d blocks, %d times each, which comes near "
                "the exact process; model.max_molecules (%s) limits a block, time grows with the square of all",
                target + 1, f"{len(rows):,}", -(-len(rows) // self.max_molecules), SWEEPS, f"{self.max_molecules:,}",
            )  # fmt: skip
        return rows

    def solve(self, kept: Kept, y: Vector, weight: Vector, *, classify: bool, seed: int) -> Solution:
        values = np.where(y > 0, 1.0, -1.0) if classify else y
        mean = float(np.average(values, weights=weight))
        rest = values - mean
        if _flat(rest, mean):  # nothing to explain: the likelihood has no maximum
            sigmoid = platt(np.zeros(len(y)), y > 0, weight) if classify else None
            return Solution(np.zeros(len(y)), mean, sigmoid)
        blocks = self._blocks(kept, seed)
        first = next(rows for rows in blocks if not _flat(rest[rows], mean))
        posterior = _Posterior(kept.take(first).itself(), rest[first], weight[first])
        ends = np.log(RATIOS)
        ratio = float(np.exp(minimize_scalar(posterior.loss, bounds=ends, method="bounded", options={"xatol": 0.02}).x))
        if len(blocks) == 1:
            alpha, tested = posterior.alpha(ratio), first
            left_out = posterior.left_out(ratio) if classify else None
        else:
            del posterior  # its kernel matrix: another block's comes
            alpha, tested, left_out = swept(kept, rest, weight, ratio, blocks, classify=classify)
        scale = float((alpha * rest).mean())
        log.info(
            "gp: %d molecules, scale %.4g, noise %.4g by the marginal likelihood of %d",
            len(y), scale, scale * ratio, len(first),
        )  # fmt: skip
        sigmoid = None if left_out is None else platt(mean + left_out, y[tested] > 0, weight[tested])
        return Solution(alpha, mean, sigmoid)

    def _blocks(self, kept: Kept, seed: int) -> list[Rows]:
        """As few as may be, of nearly the same size."""
        if len(kept) <= self.max_molecules:
            return [np.arange(len(kept))]
        # equal fingerprints side by side: in two blocks, the one that learns last would have its way for many sweeps
        alike = _alike(kept)
        order = np.argsort(np.random.default_rng(seed).permutation(alike.max() + 1)[alike], kind="stable")
        return [np.sort(rows) for rows in np.array_split(order, -(-len(kept) // self.max_molecules))]


def swept(
    kept: Kept,
    y: Vector,
    weight: Vector,
    ratio: float,
    blocks: Sequence[Rows],
    *,
    classify: bool = False,
    sweeps: int = SWEEPS,
) -> tuple[Vector, Rows, Vector | None]:
    """(K + r W⁻¹)⁻¹ y, (M,), but for what more sweeps would change; it converges, as the matrix is positive definite.

    With it, for classes, the last block and what each of its molecules gets from all others, (m,). That is of the first
    sweep: later, coefficients of other blocks have seen the molecule's own label.
    """
    alpha, left_out, moved = np.zeros(len(y)), None, np.zeros(len(y))
    for sweep in range(sweeps):
        for number, rows in enumerate(blocks):
            own, others = kept.take(rows), alpha.copy()
            others[rows] = 0
            known = _values(own, kept, others)
            kernel = own.itself()
            posterior = _Posterior(kernel, y[rows] - known, weight[rows])
            fresh = posterior.alpha(ratio)
            if classify and sweep == 0 and number == len(blocks) - 1:
                left_out = known + posterior.left_out(ratio)
            moved[rows] = kernel @ (fresh - alpha[rows])
            alpha[rows] = fresh
            log.info("gp: sweep %d of %d, block %d of %d", sweep + 1, sweeps, number + 1, len(blocks))
    share = np.sqrt(np.average(moved**2, weights=weight) / np.average(y**2, weights=weight))
    log.info("gp: the last sweep moved the values of training molecules by %.2g %% of the labels' spread", 100 * share)
    return alpha, blocks[-1], left_out


def _values(own: Kept, kept: Kept, coefficients: Vector) -> Vector:
    """Weighted sums of the similarities of molecules to all that are kept, (m,)."""
    used = np.flatnonzero(coefficients)
    out = np.zeros(len(own))
    for rows, similarity in own.chunks(kept.counts[used]):
        out += coefficients[used[rows]] @ similarity
    return out


def _alike(kept: Kept) -> Rows:
    """A number for each molecule, (M,), the same for those of equal fingerprints."""
    counts, seen = kept.counts, dict[bytes, int]()
    ends = zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    keys = (counts.indices[start:end].tobytes() + counts.data[start:end].tobytes() for start, end in ends)
    return np.array([seen.setdefault(key, len(seen)) for key in keys])


def _flat(rest: Vector, mean: float) -> bool:
    """Whether no label differs from the mean, but for rounding."""
    return np.allclose(rest, 0, atol=1e-12 * max(1.0, abs(mean)))


class _Posterior:
    """K + r W⁻¹ of m molecules, for whatever r is asked about."""

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

    def alpha(self, ratio: float) -> Vector:
        """(K + r W⁻¹)⁻¹ y, (m,)."""
        found: Vector = torch.cholesky_solve(self.y, self._root(ratio))[:, 0].numpy()
        return found

    def left_out(self, ratio: float) -> Vector:
        """What each molecule would get from all others, (m,)."""
        inverse = torch.cholesky_inverse(self._root(ratio))
        found: Vector = (self.y[:, 0] - (inverse @ self.y)[:, 0] / inverse.diagonal()).numpy()
        return found
