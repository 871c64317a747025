"""What every graph encoder promises.

Shape letters: B molecules, N atoms, E directed bonds, D width.
"""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.data.batch import MoleculeBatch
from drugml.registry import Registry

ROW = 16
"""Floats in 64 bytes, a cache line and the unit of tensor cores: rows of a matrix should be a multiple of it."""


class Encoder(Protocol):
    """Graphs in, one embedding per molecule out; knows nothing of tasks, losses or targets."""

    out_dim: int

    def layers(self) -> list[list[nn.Module]]:
        """Its modules from the input to the output, in steps of depth; every parameter is in one of them.

        Rates by layer and thawing from the head downwards go by it.
        """
        ...

    def __call__(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]: ...


ENCODERS: Registry[Encoder] = Registry("encoder")


def aligned(weight: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """A weight or bias whose outputs, the first dimension, are filled up with zeros to a multiple of `ROW`.

    Matrix products into rows of 300 floats run at two thirds of the speed of those into rows of 304 (MKL on a CPU with
    AVX-512).
    """
    return F.pad(weight, (0, 0) * (weight.ndim - 1) + (0, -len(weight) % ROW))
