"""Which molecules share a step of the optimiser, and when; decided by seed and epoch only.

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
    """The steps of each epoch, every molecule in one of them; what a step sees is here called its batch.

    Args:
        indices: positions of the training molecules, (M,).
        atoms: how many atoms each of them has, (M,).
        spec: batch size or atom budget, batches per step, kind of order, seed. A molecule above the budget is a batch
            of its own.
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
        return list(order.split(lengths(self.atoms[order], self.spec, self.spec.accumulate)))

    def _molecules_per_batch(self) -> int:
        if self.spec.batch_atoms is None:
            return size_of(self.spec) * self.spec.accumulate
        return max(1, int(self.spec.batch_atoms * self.spec.accumulate / self.atoms.double().mean()))


def lengths(atoms: Int[Tensor, "B"], spec: TrainSpec, times: int, halvings: int = 0) -> list[int]:
    """How many molecules belong together, one group after the other, by number or by atoms.

    Args:
        atoms: of each molecule, in their order.
        spec: batch size or atom budget.
        times: that, so often.
        halvings: and halved so often.
    """
    if spec.batch_atoms is None:
        size = max(size_of(spec) * times >> halvings, 1)
        return [min(size, len(atoms) - begin) for begin in range(0, len(atoms), size)]
    until, budget = atoms.cumsum(0).numpy(), max(spec.batch_atoms * times >> halvings, 1)
    ends, before = [0], 0
    while ends[-1] < len(until):
        end = max(int(np.searchsorted(until, before + budget, side="right")), ends[-1] + 1)
        ends.append(end)
        before = int(until[end - 1])
    return [int(n) for n in np.diff(ends)]


def size_of(spec: TrainSpec) -> int:
    """Molecules per batch, where `auto` and `largest` were replaced."""
    assert not isinstance(spec.batch_size, str)
    return spec.batch_size


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every epoch of every run."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
