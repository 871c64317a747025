"""PaiNN: each atom has vectors beside its embedding, which turn with the molecule.

Shape letters: B molecules, N atoms, Q pairs, D width.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.geometric import PaiNNSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total
from drugml.models.space import ELEMENTS, Pairs, fade, glorot, pairs, waves

TINY = 1e-8
"""Under the root of a length, which has no slope at 0."""


class Message(nn.Module):
    """What each atom hears from its neighbours, as scalars and as vectors: equations 7 and 8 of the paper."""

    def __init__(self, dim: int, radial: int) -> None:
        super().__init__()
        self.sent = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 3 * dim))
        self.filter = nn.Linear(radial, 3 * dim)
        glorot(self.sent[0], self.sent[2], self.filter)

    def forward(
        self,
        s: Float[Tensor, "N D"],
        v: Float[Tensor, "N 3 D"] | None,
        near: Pairs,
        radial: Float[Tensor, "Q/2 R"],
        weight: Float[Tensor, "Q/2 1"],
        direction: Sequence[Float[Tensor, "Q/2 1"]],
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N 3 D"]]:
        """A pair has one filter for both ways, and its direction turns round; `v` is None before there are vectors."""
        by_vector, by_scalar, by_direction = (self.filter(radial) * weight).chunk(3, dim=1)
        of_vector, of_scalar, of_direction = self.sent(s).chunk(3, dim=1)
        own = None if v is None else [of_vector * component for component in v.unbind(1)]
        scalars, vectors = [], []
        for hearer, heard, way in near.ways():
            scalars.append(total(by_scalar * of_scalar.index_select(0, heard), hearer, len(s)))
            along, axes = by_direction * of_direction.index_select(0, heard), []
            for axis, unit in enumerate(direction):
                sent = along * (way * unit)
                if own is not None:
                    sent = torch.addcmul(sent, by_vector, own[axis].index_select(0, heard))
                axes.append(total(sent, hearer, len(s)))
            vectors.append(torch.stack(axes, dim=1))
        return scalars[0] + scalars[1], vectors[0] + vectors[1]


class Update(nn.Module):
    """What the scalars and vectors of an atom tell each other: equations 9 and 10 of the paper."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(dim, 2 * dim, bias=False)
        self.gate = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, 3 * dim))
        glorot(self.mix, self.gate[0], self.gate[2])

    def forward(
        self, s: Float[Tensor, "N D"], v: Float[Tensor, "N 3 D"]
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N 3 D"]]:
        one, other = self.mix(v).chunk(2, dim=2)
        length = (other.to(s.dtype).square().sum(1) + TINY).sqrt()  # of half precision TINY would be 0
        to_vectors, to_products, to_scalars = self.gate(torch.cat([s, length], dim=1)).chunk(3, dim=1)
        return to_scalars + to_products * (one * other).sum(1), one * to_vectors.unsqueeze(1)


@ENCODERS.register(PaiNNSpec)
class PaiNN(nn.Module):
    r"""Schütt et al., "Equivariant message passing for the prediction of tensorial properties", ICML 2021,
    arXiv:2102.03150.

    .. math:: s_i \leftarrow s_i + \sum_j \phi_s(s_j) \odot W_s(r_{ij}), \quad
              v_i \leftarrow v_i + \sum_j v_j \odot \phi_{vv}(s_j) \odot W_{vv}(r_{ij})
              + \phi_{vs}(s_j) \odot W_{vs}(r_{ij}) \, \vec r_{ij} / r_{ij}

    and then, of each atom by itself,

    .. math:: s_i \leftarrow s_i + a_{ss} + a_{sv} \langle U v_i, V v_i \rangle, \quad
              v_i \leftarrow v_i + a_{vv}\, U v_i

    where the :math:`a` are a network of :math:`s_i` and :math:`\lVert V v_i \rVert`. Differs from the paper: the
    readout may be another than the sum; the last layer of its output network is the head; no tensors are predicted.
    """

    def __init__(
        self,
        atom_dim: int,
        bond_dim: int,
        *,
        hidden_dim: int,
        depth: int,
        dropout: float,
        cutoff: float,
        radial: int,
        pooling: str,
    ) -> None:
        super().__init__()
        self.cutoff, self.radial = cutoff, radial
        self.embedding = nn.Embedding(ELEMENTS, hidden_dim)
        self.messages = nn.ModuleList(Message(hidden_dim, radial) for _ in range(depth))
        self.updates = nn.ModuleList(Update(hidden_dim) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        half = max(1, hidden_dim // 2)
        self.out = nn.Sequential(nn.Linear(hidden_dim, half), nn.SiLU())
        glorot(self.out[0])
        self.readout = Readout(half, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        rounds = [[m, u] for m, u in zip(self.messages, self.updates, strict=True)]
        return [[self.embedding], *rounds, [self.out], *self.readout.layers()]

    def atoms(self, batch: MoleculeBatch) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N 3 D"]]:
        """Scalars and vectors of each atom after the last round."""
        near = pairs(batch, self.cutoff)
        radial, weight = waves(near.distance, self.radial, self.cutoff), fade(near.distance, self.cutoff).unsqueeze(1)
        unit = near.vector[: len(near.distance)] / near.distance.unsqueeze(1)
        direction = unit.unsqueeze(2).unbind(1)
        s = self.embedding(batch.z)
        v = s.new_zeros(len(s), 3, s.shape[1])
        for n, (message, update) in enumerate(zip(self.messages, self.updates, strict=True)):
            ds, dv = message(s, v if n else None, near, radial, weight, direction)
            s, v = s + self.dropout(ds), v + dv
            ds, dv = update(s, v)
            s, v = s + self.dropout(ds), v + dv
        return s, v

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        out: Tensor = self.readout(self.out(self.atoms(batch)[0]), batch)
        return out
