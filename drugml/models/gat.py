"""Attention to neighbours: GAT and GATv2.

Shape letters: D width, H heads, C = D / H; R, A, I and K as in `Hood`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.encoders import GatSpec, Gatv2Spec
from drugml.models.encoder import ENCODERS
from drugml.models.layered import Conv, Layered
from drugml.models.rounds import Hood
from drugml.models.segments import mean, softmax, total

SLOPE = 0.2
"""Of the leaky ReLU, as in both papers."""


def _weights(heads: int, dim: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, heads, dim // heads)))


def with_itself(bonds: Float[Tensor, "K ..."], hood: Hood) -> tuple[Tensor, Tensor, Float[Tensor, "I+A ..."]]:
    """Source, target and features of all directed bonds, then of each atom to itself, by the mean of its bonds."""
    each = bonds.index_select(0, hood.bond)
    itself = torch.arange(hood.atoms, device=hood.source.device)
    own = itself if hood.own is None else hood.own
    every = torch.cat([each, mean(each, hood.target, hood.atoms)])
    return torch.cat([hood.source, own]), torch.cat([hood.target, itself]), every


class GatConv(Conv):
    """One round; the same function and parameter names as PyG's `GATConv(dim, dim // heads, heads, edge_dim=…)`."""

    def __init__(self, dim: int, bond_dim: int, *, heads: int) -> None:
        super().__init__(dim, bond_dim)
        self.heads = heads
        self.lin = nn.Linear(dim, dim, bias=False)
        self.lin_edge = nn.Linear(bond_dim, dim, bias=False)
        self.att_src, self.att_dst, self.att_edge = (_weights(heads, dim) for _ in range(3))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        each = self.lin(h).unflatten(1, (self.heads, -1))  # (R, H, C)
        of_bonds = (self.lin_edge(hood.bonds).unflatten(1, (self.heads, -1)) * self.att_edge).sum(-1)  # (K, H)
        source, target, score = with_itself(of_bonds, hood)
        sends, hears = (each * self.att_src).sum(-1), hood.of_atoms((each * self.att_dst).sum(-1))  # (R, H), (A, H)
        score = F.leaky_relu(sends.index_select(0, source) + hears.index_select(0, target) + score, SLOPE)
        weight = softmax(score, target, hood.atoms).unsqueeze(-1)
        heard = total((each.index_select(0, source) * weight).flatten(1), target, hood.atoms)
        return heard + self.bias


class Gatv2Conv(Conv):
    """One round; the same function and parameter names as PyG's `GATv2Conv(dim, dim // heads, heads, edge_dim=…)`."""

    def __init__(self, dim: int, bond_dim: int, *, heads: int) -> None:
        super().__init__(dim, bond_dim)
        self.heads = heads
        self.lin_l, self.lin_r = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.lin_edge = nn.Linear(bond_dim, dim, bias=False)
        self.att = _weights(heads, dim)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        source, target, bonds = with_itself(self.lin_edge(hood.bonds), hood)
        sent = self.lin_l(h).index_select(0, source)
        met = F.leaky_relu(sent + self.lin_r(hood.of_atoms(h)).index_select(0, target) + bonds, SLOPE)
        score = (met.unflatten(1, (self.heads, -1)) * self.att).sum(-1)  # (I + A, H)
        weight = softmax(score, target, hood.atoms).unsqueeze(-1)
        heard = total((sent.unflatten(1, (self.heads, -1)) * weight).flatten(1), target, hood.atoms)
        return heard + self.bias


class Attending(Layered):
    """Rounds with attention heads."""

    def __init__(
        self,
        atom_dim: int,
        bond_dim: int,
        *,
        hidden_dim: int,
        depth: int,
        dropout: float,
        pooling: str,
        virtual_node: bool,
        heads: int,
    ) -> None:
        super().__init__(
            atom_dim,
            bond_dim,
            hidden_dim=hidden_dim,
            depth=depth,
            dropout=dropout,
            pooling=pooling,
            virtual_node=virtual_node,
            heads=heads,
        )


@ENCODERS.register(GatSpec)
class Gat(Attending):
    r"""Veličković et al., "Graph Attention Networks", ICLR 2018, arXiv:1710.10903.

    .. math:: h_v \leftarrow h_v + \mathrm{ReLU}\Big(\sum_{u \in N(v) \cup v} \alpha_{uv} W h_u\Big), \quad
              \alpha_{uv} = \mathrm{softmax}_u\big(\mathrm{LeakyReLU}(a \cdot [W h_v, W h_u, W_e e_{uv}])\big)

    Differs from the paper: each round is added to what an atom was (residual), behind a layer norm; bonds take part in
    the attention; dropout after the round instead of within it; and there is a readout, where the paper classifies
    nodes.
    """

    conv = GatConv


@ENCODERS.register(Gatv2Spec)
class Gatv2(Attending):
    r"""Brody et al., "How Attentive are Graph Attention Networks?", ICLR 2022, arXiv:2105.14491.

    As GAT, with :math:`\alpha_{uv} = \mathrm{softmax}_u\big(a \cdot \mathrm{LeakyReLU}(W_r h_v + W_l h_u + W_e
    e_{uv})\big)` and messages :math:`W_l h_u`.

    Differs from the paper: each round is added to what an atom was (residual), behind a layer norm; dropout after the
    round instead of within it; and there is a readout.
    """

    conv = Gatv2Conv
