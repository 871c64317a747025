"""The message passing network of quantum chemistry: each bond is a matrix.

Shape letters: N atoms, P bonds, E = 2 P directed bonds, K matrices, D width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from drugml.config.encoders import MpnnSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total


class Ways(NamedTuple):
    """Directed bonds, those with the same matrix side by side, and the two ways of a bond next to one another."""

    matrices: Float[Tensor, "K D D"]
    sizes: list[int] | None
    """Directed bonds of each matrix; None where each bond, both ways, has its own."""
    source: Int[Tensor, "E"]
    target: Int[Tensor, "E"]


class EdgeNetwork(nn.Module):
    """A matrix of each bond; the same function and parameter names as PyG's `NNConv(dim, dim, nn, root_weight=False)`.

    Matrices do not change between rounds: they are made once, and once per bond, or for all bonds that are alike.
    """

    def __init__(self, dim: int, bond_dim: int, edge_dim: int) -> None:
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(bond_dim, edge_dim), nn.ReLU(), nn.Linear(edge_dim, dim * dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def ways(self, batch: MoleculeBatch) -> Ways:
        """Matrices of a batch, and along which bonds each leads; few or one for each bond."""
        side, alike = len(self.bias), batch.alike
        ends, bonds, sizes = batch.ends, batch.bonds, None
        if alike is not None and len(bonds):
            order = torch.argsort(alike.bond, stable=True)
            ends, bonds = ends.index_select(0, order), bonds.index_select(0, alike.bond_example)
            sizes = (2 * torch.bincount(alike.bond, minlength=len(bonds))).tolist()
        matrices: Tensor = self.nn(bonds).unflatten(1, (side, side))
        return Ways(matrices, sizes, ends.reshape(-1), ends.flip(1).reshape(-1))

    def forward(self, h: Float[Tensor, "N D"], ways: Ways) -> Float[Tensor, "N D"]:
        sent = h.index_select(0, ways.source)
        if ways.sizes is None:
            told = torch.bmm(sent.unflatten(0, (-1, 2)), ways.matrices).flatten(0, 1)  # both ways of a bond at once
        else:
            told = torch.cat([s @ m for s, m in zip(sent.split(ways.sizes), ways.matrices, strict=True)])
        return total(told, ways.target, len(h)) + self.bias


@ENCODERS.register(MpnnSpec)
class Mpnn(nn.Module):
    r"""Gilmer et al., "Neural Message Passing for Quantum Chemistry", ICML 2017, arXiv:1704.01212.

    .. math:: m_v = \sum_{u \in N(v)} A(e_{uv}) h_u, \quad h_v \leftarrow \mathrm{GRU}(\mathrm{ReLU}(m_v + b), h_v)

    Differs from the paper: bonds only, no distances and no edges between other atoms; ReLU after the message and a
    linear embedding of atoms instead of filling up with zeros, as PyG's example has them; Set2Set with three steps.
    """

    def __init__(
        self,
        atom_dim: int,
        bond_dim: int,
        *,
        hidden_dim: int,
        depth: int,
        dropout: float,
        edge_dim: int,
        pooling: str,
    ) -> None:
        super().__init__()
        self.depth = depth
        self.embed = nn.Linear(atom_dim, hidden_dim)
        self.conv = EdgeNetwork(hidden_dim, bond_dim, edge_dim)
        self.gru = nn.GRUCell(hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        return [[self.embed], [self.conv, self.gru], *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        h, ways = torch.relu(self.embed(batch.x)), self.conv.ways(batch)
        for _ in range(self.depth):
            h = self.gru(self.dropout(torch.relu(self.conv(h, ways))), h)
        out: Tensor = self.readout(h, batch)
        return out
