"""What every graph encoder promises.

Shape letters: B molecules, N atoms, E directed bonds, D width.
"""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from drugml.data.batch import MoleculeBatch
from drugml.registry import Registry

NORM = 100.0
"""Divisor of `norm` pooling, as in Chemprop: keeps sums of drug-like molecules near one."""


class Encoder(Protocol):
    """Graphs in, one embedding per molecule out; knows nothing of tasks, losses or targets."""

    out_dim: int

    def __call__(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]: ...


ENCODERS: Registry[Encoder] = Registry("encoder")


def pool(atoms: Float[Tensor, "N D"], batch: MoleculeBatch, how: str) -> Float[Tensor, "B D"]:
    """Sum, mean or norm (sum / 100) of the atoms of each molecule."""
    zeros = torch.zeros(batch.num_graphs, atoms.shape[1], dtype=atoms.dtype, device=atoms.device)
    total = zeros.index_add(0, batch.batch, atoms)
    if how == "sum":
        return total
    if how == "norm":
        return total / NORM
    return total / torch.bincount(batch.batch, minlength=batch.num_graphs).clamp(min=1).unsqueeze(1)
