"""Averages of weights: what is judged and saved in the place of the weights of the last step."""

import copy
import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from drugml.config.techniques import Ema, NoAverage, Swa
from drugml.errors import UserError
from drugml.models.network import Network


class Average(nn.Module):
    """A second network beside the one that is trained; how many weights went into it is told by step or epoch.

    Not Lightning's WeightAveraging, which copies the module with all its data and averages only where there is a
    validation loop, nor torch's AveragedModel, which reads its counter from the device at every step.

    Raises:
        UserError: for a network with batch normalisation, whose statistics an average would not fit.
    """

    def __init__(self, network: Network, spec: Ema | Swa, epochs: int) -> None:
        super().__init__()
        if any(isinstance(m, _BatchNorm) for m in network.modules()):
            raise UserError(
                f"train.average = {spec.kind!r}: the model has batch normalisation, whose statistics are those of the "
                "last weights and not of their average; use train.average=none"
            )
        self.network: Network = copy.deepcopy(network).requires_grad_(False).eval()
        self.spec = spec
        self.first = math.ceil(epochs * spec.start) if isinstance(spec, Swa) else 0
        """Epoch, counted from 0, from which on this is judged."""

    def step(self, network: nn.Module, done: int) -> None:
        """After a step of the optimiser; `done` counts it."""
        if isinstance(self.spec, Ema):
            decay = min(self.spec.decay, (1 + done) / (10 + done))
            get_ema_multi_avg_fn(decay)(*self._pairs(network), done)

    def epoch(self, network: nn.Module, epoch: int) -> None:
        """After an epoch, counted from 0."""
        if isinstance(self.spec, Swa) and epoch >= self.first:
            get_swa_multi_avg_fn()(*self._pairs(network), epoch - self.first)

    def _pairs(self, network: nn.Module) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        return [p.data for p in self.network.parameters()], [p.data for p in network.parameters()]


def average(network: Network, spec: NoAverage | Ema | Swa, epochs: int) -> Average | None:
    """The average that a config asks for."""
    return None if isinstance(spec, NoAverage) else Average(network, spec, epochs)
