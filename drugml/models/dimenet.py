"""DimeNet++: messages between pairs of atoms, which know distances and the angles between pairs.

Shape letters: B molecules, N atoms, Q pairs, K neighbours of an atom, L angular and R radial functions, D width of
embeddings and S of what is sent.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.geometric import DimeNetSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.bessel import envelope, harmonics, roots, scales, spherical
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import count, total
from drugml.models.space import ELEMENTS, Pairs, both, pairs

BASIS = 8
"""Width between functions of space and embeddings."""
BEFORE, AFTER, OUTPUT = 1, 2, 3
"""Residual layers before and after the skip connection, and layers of an output block, as in the paper."""


class Corners(NamedTuple):
    """Pairs that end in an atom, and the angles between them, by how many neighbours atoms have.

    Each (n, K) of `sizes` stands for n atoms of K neighbours: the next n K pairs of `into`, K of each atom.
    """

    into: Int[Tensor, "Q"]
    """Pairs k → j, those of an atom side by side."""
    back: Int[Tensor, "Q"]
    """Where in `into` the pair i → j is that pair j → i turns round."""
    sizes: list[tuple[int, int]]
    of_angles: list[Float[Tensor, "nK K L"]]
    """Harmonics of the angle between k → j and j → i; 0 where i is k."""


class Seen(NamedTuple):
    """What the rounds know of space."""

    near: Pairs
    radial: Float[Tensor, "Q/2 R"]
    waves: Float[Tensor, "Q/2 L R"]
    corners: Corners


def corners(near: Pairs, atoms: int, angular: int) -> Corners:
    """The angles at each atom.

    They are laid out by atoms, not as a list of triplets, so that what a pair hears is a product of small matrices and
    nothing as wide as an embedding is ever made of a triplet.
    """
    device, pairs = near.target.device, len(near.target)
    neighbours = count(near.target, atoms).squeeze(1).long()
    into = torch.argsort(neighbours.index_select(0, near.target) * atoms + near.target, stable=True)
    back = torch.argsort((into + pairs // 2) % max(pairs, 1))
    found = torch.stack(torch.unique(neighbours[neighbours > 0], return_counts=True), dim=1).tolist()
    sizes = [(n, k) for k, n in found or [(1, 0)]]  # no pair at all: products of nothing, which have gradients of 0
    direction = (near.vector / both(near.distance.unsqueeze(1))).index_select(0, into)
    of_angles = []
    for (n, k), part in zip(sizes, direction.split([n * k for n, k in sizes]), strict=True):
        own = part.view(n, k, 3)
        # j → i points the other way; no matrix product, whose precision may be set lower
        cosine = -(own.unsqueeze(1) * own.unsqueeze(2)).sum(3)
        others = 1.0 - torch.eye(k, device=device, dtype=own.dtype)
        waves = harmonics(cosine.flatten(), angular).view(n, k, k, angular) * others.unsqueeze(2)
        of_angles.append(waves.flatten(0, 1))
    return Corners(into, back, sizes, of_angles)


def orthogonal(*linears: nn.Linear) -> None:
    """Begin as DimeNet does: orthogonal weights with the variance of Glorot & Bengio 2010, no bias."""
    for linear in linears:
        with torch.no_grad():
            weight = nn.init.orthogonal_(linear.weight)
            weight *= (2.0 / (sum(weight.shape) * weight.var().clamp(min=1e-12))).sqrt()
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)


class Radial(nn.Module):
    """Waves of a distance, whose frequencies are learned."""

    def __init__(self, number: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.freq = nn.Parameter(torch.arange(1, number + 1) * math.pi)

    def forward(self, distance: Float[Tensor, "Q/2"]) -> Float[Tensor, "Q/2 R"]:
        x = distance.unsqueeze(1) / self.cutoff
        return envelope(x) * (self.freq * x).sin()


class Waves(nn.Module):
    """Waves of a distance for each harmonic of an angle."""

    roots: Tensor
    scales: Tensor

    def __init__(self, angular: int, radial: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff, at = cutoff, roots(angular, radial)
        self.register_buffer("roots", torch.from_numpy(at), persistent=False)
        self.register_buffer("scales", torch.from_numpy(scales(at)), persistent=False)

    def forward(self, distance: Float[Tensor, "Q/2"]) -> Float[Tensor, "Q/2 L R"]:
        x = (distance.double() / self.cutoff)[:, None, None]
        return (envelope(x) * self.scales.double() * spherical(self.roots.double() * x)).to(distance.dtype)


class Embedding(nn.Module):
    """Pairs by their two elements and their distance."""

    def __init__(self, dim: int, radial: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(ELEMENTS, dim)
        nn.init.uniform_(self.emb.weight, -math.sqrt(3), math.sqrt(3))
        self.lin_rbf, self.lin = nn.Linear(radial, dim), nn.Linear(3 * dim, dim)

    def forward(self, z: Int[Tensor, "N"], seen: Seen) -> Float[Tensor, "Q D"]:
        atoms, distance = self.emb(z), F.silu(self.lin_rbf(seen.radial))
        near = seen.near
        parts = [atoms.index_select(0, near.target), atoms.index_select(0, near.source), both(distance)]
        return F.silu(self.lin(torch.cat(parts, dim=1)))


class Residual(nn.Module):
    """Two layers beside which the input goes by."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(dim, dim), nn.Linear(dim, dim)
        orthogonal(self.lin1, self.lin2)

    def forward(self, x: Float[Tensor, "Q D"]) -> Float[Tensor, "Q D"]:
        return x + F.silu(self.lin2(F.silu(self.lin1(x))))


class Interaction(nn.Module):
    """One round: each pair hears the pairs that end where it begins."""

    def __init__(self, dim: int, angular: int, radial: int, dropout: float) -> None:
        super().__init__()
        small = max(1, dim // 2)
        self.lin_rbf1, self.lin_rbf2 = nn.Linear(radial, BASIS, bias=False), nn.Linear(BASIS, dim, bias=False)
        self.lin_sbf1 = nn.Linear(angular * radial, BASIS, bias=False)
        self.lin_sbf2 = nn.Linear(BASIS, small, bias=False)
        self.lin_kj, self.lin_ji = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.lin_down, self.lin_up = nn.Linear(dim, small, bias=False), nn.Linear(small, dim, bias=False)
        self.lin = nn.Linear(dim, dim)
        orthogonal(self.lin_rbf1, self.lin_rbf2, self.lin_sbf1, self.lin_sbf2)
        orthogonal(self.lin_kj, self.lin_ji, self.lin_down, self.lin_up, self.lin)
        self.layers_before_skip = nn.Sequential(*(Residual(dim) for _ in range(BEFORE)))
        self.layers_after_skip = nn.Sequential(*(Residual(dim) for _ in range(AFTER)))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "Q D"], seen: Seen) -> Float[Tensor, "Q D"]:
        sent = F.silu(self.lin_kj(x)) * both(self.lin_rbf2(self.lin_rbf1(seen.radial)))
        heard = self._met(F.silu(self.lin_down(sent)), seen)
        h = F.silu(self.lin_ji(x)) + self.dropout(F.silu(self.lin_up(heard)))
        out: Tensor = self.layers_after_skip(F.silu(self.lin(self.layers_before_skip(h))) + x)
        return out

    def _met(self, sent: Float[Tensor, "Q S"], seen: Seen) -> Float[Tensor, "Q S"]:
        """For each pair j → i the sum over k of what k → j sent times a network of distance and angle, which is linear:
        `lin_sbf1` is taken of the waves before they meet the angles, `lin_sbf2` of the sum.
        """
        at = seen.corners
        by_order = self.lin_sbf1.weight.view(BASIS, *seen.waves.shape[1:])
        waves = both(torch.einsum("qlr,blr->qlb", seen.waves, by_order)).index_select(0, at.into)
        said, rows_of = sent.index_select(0, at.into), [n * k for n, k in at.sizes]
        parts = zip(at.sizes, at.of_angles, waves.split(rows_of), said.split(rows_of), strict=True)
        met, small = [], sent.shape[1]
        for (n, k), of_angles, of_waves, rows in parts:
            weights = torch.bmm(of_angles, of_waves).view(n, k, k * BASIS)  # by k, then by i
            met.append(torch.bmm(weights.transpose(1, 2), rows.view(n, k, small)).view(n * k, BASIS, small))
        return (torch.cat(met) * self.lin_sbf2.weight.t()).sum(1).index_select(0, at.back)


class Output(nn.Module):
    """What a round says of each atom."""

    def __init__(self, dim: int, radial: int) -> None:
        super().__init__()
        self.lin_rbf, self.lin_up = nn.Linear(radial, dim, bias=False), nn.Linear(dim, 2 * dim, bias=False)
        self.lins = nn.ModuleList(nn.Linear(2 * dim, 2 * dim) for _ in range(OUTPUT))
        self.lin = nn.Linear(2 * dim, dim, bias=False)
        orthogonal(self.lin_rbf, self.lin_up, *(m for m in self.lins if isinstance(m, nn.Linear)), self.lin)

    def forward(self, x: Float[Tensor, "Q D"], seen: Seen, atoms: int) -> Float[Tensor, "N D"]:
        h = self.lin_up(total(both(self.lin_rbf(seen.radial)) * x, seen.near.target, atoms))
        for lin in self.lins:
            h = F.silu(lin(h))
        out: Tensor = self.lin(h)
        return out


@ENCODERS.register(DimeNetSpec)
class DimeNet(nn.Module):
    r"""Gasteiger et al., "Fast and Uncertainty-Aware Directional Message Passing", 2020, arXiv:2011.14115; the first
    DimeNet is arXiv:2003.03123.

    .. math:: m_{ji} \leftarrow f\Big(m_{ji}, \sum_{k \in N(j) \setminus i} \big(W_d\,\sigma(W m_{kj}) \odot
              e(d_{kj})\big) \odot a(d_{kj}, \alpha_{kji})\Big)

    with Bessel functions :math:`e` of distances and Fourier-Bessel functions :math:`a` of distances and angles;
    parameters are named as in PyG's `DimeNetPlusPlus`, which has as many outputs as there is width here. Time and
    memory grow with the triplets of atoms within the cut-off.

    Differs from the paper: output blocks give embeddings, as wide as those of atoms, and do not begin at 0; the readout
    may be another than the sum.
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
        angular: int,
        pooling: str,
    ) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.angular = angular
        self.rbf, self.sbf = Radial(radial, cutoff), Waves(angular, radial, cutoff)
        self.emb = Embedding(hidden_dim, radial)
        self.output_blocks = nn.ModuleList(Output(hidden_dim, radial) for _ in range(depth + 1))
        self.interaction_blocks = nn.ModuleList(Interaction(hidden_dim, angular, radial, dropout) for _ in range(depth))
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        rounds = zip(self.interaction_blocks, self.output_blocks[1:], strict=True)
        return [[self.rbf, self.emb, self.output_blocks[0]], *map(list, rounds), *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        near, atoms = pairs(batch, self.cutoff), len(batch.batch)
        met = corners(near, atoms, self.angular)
        seen = Seen(near, self.rbf(near.distance), self.sbf(near.distance), met)
        x = self.emb(batch.z, seen)
        said = self.output_blocks[0](x, seen, atoms)
        for interaction, output in zip(self.interaction_blocks, self.output_blocks[1:], strict=True):
            x = interaction(x, seen)
            said = said + output(x, seen, atoms)
        out: Tensor = self.readout(said, batch)
        return out
