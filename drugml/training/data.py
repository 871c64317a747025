"""What training reads, and the order in which it reads it.

Shape letters: M molecules, T targets.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from drugml.data.splits import Fold, SplitPlan
from drugml.data.store import PackedStore
from drugml.data.targets import as_written, exact


@dataclass(frozen=True)
class TrainingData:
    """Packed molecules with labels and folds, one entry per molecule each."""

    store: PackedStore
    targets: tuple[str, ...]
    low: NDArray[np.float64]
    """(M, T) labels as intervals: exact where `low` equals `high`, NaN where missing, infinite on an open side."""
    high: NDArray[np.float64]
    """(M, T)"""
    weight: NDArray[np.float64]
    """(M, T) weights in the loss."""
    plan: SplitPlan

    def fold(self, fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions and exact labels of one fold, which is what metrics are made of; NaN where missing or a bound."""
        indices = self.plan.indices(fold)
        return indices, exact(self.low[indices], self.high[indices])

    def written(self, fold: Fold) -> NDArray[np.float64]:
        """Labels of one fold, a bound as the number it stands at; what scaling and baselines learn from."""
        indices = self.plan.indices(fold)
        return as_written(self.low[indices], self.high[indices])


class Batches:
    """Positions of the training molecules, in an order that only seed and epoch decide.

    Because no state is carried from epoch to epoch, a resumed run sees the batches of an uninterrupted one.
    """

    def __init__(self, indices: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.indices, self.batch_size, self.seed = torch.as_tensor(indices), batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self.indices) / self.batch_size)

    def __iter__(self) -> Iterator[Int[Tensor, "B"]]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(len(self.indices), generator=generator)
        yield from self.indices[order].split(self.batch_size)


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every epoch of every run."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
