"""Atoms that are near each other in space, and what distances and directions between them are made of.

Shape letters: B molecules, N atoms, Q ordered pairs of atoms, R radial functions, D width.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from drugml.data.batch import MoleculeBatch
from drugml.models.segments import count

ELEMENTS = 119
"""Rows of an embedding of atomic numbers; 0 stands for none."""


class Pairs(NamedTuple):
    """Ordered pairs of two different atoms of one molecule that are nearer than a cut-off.

    Pair i + Q / 2 is pair i the other way round; what depends on the distance alone is made once for both.
    """

    source: Int[Tensor, "Q"]
    target: Int[Tensor, "Q"]
    vector: Float[Tensor, "Q 3"]
    """From target to source, Å."""
    distance: Float[Tensor, "Q/2"]
    """Å."""

    def ways(self) -> Iterator[tuple[Int[Tensor, "Q/2"], Int[Tensor, "Q/2"], int]]:
        """Targets and sources of pairs, and 1; then those of the same pairs the other way round, and -1."""
        half = len(self.distance)
        yield self.target[:half], self.source[:half], 1
        yield self.target[half:], self.source[half:], -1


def pairs(batch: MoleculeBatch, cutoff: float) -> Pairs:
    """All pairs of the batch; no limit on the neighbours of an atom."""
    assert batch.positions is not None  # the config lets no featurizer without them through
    size = count(batch.batch, batch.num_graphs).squeeze(1).long()
    first, partners = (size.cumsum(0) - size).index_select(0, batch.batch), size.index_select(0, batch.batch)
    one = torch.arange(len(batch.batch), device=size.device).repeat_interleave(partners)
    before = (partners.cumsum(0) - partners - first).index_select(0, one)
    other = torch.arange(len(one), device=size.device) - before
    vector = batch.positions.index_select(0, other) - batch.positions.index_select(0, one)
    near = torch.nonzero((vector.square().sum(1) < cutoff**2) & (one < other)).squeeze(1)
    one, other, vector = one.index_select(0, near), other.index_select(0, near), vector.index_select(0, near)
    return Pairs(torch.cat([other, one]), torch.cat([one, other]), torch.cat([vector, -vector]), vector.norm(dim=1))


def both(of_pairs: Float[Tensor, "Q/2 D"]) -> Float[Tensor, "Q D"]:
    """The same for a pair and for the other way round."""
    return torch.cat([of_pairs, of_pairs])


def inner(one: Sequence[Float[Tensor, "R #D"]], other: Sequence[Float[Tensor, "R #D"]]) -> Float[Tensor, "R D"]:
    """Inner products of vectors, given as one array for each component: on a CPU torch takes half the time of arrays
    with a third axis.
    """
    out = one[0] * other[0]
    for a, b in zip(one[1:], other[1:], strict=True):
        out = torch.addcmul(out, a, b)
    return out


def fade(distance: Float[Tensor, "Q/2"], cutoff: float) -> Float[Tensor, "Q/2"]:
    """1 at no distance, falling to 0 at the cut-off along a cosine (Behler & Parrinello 2007)."""
    return 0.5 * ((distance * (math.pi / cutoff)).cos() + 1.0)


class Gaussians(nn.Module):
    """Gaussians at equal steps from 0 to the cut-off, as wide as a step (Schütt et al. 2017, arXiv:1706.08566)."""

    centres: Tensor

    def __init__(self, number: int, cutoff: float) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(0, cutoff, number), persistent=False)
        self.factor = -0.5 * (number - 1) ** 2 / cutoff**2

    def forward(self, distance: Float[Tensor, "Q/2"]) -> Float[Tensor, "Q/2 R"]:
        return (self.factor * (distance.unsqueeze(1) - self.centres).square()).exp()


def waves(distance: Float[Tensor, "Q/2"], number: int, cutoff: float) -> Float[Tensor, "Q/2 R"]:
    """Spherical waves sin(n π d / cut-off) / d, n from 1 (Gasteiger et al. 2020, arXiv:2003.03123)."""
    n = torch.arange(1, number + 1, device=distance.device, dtype=distance.dtype)
    return (distance.unsqueeze(1) * (n * math.pi / cutoff)).sin() / distance.unsqueeze(1)


def glorot(*linears: nn.Module) -> None:
    """Begin as the papers do: weights uniform by the widths (Glorot & Bengio 2010), no bias."""
    for linear in linears:
        assert isinstance(linear, nn.Linear)
        nn.init.xavier_uniform_(linear.weight)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)
