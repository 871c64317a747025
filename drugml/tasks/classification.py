"""Two classes."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F

from drugml.config.tasks import ClassificationSpec
from drugml.tasks.task import TASKS, Scaling


@TASKS.register(ClassificationSpec)
class Classification:
    """Binary cross-entropy on logits; predictions are probabilities of the positive class."""

    metrics: ClassVar = ("roc_auc", "pr_auc", "mcc", "balanced_accuracy")

    def __init__(self, *, balance: str, positive: str | None) -> None:
        pass

    def scaling(self, train: NDArray[np.float64]) -> Scaling:
        return Scaling.none(train.shape[1])

    def loss(self, output: Float[Tensor, "B T"], scaled: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        return F.binary_cross_entropy_with_logits(output, scaled, reduction="none")

    def predictions(self, output: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
        return np.asarray(expit(output))
