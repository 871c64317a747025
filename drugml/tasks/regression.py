"""Numbers."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from drugml.config.tasks import RegressionSpec
from drugml.tasks.task import TASKS, Scaling

LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
}


@TASKS.register(RegressionSpec)
class Regression:
    """Least squares, absolute or Huber loss on standardised targets."""

    metrics: ClassVar = ("rmse", "mae", "r2", "pearson", "spearman")

    def __init__(self, *, loss: Literal["mse", "mae", "huber"], errors: str, units: dict[str, str]) -> None:
        self._loss = LOSSES[loss]

    def scaling(self, train: NDArray[np.float64]) -> Scaling:
        """Mean and standard deviation (denominator n) of the training labels; a constant target keeps scale 1."""
        deviation = np.nanstd(train, axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
        return Scaling(tuple(map(float, np.nanmean(train, axis=0))), tuple(map(float, scale)))

    def loss(self, output: Float[Tensor, "B T"], scaled: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        return self._loss(output, scaled, reduction="none")

    def predictions(self, output: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
        return np.asarray(output * np.array(scaling.scale) + np.array(scaling.shift))
