"""What is done with an encoder that was trained before: loaded, frozen, thawed, adapted, merged."""

import logging
import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from drugml.config.techniques import FreezeEncoder, FreezeSpec, Gradual, Lora
from drugml.models.network import Network
from drugml.prediction.source import Source

log = logging.getLogger(__name__)


def begin(network: Network, source: Source, targets: tuple[str, ...]) -> None:
    """Give the encoder the weights of a source, and say what was loaded and what not."""
    network.encoder.load_state_dict(dict(source.tensors))
    loaded = sum(t.numel() for t in source.tensors.values())
    new = sum(p.numel() for p in network.head.parameters())
    log.info("%s", told(source))
    log.info(
        "train.init_from: %s weights loaded; %s of the new head for %s are drawn by train.seed",
        f"{loaded:,}",
        f"{new:,}",
        ", ".join(targets[:3]) + (" …" if len(targets) > 3 else ""),
    )


def told(source: Source) -> str:
    """What is taken from a source and what is not."""
    left = ", ".join(source.targets[:3]) + (" …" if len(source.targets) > 3 else "")
    return (
        f"train.init_from {source.reference}: loaded encoder ({', '.join(source.tensors)}); "
        f"not loaded: its head for {left}"
    )


class Thaw:
    """Which layers learn in an epoch; decided by its number alone, so that a resumed run sees the same."""

    def __init__(self, network: Network, spec: FreezeSpec) -> None:
        self.layers, self.spec = network.layers(), spec

    def epoch(self, epoch: int) -> None:
        """Freeze or thaw for an epoch, counted from 0."""
        if isinstance(self.spec, FreezeEncoder):
            learning = 1
        elif isinstance(self.spec, Gradual):
            learning = 1 + epoch // self.spec.epochs
        else:
            return
        for above, layer in enumerate(reversed(self.layers)):
            for module in layer:
                module.requires_grad_(above < learning)


class LowRank(nn.Module):
    """W + (alpha / rank) B A in the place of a weight W; B is zero at first, so that nothing changes."""

    def __init__(self, weight: Tensor, spec: Lora) -> None:
        super().__init__()
        rank = min(spec.rank, *weight.shape)
        self.A = nn.Parameter(torch.empty(rank, weight.shape[1]))
        self.B = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        self.scale = spec.alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        low: Tensor = self.scale * (self.B @ self.A)
        return weight + low


def adapt(encoder: nn.Module, spec: Lora) -> None:
    """Freeze an encoder and let every matrix of its linear layers learn at low rank; by parametrization, so that any
    encoder may read its weights as it likes.
    """
    encoder.requires_grad_(False)
    linear = [m for m in encoder.modules() if isinstance(m, nn.Linear)]
    for module in linear:
        parametrize.register_parametrization(module, "weight", LowRank(module.weight, spec))
    learning = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    whole = sum(m.weight.numel() for m in linear)
    log.info("train.adapters: %s numbers learn in the place of the %s of %d matrices", learning, whole, len(linear))


def merge(encoder: nn.Module) -> None:
    """Write what was added at low rank into the weights: a plain encoder, with the same outputs."""
    for module in encoder.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    encoder.requires_grad_(True)
