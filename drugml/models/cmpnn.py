"""CMPNN: atoms and directed bonds talk to each other in every round.

Shape letters: B molecules, N atoms, E directed bonds, D width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.encoders import CmpnnSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import maximum, total


def boosted(bonds: Float[Tensor, "E D"], batch: MoleculeBatch) -> Float[Tensor, "N D"]:
    """The sum of the bonds into each atom times the greatest of them, per column: the message booster."""
    into, atoms = batch.edge_index[1], len(batch.x)
    return total(bonds, into, atoms) * maximum(bonds, into, atoms)


class Memory(nn.Module):
    """One step of a GRU for each atom, which remembers the greatest of its molecule, per column."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(dim).uniform_(-(dim**-0.5), dim**-0.5))
        self.gru = nn.GRUCell(dim, dim)

    def forward(self, atoms: Float[Tensor, "N D"], batch: MoleculeBatch) -> Float[Tensor, "N D"]:
        top = maximum(atoms, batch.batch, batch.num_graphs).index_select(0, batch.batch)
        out: Tensor = self.gru(torch.relu(atoms + self.bias), top)
        return out


@ENCODERS.register(CmpnnSpec)
class Cmpnn(nn.Module):
    r"""Song et al., "Communicative Representation Learning on Attributed Molecular Graphs", IJCAI 2020,
    doi:10.24963/ijcai.2020/392, with the communication by addition of the authors' code (github.com/SY575/CMPNN).

    .. math:: h^0_v = \tau(W_a x_v), \quad h^0_{vw} = \tau(W_b [x_v, e_{vw}]), \quad
              m_v = \sum_{u \in N(v)} h^t_{uv} \odot \max_{u \in N(v)} h^t_{uv}, \\
              h^{t+1}_v = h^t_v + m_v, \quad
              h^{t+1}_{vw} = \tau\big(h^0_{vw} + W_t (h^{t+1}_v - h^t_{wv})\big), \\
              z_v = W_r [m_v, h^T_v, h^0_v], \quad
              h_v = \tau\Big(W_o\,\mathrm{GRU}\big(\tau(z_v + b), \max_u z_u\big)\Big)

    Differs from the paper: the GRU makes one step for each atom, from the greatest z of the molecule, where that of the
    authors walks along the atoms in both directions, so that the prediction depends on the order of atoms; and norm
    pooling (sum / 100) by default instead of the mean.
    """

    def __init__(
        self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.W_a = nn.Linear(atom_dim, hidden_dim, bias=False)
        self.W_b = nn.Linear(atom_dim + bond_dim, hidden_dim, bias=False)
        self.W_t = nn.ModuleList(nn.Linear(hidden_dim, hidden_dim, bias=False) for _ in range(depth - 1))
        self.W_r = nn.Linear(3 * hidden_dim, hidden_dim, bias=False)
        self.memory = Memory(hidden_dim)
        self.W_o = nn.Linear(hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        rounds: list[list[nn.Module]] = [[linear] for linear in self.W_t]
        return [[self.W_a, self.W_b], *rounds, [self.W_r, self.memory, self.W_o], *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        source = batch.edge_index[0]
        of_atoms, of_bonds = self.W_b.weight.split([batch.x.shape[1], batch.bonds.shape[1]], dim=1)
        from_bonds = F.linear(batch.bonds, of_bonds).repeat_interleave(2, dim=0)
        e = first = torch.relu(F.linear(batch.x, of_atoms).index_select(0, source) + from_bonds)  # (E, D)
        h = own = torch.relu(self.W_a(batch.x))  # (N, D)
        for linear in self.W_t:
            h = h + boosted(e, batch)
            others = h.index_select(0, source) - e.index_select(0, batch.reverse)
            e = self.dropout(torch.relu(first + linear(others)))
        z = self.W_r(torch.cat([boosted(e, batch), h, own], dim=1))
        h = self.dropout(torch.relu(self.W_o(self.memory(z, batch))))
        out: Tensor = self.readout(h, batch)
        return out
