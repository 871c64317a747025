"""Learning rate over a run, as a share of the peak rate."""

import math
from collections.abc import Callable

from drugml.config.base import Spec
from drugml.config.training import Constant, Noam, Plateau, WarmupCosine, WarmupDecay

Schedule = Callable[[int], float]
"""Step number, counted from 0, to share of the peak rate."""


def schedule(spec: Spec, steps_per_epoch: int, epochs: int, *, rising: bool) -> Schedule:
    """The schedule a config names.

    Args:
        spec: of the schedule.
        steps_per_epoch: of the optimiser.
        epochs: of the whole run.
        rising: whether a higher `train.monitor` is better.
    """
    if isinstance(spec, Constant):
        return lambda step: 1.0
    assert isinstance(spec, WarmupDecay | WarmupCosine | Noam | Plateau)
    warmup = round(spec.warmup_epochs * steps_per_epoch)
    if isinstance(spec, Noam):
        peak = max(warmup, 1)
        return lambda step: min((step + 1) / peak, math.sqrt(peak / (step + 1)))
    if isinstance(spec, Plateau):
        return Cuts(warmup, spec, rising=rising)
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


class Cuts:
    """Warm-up, then a share that falls when a metric does not become better.

    A callable object rather than a function: torch keeps its attributes, plain numbers, in the scheduler's checkpoint.
    """

    def __init__(self, warmup: int, spec: Plateau, *, rising: bool) -> None:
        self.warmup, self.factor, self.patience, self.floor = warmup, spec.factor, spec.patience, spec.floor
        self.sign = 1.0 if rising else -1.0
        self.share, self.best, self.waited = 1.0, -math.inf, 0

    def __call__(self, step: int) -> float:
        return self.share * min((step + 1) / max(self.warmup, 1), 1.0)

    def see(self, value: float) -> None:
        """Take note of the monitor after an epoch; NaN is no better."""
        if self.sign * value > self.best:
            self.best, self.waited = self.sign * value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.share, self.waited = max(self.share * self.factor, self.floor), 0
