"""Losses over labels of which some are missing."""

import torch
from jaxtyping import Float
from torch import Tensor

from drugml.tasks.task import Task


def masked_loss(task: Task, output: Float[Tensor, "B T"], scaled: Float[Tensor, "B T"]) -> tuple[Tensor, Tensor]:
    """Sum of the losses of the labels that exist, and how many exist; a NaN label gives no gradient.

    Raises:
        RuntimeError: if the shapes differ; torch would broadcast them.
    """
    if output.shape != scaled.shape:
        raise RuntimeError(f"outputs {tuple(output.shape)} and labels {tuple(scaled.shape)} differ in shape")
    known = ~scaled.isnan()
    losses = task.loss(output, scaled.nan_to_num(0.0))
    return torch.where(known, losses, 0.0).sum(), known.sum()
