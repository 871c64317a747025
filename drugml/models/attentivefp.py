"""Attentive FP: atoms attend to their neighbours, then the molecule to its atoms; GRUs remember.

Shape letters: B molecules, N atoms, E directed bonds, D width, R senders.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.encoders import AttentiveFpSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.segments import softmax, total


def _weights(*shape: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(shape)))


class BondAttention(nn.Module):
    """The first round, which reads bonds; parameters are named as in PyG's `GATEConv`."""

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__()
        self.att_l, self.att_r = _weights(1, dim), _weights(1, dim)
        self.lin1 = nn.Linear(dim + bond_dim, dim, bias=False)
        self.lin2 = nn.Linear(dim, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Float[Tensor, "N D"], batch: MoleculeBatch) -> Float[Tensor, "N D"]:
        source, target = batch.edge_index
        of_atoms, of_bonds = self.lin1.weight.split([h.shape[1], batch.bonds.shape[1]], dim=1)
        bonds = F.linear(batch.bonds, of_bonds).repeat_interleave(2, dim=0)
        met = F.leaky_relu(F.linear(h, of_atoms).index_select(0, source) + bonds)
        score = F.leaky_relu(met @ self.att_l.t() + (h @ self.att_r.t()).index_select(0, target))  # (E, 1)
        weight = softmax(score, target, len(h))
        return total(self.lin2(h).index_select(0, source) * weight, target, len(h)) + self.bias


class Attention(nn.Module):
    """Receivers attend to senders; parameters are named as in PyG's `GATConv(dim, dim, add_self_loops=False)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lin = nn.Linear(dim, dim, bias=False)
        self.att_src, self.att_dst = _weights(1, 1, dim), _weights(1, 1, dim)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(
        self,
        senders: Float[Tensor, "N D"],
        receivers: Float[Tensor, "R D"],
        source: Int[Tensor, "E"],
        target: Int[Tensor, "E"],
    ) -> Float[Tensor, "R D"]:
        sent = self.lin(senders)
        from_, to = sent @ self.att_src[0].t(), self.lin(receivers) @ self.att_dst[0].t()
        score = F.leaky_relu(from_.index_select(0, source) + to.index_select(0, target))  # (E, 1)
        weight = softmax(score, target, len(receivers))
        return total(sent.index_select(0, source) * weight, target, len(receivers)) + self.bias


@ENCODERS.register(AttentiveFpSpec)
class AttentiveFp(nn.Module):
    """Xiong et al., J. Med. Chem. 2020, doi:10.1021/acs.jmedchem.9b00959; parameters are named as in PyG's
    `AttentiveFP`, without its last layer, which is the head here.

    Differs from the paper: nothing in arithmetic but what PyG's differs in: attention of later rounds is that of GAT,
    whose score needs no second layer. OGB features by default; the paper's own are `featurizer=attentivefp`.
    """

    def __init__(
        self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float, steps: int
    ) -> None:
        super().__init__()
        self.out_dim, self.steps = hidden_dim, steps
        self.lin1 = nn.Linear(atom_dim, hidden_dim)
        self.gate_conv = BondAttention(hidden_dim, bond_dim)
        self.gru = nn.GRUCell(hidden_dim, hidden_dim)
        self.atom_convs = nn.ModuleList(Attention(hidden_dim) for _ in range(depth - 1))
        self.atom_grus = nn.ModuleList(nn.GRUCell(hidden_dim, hidden_dim) for _ in range(depth - 1))
        self.mol_conv = Attention(hidden_dim)
        self.mol_gru = nn.GRUCell(hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)

    def layers(self) -> list[list[nn.Module]]:
        rounds = [list(pair) for pair in zip(self.atom_convs, self.atom_grus, strict=True)]
        return [[self.lin1], [self.gate_conv, self.gru], *rounds, [self.mol_conv, self.mol_gru]]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        source, target = batch.edge_index
        h = F.leaky_relu(self.lin1(batch.x))
        h = torch.relu(self.gru(self.dropout(F.elu(self.gate_conv(h, batch))), h))
        for conv, gru in zip(self.atom_convs, self.atom_grus, strict=True):
            h = torch.relu(gru(self.dropout(F.elu(conv(h, h, source, target))), h))
        molecules = torch.relu(total(h, batch.batch, batch.num_graphs))
        atoms = torch.arange(len(h), device=h.device)
        for _ in range(self.steps):
            heard = self.dropout(F.elu(self.mol_conv(h, molecules, atoms, batch.batch)))
            molecules = torch.relu(self.mol_gru(heard, molecules))
        out: Tensor = self.dropout(molecules)
        return out
