"""Losses as likelihoods: the weight of each target is learned, and a label that is known less well weighs less.

Shape letters: M molecules, B molecules of a batch, T targets.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor, nn

from drugml.config.run import RunSpec
from drugml.config.tasks import ClassificationSpec, RegressionSpec
from drugml.errors import UserError
from drugml.models import BASELINES
from drugml.training.data import TrainingData


class Likelihood(nn.Module):
    r"""Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018, arXiv:1705.07115.

    Of each target a variance :math:`\sigma^2 = e^s` is learned. A squared error L of a number with standard error e,
    and a cross-entropy L of a class, become

    .. math:: \frac{1}{2} \Big(\frac{L}{\sigma^2 + e^2} + \log(\sigma^2 + e^2)\Big) \quad\text{and}\quad
              \frac{L}{\sigma^2} + \frac{1}{2} \log \sigma^2

    Differs from the paper: the standard errors. They are what is known of the noise of single labels, sigma is the
    rest; the first formula is the likelihood of a normal distribution with both variances. A bound, which has no
    density, weighs as an exact label would and teaches nothing about sigma.
    """

    def __init__(self, targets: int, *, classes: bool) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(targets))
        self.classes = classes

    def forward(
        self, losses: Float[Tensor, "B T"], exact: Bool[Tensor, "B T"], error: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B T"]:
        """What is minimised for each label.

        Args:
            losses: squared errors or cross-entropies.
            exact: labels that are no bounds.
            error: squared standard errors, 0 where there are none.
        """
        variance = self.log_variance.exp() + error
        variance = torch.where(exact, variance, variance.detach())
        spread = torch.where(exact, variance.log() / 2, 0.0)
        return losses / (variance if self.classes else 2 * variance) + spread

    def weights(self) -> list[float]:
        """One over the variance, of each target."""
        return [float(w) for w in (-self.log_variance.detach()).exp().cpu()]


def likelihood(config: RunSpec, data: TrainingData) -> Likelihood | None:
    """The likelihood that a config asks for, None for the plain sum of losses."""
    if config.train.task_weights == "equal" and not _by_error(config):
        return None
    return Likelihood(len(data.targets), classes=isinstance(config.task, ClassificationSpec))


def squared_errors(config: RunSpec, data: TrainingData, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared standard errors in scaled units, (M, T); an unknown one is the median of the training fold.

    To take an unknown error for none would give the labels of which least is known the largest weight.
    """
    if not _by_error(config) or data.error is None:
        return np.zeros(data.low.shape)
    out = np.square(data.error / scale)
    train = data.plan.indices("train")
    for t in range(out.shape[1]):
        known = out[train, t][~np.isnan(out[train, t]) & ~np.isnan(data.low[train, t])]
        out[np.isnan(out[:, t]), t] = float(np.median(known)) if len(known) else 0.0
    return out


def check_objective(config: RunSpec, data: TrainingData) -> None:
    """Refuse weights and errors that the loss, the model or the data do not have.

    Raises:
        UserError: with what to do instead.
    """
    task, learned = config.task, config.train.task_weights == "learned"
    if type(config.model) in BASELINES:
        if _by_error(config):
            raise UserError(
                f"task.errors = 'variance' is for networks; model {config.model.name!r} weighs labels by "
                "data.labels.TARGET.weight"
            )
        return
    if learned and len(data.targets) < 2:
        raise UserError(f"train.task_weights = 'learned': {data.targets[0]!r} is the only target; use equal")
    if (learned or _by_error(config)) and isinstance(task, RegressionSpec) and task.loss != "mse":
        what = "train.task_weights = 'learned'" if learned else "task.errors = 'variance'"
        raise UserError(f"{what} is the likelihood of a squared error; task.loss = {task.loss!r} has none, use mse")
    if not _by_error(config):
        return
    if data.error is None or np.isnan(data.error).all():
        raise UserError(
            "task.errors = 'variance': no label has a standard error; name their column with data.labels.TARGET.error"
        )
    if len(data.targets) > 1 and not learned:
        raise UserError(
            "task.errors = 'variance' learns a variance of each target, which weighs them; say so with "
            "train.task_weights=learned"
        )


def _by_error(config: RunSpec) -> bool:
    return isinstance(config.task, RegressionSpec) and config.task.errors == "variance"
