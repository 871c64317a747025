"""D-MPNN: messages on directed bonds, the network of Chemprop."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.models import DmpnnSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS, ROW, aligned
from drugml.models.readout import Readout


@ENCODERS.register(DmpnnSpec)
class Dmpnn(nn.Module):
    r"""Yang et al., "Analyzing Learned Molecular Representations", JCIM 2019, doi:10.1021/acs.jcim.9b00237.

    .. math:: h^0_{vw} = \tau(W_i [x_v, e_{vw}]), \quad
              h^{t+1}_{vw} = \tau\Big(W_i [x_v, e_{vw}] + W_h \sum_{u \in N(v) \setminus w} h^t_{uv}\Big), \quad
              h_v = \tau\Big(W_o [x_v, \sum_{u \in N(v)} h^T_{uv}]\Big)

    Differs from the paper: norm pooling (sum / 100) by default, as in Chemprop v2, whose weights fit one to one.
    Differs from Chemprop in arithmetic only: :math:`W_i` is applied to atoms and bonds before they meet, so that
    its cost grows with atoms and not with directed bonds.
    """

    def __init__(
        self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.hidden_dim, self.depth, self.atom_dim = hidden_dim, depth, atom_dim
        self.W_i = nn.Linear(atom_dim + bond_dim, hidden_dim, bias=False)
        self.W_h = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.W_o = nn.Linear(atom_dim + hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        return [[self.W_i], [self.W_h], [self.W_o], *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        # within, D is filled up with columns of zeros: see `aligned`
        source, target = batch.edge_index
        of_atoms, of_bonds = aligned(self.W_i.weight).split([self.atom_dim, self.W_i.in_features - self.atom_dim], 1)
        from_atoms = F.linear(batch.x, of_atoms)  # (N, D)
        from_bonds = F.linear(batch.bonds, of_bonds)  # (P, D)
        pairs = from_atoms.index_select(0, source).unflatten(0, (-1, 2)) + from_bonds.unsqueeze(1)  # (P, 2, D)
        first = pairs.flatten(0, 1)  # (E, D)
        h = torch.relu(first)
        nobody = torch.zeros_like(from_atoms)
        between = F.pad(aligned(self.W_h.weight), (0, -self.hidden_dim % ROW)).t()
        for _ in range(self.depth - 1):
            into = nobody.index_add(0, target, h)  # (N, D)
            others = into.index_select(0, source).sub_(h.index_select(0, batch.reverse))
            h = self.dropout(torch.addmm(first, others, between).relu_())
        into = nobody.index_add(0, target, h)[:, : self.hidden_dim]
        seen = torch.cat([batch.x, into], dim=1)
        atoms = self.dropout(F.linear(seen, aligned(self.W_o.weight), aligned(self.W_o.bias)).relu_())
        out: Tensor = self.readout(atoms, batch)
        return out
