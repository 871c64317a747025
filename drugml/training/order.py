"""Which molecules share a batch, and when; decided by seed and epoch only.

Because no state is carried from epoch to epoch, a resumed run sees the batches of an uninterrupted one.
"""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from drugml.config.training import TrainSpec

POOL = 100
"""Batches whose molecules are sorted by size together: enough to make them alike, few enough to keep them random."""


class Order:
    """The batches of each epoch, every molecule in one of them.

    Args:
        indices: positions of the training molecules, (M,).
        atoms: how many atoms each of them has, (M,).
        spec: batch size or atom budget, kind of order, seed. A molecule above the budget is a batch of its own.
    """

    def __init__(self, indices: Int[Tensor, "M"], atoms: Int[Tensor, "M"], spec: TrainSpec) -> None:
        self.indices, self.atoms, self.spec = indices, atoms, spec

    def batches(self, epoch: int) -> list[Int[Tensor, "B"]]:
        """Positions of the molecules of each batch."""
        generator = torch.Generator().manual_seed(epoch_seed(self.spec.seed, epoch))
        order = torch.randperm(len(self.indices), generator=generator)
        if self.spec.order == "random":
            return [self.indices[b] for b in self._cut(order)]
        pools = order.split(POOL * self._molecules_per_batch())
        batches = self._cut(torch.cat([p[self.atoms[p].argsort(stable=True)] for p in pools]))
        return [self.indices[batches[i]] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _cut(self, order: Tensor) -> list[Tensor]:
        budget = self.spec.batch_atoms
        if budget is None:
            return list(order.split(self.spec.batch_size))
        until = self.atoms[order].cumsum(0).numpy()
        ends, before = [0], 0
        while ends[-1] < len(until):
            end = max(int(np.searchsorted(until, before + budget, side="right")), ends[-1] + 1)
            ends.append(end)
            before = int(until[end - 1])
        return list(order.split(np.diff(ends).tolist()))

    def _molecules_per_batch(self) -> int:
        if self.spec.batch_atoms is None:
            return self.spec.batch_size
        return max(1, int(self.spec.batch_atoms / self.atoms.double().mean()))


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every epoch of every run."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
