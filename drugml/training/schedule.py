"""Learning rate over a run, as a share of the peak rate."""

import math
from collections.abc import Callable

from drugml.config.base import Spec
from drugml.config.training import Constant, WarmupCosine, WarmupDecay

Schedule = Callable[[int], float]
"""Step number to share of the peak rate."""


def schedule(spec: Spec, steps_per_epoch: int, epochs: int) -> Schedule:
    """The schedule a config names, for a run of that length."""
    if isinstance(spec, Constant):
        return lambda step: 1.0
    assert isinstance(spec, WarmupDecay | WarmupCosine)
    warmup = round(spec.warmup_epochs * steps_per_epoch)
    cooldown = max(epochs * steps_per_epoch - warmup, 1)
    floor, cosine = spec.floor, isinstance(spec, WarmupCosine)

    def share(step: int) -> float:
        if step < warmup:
            return floor + (1 - floor) * step / warmup
        done = min((step - warmup) / cooldown, 1.0)
        if cosine:
            return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2
        return float(floor**done)

    return share
