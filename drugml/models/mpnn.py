"""The message passing network of quantum chemistry: each bond is a matrix."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.encoders import MpnnSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total


class EdgeNetwork(nn.Module):
    """A matrix of each bond; the same function and parameter names as PyG's `NNConv(dim, dim, nn, root_weight=False)`.

    Matrices do not change between rounds: they are made once, and once per bond.
    """

    def __init__(self, dim: int, bond_dim: int, edge_dim: int) -> None:
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(bond_dim, edge_dim), nn.ReLU(), nn.Linear(edge_dim, dim * dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def matrices(self, batch: MoleculeBatch) -> Float[Tensor, "P D D"]:
        """Of each bond, both ways."""
        side = len(self.bias)
        out: Tensor = self.nn(batch.bonds).unflatten(1, (side, side))
        return out

    def forward(
        self, h: Float[Tensor, "N D"], matrices: Float[Tensor, "P D D"], batch: MoleculeBatch
    ) -> Float[Tensor, "N D"]:
        source, target = batch.edge_index
        sent = h.index_select(0, source).unflatten(0, (-1, 2))  # (P, 2, D), both ways of a bond
        return total(torch.bmm(sent, matrices).flatten(0, 1), target, len(h)) + self.bias


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
        h, matrices = torch.relu(self.embed(batch.x)), self.conv.matrices(batch)
        for _ in range(self.depth):
            h = self.gru(self.dropout(torch.relu(self.conv(h, matrices, batch))), h)
        out: Tensor = self.readout(h, batch)
        return out
