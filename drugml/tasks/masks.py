"""Losses over labels of which some are missing and some are bounds."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drugml.tasks.task import Task


def masked_loss(
    task: Task,
    output: Float[Tensor, "B T"],
    low: Float[Tensor, "B T"],
    high: Float[Tensor, "B T"],
    weight: Float[Tensor, "B T"],
) -> tuple[Tensor, Tensor]:
    """Weighted sum of the losses of the labels that exist, and the sum of their weights.

    A label is an interval and the loss that to its nearest end: an output inside costs nothing, so `>5` pulls up what
    is below 5 and leaves alone what is above. An exact label is the interval of one number. NaN gives no gradient.

    Raises:
        RuntimeError: if the shapes differ; torch would broadcast them.
    """
    losses, known = label_losses(task, output, low, high, weight)
    return torch.where(known, losses * weight, 0.0).sum(), torch.where(known, weight, 0.0).sum()


def label_losses(
    task: Task,
    output: Float[Tensor, "B T"],
    low: Float[Tensor, "B T"],
    high: Float[Tensor, "B T"],
    weight: Float[Tensor, "B T"],
) -> tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """The loss of each label without its weight, and which labels exist; as `masked_loss`."""
    if not output.shape == low.shape == high.shape == weight.shape:
        shapes = ", ".join(str(tuple(t.shape)) for t in (output, low, high, weight))
        raise RuntimeError(f"output, labels and weights differ in shape: {shapes}")
    known = ~low.isnan()
    nearest = torch.where(known, torch.clamp(output.detach(), low, high), 0.0)
    return task.loss(output, nearest.to(output.dtype)), known
