"""ViSNet: attention between near atoms, whose vectors and scalars tell each other what they know.

Shape letters: B molecules, N atoms, Q pairs, each atom's pair with itself included, M components of the harmonics,
R radial functions, H heads, D width.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.geometric import ViSNetSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total
from drugml.models.space import ELEMENTS, both, fade, glorot, inner, pairs

TINY = 1e-12
"""What vectors of no length are divided by."""


class Seen(NamedTuple):
    """What the rounds know of space."""

    source: Int[Tensor, "Q"]
    target: Int[Tensor, "Q"]
    direction: tuple[Float[Tensor, "Q 1"], ...]
    """Harmonics from target to source, M in number, 0 of an atom and itself."""
    degree: int
    """The sum of their squares, but for an atom and itself."""
    weight: Float[Tensor, "Q 1"]
    """1 at no distance, 0 at the cut-off."""


def harmonics(unit: Float[Tensor, "Q 3"], degree: int) -> Float[Tensor, "Q M"]:
    """Real spherical harmonics of degree 1, or 1 and 2, of length 1 each."""
    if degree == 1:
        return unit
    x, y, z = unit.unbind(1)
    root = math.sqrt(3.0)
    second = [
        root * x * z,
        root * x * y,
        y.square() - 0.5 * (x.square() + z.square()),
        root * y * z,
        root / 2 * (z.square() - x.square()),
    ]
    return torch.cat([unit, torch.stack(second, dim=1)], dim=1)


def max_min(v: Float[Tensor, "N M D"], degree: int) -> Float[Tensor, "N M D"]:
    """Vectors of the same directions, an atom's longest of length 1 and its shortest of 0; each degree by itself."""
    out = []
    for part in v.split([3, 5][:degree], dim=1):
        length = part.norm(dim=1, keepdim=True)
        least = length.amin(dim=2, keepdim=True)
        span = length.amax(dim=2, keepdim=True) - least
        span = torch.where(span == 0, torch.ones_like(span), span)
        out.append(part / length.clamp(min=TINY) * ((length - least) / span))
    return torch.cat(out, dim=1)


class Exponentials(nn.Module):
    """Gaussians of exp(-d), which are denser near 0 (Unke & Meuwly 2019, doi:10.1021/acs.jctc.9b00181)."""

    means: Tensor

    def __init__(self, number: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff, start = cutoff, math.exp(-cutoff)
        self.register_buffer("means", torch.linspace(start, 1, number), persistent=False)
        self.beta = (2 / number * (1 - start)) ** -2

    def forward(self, distance: Float[Tensor, "Q"]) -> Float[Tensor, "Q R"]:
        near = (distance * (-5.0 / self.cutoff)).exp().unsqueeze(1)
        return fade(distance, self.cutoff).unsqueeze(1) * (-self.beta * (near - self.means).square()).exp()


class Neighbours(nn.Module):
    """Atoms by their elements and those around them; parameters are named as in PyG's `NeighborEmbedding`."""

    def __init__(self, dim: int, radial: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ELEMENTS, dim)
        self.distance_proj, self.combine = nn.Linear(radial, dim), nn.Linear(2 * dim, dim)
        glorot(self.distance_proj, self.combine)

    def forward(
        self, z: Int[Tensor, "N"], x: Float[Tensor, "N D"], seen: Seen, radial: Float[Tensor, "Q R"]
    ) -> Float[Tensor, "N D"]:
        others = len(seen.source) - len(x)  # not the atom itself
        weight = self.distance_proj(radial[:others]) * seen.weight[:others]
        sent = self.embedding(z).index_select(0, seen.source[:others]) * weight
        out: Tensor = self.combine(torch.cat([x, total(sent, seen.target[:others], len(x))], dim=1))
        return out


class Attention(nn.Module):
    """One round; parameters are named as in PyG's `ViS_MP`.

    Without what would never be used: at first there are no vectors to read, at last no pairs to update.
    """

    def __init__(self, dim: int, heads: int, *, first: bool, last: bool) -> None:
        super().__init__()
        self.heads, self.first, self.last = heads, first, last
        self.layernorm = nn.LayerNorm(dim)
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.dk_proj, self.dv_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.s_proj, self.o_proj = nn.Linear(dim, 2 * dim), nn.Linear(dim, 3 * dim)
        if not first:
            self.vec_proj = nn.Linear(dim, 3 * dim, bias=False)
        if not first and not last:
            self.f_proj = nn.Linear(dim, dim)
            self.w_src_proj, self.w_trg_proj = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        glorot(*(m for m in self.children() if isinstance(m, nn.Linear)))

    def forward(
        self, x: Float[Tensor, "N D"], v: Float[Tensor, "N M D"], of_pairs: Float[Tensor, "Q D"], seen: Seen
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N M D"], Float[Tensor, "Q D"] | None]:
        """What is added to atoms, vectors and pairs."""
        x = self.layernorm(x)
        query = self.q_proj(x).index_select(0, seen.target)
        key = self.k_proj(x).index_select(0, seen.source) * F.silu(self.dk_proj(of_pairs))
        score = (query * key).unflatten(1, (self.heads, -1)).sum(2)  # (Q, H)
        share = (F.silu(score) * seen.weight).unsqueeze(2)
        value = self.v_proj(x).index_select(0, seen.source) * F.silu(self.dv_proj(of_pairs))
        value = (value.unflatten(1, (self.heads, -1)) * share).flatten(1)
        dv = self._vectors(v, value, seen)
        to_vectors, to_products, dx = self.o_proj(total(value, seen.target, len(x))).chunk(3, dim=1)
        if self.first:
            return dx, dv, None
        one, other, own = self.vec_proj(v).chunk(3, dim=2)
        dx, dv = dx + (one * other).sum(1) * to_products, dv + own * to_vectors.unsqueeze(1)
        return dx, dv, None if self.last else self._angles(v, of_pairs, seen)

    def _vectors(self, v: Float[Tensor, "N M D"], value: Float[Tensor, "Q D"], seen: Seen) -> Float[Tensor, "N M D"]:
        """What atoms hear of the vectors of others and of their directions."""
        of_vectors, of_directions = F.silu(self.s_proj(value)).chunk(2, dim=1)
        heard = []
        for own, direction in zip(v.unbind(1), seen.direction, strict=True):
            sent = of_directions * direction
            if not self.first:
                sent = torch.addcmul(sent, own.index_select(0, seen.source), of_vectors)
            heard.append(total(sent, seen.target, len(v)))
        return torch.stack(heard, dim=1)

    def _angles(self, v: Float[Tensor, "N M D"], of_pairs: Float[Tensor, "Q D"], seen: Seen) -> Float[Tensor, "Q D"]:
        r"""How the vectors of two atoms stand to each other, seen along their bond.

        Of each vector only what is at right angles to the bond d counts, :math:`\langle a - \langle a, d\rangle d,\
        b - \langle b, d\rangle d\rangle = \langle a, b\rangle + (\lvert d\rvert^2 - 2) \langle a, d\rangle \langle b,
        d\rangle`.
        """
        one = [c.index_select(0, seen.target) for c in self.w_trg_proj(v).unbind(1)]
        other = [c.index_select(0, seen.source) for c in self.w_src_proj(v).unbind(1)]
        along = inner(one, seen.direction) * inner(other, seen.direction)
        out: Tensor = F.silu(self.f_proj(of_pairs)) * (inner(one, other) + (seen.degree - 2) * along)
        return out


class Gate(nn.Module):
    """Scalars of atoms by their scalars and the lengths of their vectors; named as in PyG's `GatedEquivariantBlock`."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.vec1_proj = nn.Linear(dim, dim, bias=False)
        self.update_net = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, out_dim))
        glorot(self.vec1_proj, self.update_net[0], self.update_net[2])

    def forward(self, x: Float[Tensor, "N D"], v: Float[Tensor, "N M D"]) -> Float[Tensor, "N O"]:
        return F.silu(self.update_net(torch.cat([x, self.vec1_proj(v).norm(dim=1)], dim=1)))


@ENCODERS.register(ViSNetSpec)
class ViSNet(nn.Module):
    r"""Wang et al., "Enhancing geometric representations for molecules with equivariant vector-scalar interactive
    message passing", Nat. Commun. 2024, doi:10.1038/s41467-023-43720-2, arXiv:2210.16518.

    Attention :math:`\sigma(q_i \cdot k_j \odot d_{ij})\,c(r_{ij})` weighs what an atom hears; vectors
    :math:`v_i` gather directions and the vectors of others; their products :math:`\langle U v_i, V v_i \rangle` go into
    scalars (angles), and products across a bond into pairs (dihedrals). Parameters are named as in PyG's `ViSNet`
    without its prefixes and last block, which is the head here.

    Vectors are normed before each round, as in the authors' code and PyG's they can be; without (`vector_norm: none`,
    PyG's default) trainings at the default rate of learning here diverge.

    Differs from the paper: as PyG's with its defaults, no angles at vertices, harmonics of degree 1 by default; and the
    readout may be another than the sum.
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
        heads: int,
        degree: int,
        vector_norm: str,
        pooling: str,
    ) -> None:
        super().__init__()
        self.cutoff, self.degree, self.vector_norm = cutoff, degree, vector_norm
        self.embedding = nn.Embedding(ELEMENTS, hidden_dim)
        self.expand = Exponentials(radial, cutoff)
        self.neighbor_embedding = Neighbours(hidden_dim, radial)
        self.edge_embedding = nn.ModuleDict({"edge_proj": nn.Linear(radial, hidden_dim)})
        glorot(self.edge_embedding["edge_proj"])
        self.vis_mp_layers = nn.ModuleList(
            Attention(hidden_dim, heads, first=n == 0, last=n == depth - 1) for n in range(depth)
        )
        self.out_norm = nn.LayerNorm(hidden_dim)
        half = max(1, hidden_dim // 2)
        self.gate, self.dropout = Gate(hidden_dim, half), nn.Dropout(dropout)
        self.readout = Readout(half, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        first: list[nn.Module] = [self.embedding, self.neighbor_embedding, self.edge_embedding]
        last: list[nn.Module] = [self.out_norm, self.gate]
        return [first, *([m] for m in self.vis_mp_layers), last, *self.readout.layers()]

    def atoms(self, batch: MoleculeBatch) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N M D"]]:
        """Scalars and vectors of each atom after the last round, normed; vectors are harmonics where `degree` is 2."""
        seen, radial = self._seen(batch)
        x = self.neighbor_embedding(batch.z, self.embedding(batch.z), seen, radial)
        v = x.new_zeros(len(x), len(seen.direction), x.shape[1])
        met = x.index_select(0, seen.target) + x.index_select(0, seen.source)
        of_pairs = met * self.edge_embedding["edge_proj"](radial)
        for attention in self.vis_mp_layers:
            dx, dv, more = attention(x, self._normed(v), of_pairs, seen)
            x, v = x + self.dropout(dx), v + dv
            of_pairs = of_pairs if more is None else of_pairs + more
        return self.out_norm(x), self._normed(v)

    def _normed(self, v: Float[Tensor, "N M D"]) -> Float[Tensor, "N M D"]:
        return max_min(v, self.degree) if self.vector_norm == "max_min" else v

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        out: Tensor = self.readout(self.gate(*self.atoms(batch)), batch)
        return out

    def _seen(self, batch: MoleculeBatch) -> tuple[Seen, Float[Tensor, "Q R"]]:
        near = pairs(batch, self.cutoff)
        own = torch.arange(len(batch.batch), device=near.source.device)
        distance = torch.cat([both(near.distance.unsqueeze(1)).squeeze(1), near.distance.new_zeros(len(own))])
        unit = near.vector / both(near.distance.unsqueeze(1))
        direction = F.pad(harmonics(unit, self.degree), (0, 0, 0, len(own))).unsqueeze(2).unbind(1)
        source, target = torch.cat([near.source, own]), torch.cat([near.target, own])
        weight = fade(distance, self.cutoff).unsqueeze(1)
        seen = Seen(source, target, direction, self.degree, weight)
        return seen, self.expand(distance)
