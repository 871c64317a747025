"""Descriptors on one scale.

Shape letters: B molecules of a batch, M training molecules, V descriptors, K knots.
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

KNOTS = 256


class Normalizer(nn.Module):
    r"""Each descriptor by its rank among the training molecules: :math:`z = \Phi^{-1}(\mathrm{rank})`.

    Ranks are interpolated between K quantiles; equal values get the middle of their ranks, so that a count that is zero
    nearly always stays near 0. Outliers end at the ranks of the least and greatest training values. An undefined value,
    and any value of a descriptor that does not vary among the training molecules, is 0: nothing could be learned of it.
    """

    quantiles: Tensor
    """(V, K), ascending along K."""
    learned: Tensor
    """(V,), False where a descriptor does not vary."""

    def __init__(self, descriptors: int) -> None:
        super().__init__()
        self.register_buffer("quantiles", torch.zeros(descriptors, KNOTS))
        self.register_buffer("learned", torch.zeros(descriptors, dtype=torch.bool))

    def fit(self, values: NDArray[np.float32]) -> None:
        """Learn the quantiles of (M, V); NaN is undefined."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice encountered")  # it stays at 0
            found = np.nanquantile(values.astype(np.float64), np.linspace(0, 1, KNOTS), axis=0).T
        self.quantiles.copy_(torch.from_numpy(np.maximum.accumulate(np.nan_to_num(found), axis=1)))
        self.learned.copy_(self.quantiles[:, 0] < self.quantiles[:, -1])

    def forward(self, values: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        x = values.t().contiguous()  # (V, B)
        below = torch.searchsorted(self.quantiles, x)  # knots less than x
        upto = torch.searchsorted(self.quantiles, x, right=True)
        right = below.clamp(1, KNOTS - 1)
        low, high = self.quantiles.gather(1, right - 1), self.quantiles.gather(1, right)
        between = right - 1 + ((x - low) / (high - low)).clamp(0, 1)
        rank = torch.where(upto > below, (below + upto - 1) / 2, between) / (KNOTS - 1)
        z = torch.special.ndtri(rank.clamp(0.5 / KNOTS, 1 - 0.5 / KNOTS))
        return torch.where(self.learned.unsqueeze(1) & ~x.isnan(), z, 0.0).t()


class StandardScores(nn.Module):
    """Each descriptor less its mean, in standard deviations, both of the training molecules: `z = (x - mean) / sd`.

    A value outside of `low` to `high`, the least and greatest of training, counts as the nearer of them, so that a
    descriptor that does not vary among the training molecules is 0. `fill` stands for an undefined value: the mean,
    which gives 0. Models of other programs have no such limits and a fill of their own. There a value of the size
    `cut`, at which the featurizer cuts, is undefined too, and where the fill is NaN they give no prediction.
    """

    mean: Tensor
    """(V,), as are the others."""
    sd: Tensor
    low: Tensor
    high: Tensor
    fill: Tensor
    cut: Tensor

    def __init__(self, descriptors: int) -> None:
        super().__init__()
        for name in ("mean", "sd", "low", "high", "fill"):
            self.register_buffer(name, torch.zeros(descriptors))
        self.register_buffer("cut", torch.full((descriptors,), torch.finfo(torch.float32).max))

    def fit(self, values: NDArray[np.float32]) -> None:
        """Learn them of (M, V); NaN is undefined."""
        x = values.astype(np.float64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Mean of empty slice|Degrees of freedom <= 0|All-NaN slice encountered")
            mean, sd, low, high = (np.nan_to_num(f(x, axis=0)) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax))
        varies = low < high  # the mean of equal values is not always exactly their value
        mean, sd = np.where(varies, mean, low), np.where(varies, np.maximum(sd, np.finfo("f4").tiny), 1)
        for name, found in (("mean", mean), ("sd", sd), ("low", low), ("high", high), ("fill", mean)):
            getattr(self, name).copy_(torch.from_numpy(found))

    def forward(self, values: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        x = torch.where(values.isnan() | (values.abs() >= self.cut), self.fill, values)
        return (x.clamp(self.low, self.high) - self.mean) / self.sd


NORMALIZERS: dict[str, type[Normalizer | StandardScores]] = {"rank": Normalizer, "standard": StandardScores}
"""By the featurizer's `descriptor_scale`."""
