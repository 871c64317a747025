"""The optimiser and its schedule: which parameters decay, and at what rate each layer learns."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from drugml.config.training import TrainSpec
from drugml.models.network import Network
from drugml.training.schedule import Cuts


def optimizer(network: Network, besides: list[nn.Parameter], spec: TrainSpec) -> Optimizer:
    """Adam or AdamW over a network and a few parameters besides, which never decay; the first group is the head's."""
    kind = torch.optim.AdamW if spec.optimizer.name == "adamw" else torch.optim.Adam
    scaled = spec.precision == "16-mixed"  # Lightning clips no gradients that a fused optimiser unscales itself
    found = groups(network, spec)
    if besides:
        found.append({"params": besides, "lr": spec.lr, "weight_decay": 0.0})
    return kind(found, lr=spec.lr, weight_decay=spec.optimizer.weight_decay, fused=not scaled)


def groups(network: Network, spec: TrainSpec) -> list[dict[str, Any]]:
    """Parameters by rate and weight decay, from the head down to the input; no more groups than are needed."""
    by: dict[tuple[float, float], list[nn.Parameter]] = {}
    for below, layer in enumerate(reversed(network.layers())):
        rate = spec.lr * spec.optimizer.layer_decay**below
        for parameter in (p for module in layer for p in module.parameters()):
            spared = spec.optimizer.decayed == "matrices" and parameter.ndim < 2
            by.setdefault((rate, 0.0 if spared else spec.optimizer.weight_decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in by.items()]


def cut(scheduler: LambdaLR, value: float) -> None:
    """Tell a schedule that looks at the monitor its new value; a cut acts from the next step on."""
    (shares,) = {id(f): f for f in scheduler.lr_lambdas}.values()
    if not isinstance(shares, Cuts):
        return
    shares.see(value)
    for group, rate in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
        group["lr"] = rate * shares(scheduler.last_epoch)
