"""D-MPNN: messages on directed bonds, the network of Chemprop."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.models import DmpnnSpec
from drugml.data.alike import Alike, Around
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS, ROW, aligned
from drugml.models.readout import Readout
from drugml.models.segments import total


@ENCODERS.register(DmpnnSpec)
class Dmpnn(nn.Module):
    r"""Yang et al., "Analyzing Learned Molecular Representations", JCIM 2019, doi:10.1021/acs.jcim.9b00237.

    .. math:: h^0_{vw} = \tau(W_i [x_v, e_{vw}]), \quad
              h^{t+1}_{vw} = \tau\Big(W_i [x_v, e_{vw}] + W_h \sum_{u \in N(v) \setminus w} h^t_{uv}\Big), \quad
              h_v = \tau\Big(W_o [x_v, \sum_{u \in N(v)} h^T_{uv}]\Big)

    Differs from the paper: norm pooling (sum / 100) by default, as in Chemprop v2, whose weights fit one to one.

    What directed bonds have in common is computed once (see `Alike`). Where that is not known, :math:`W_i` is applied
    to atoms and bonds before they meet.
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
        between = F.pad(aligned(self.W_h.weight), (0, -self.hidden_dim % ROW)).t()
        alike = batch.alike if self.depth > 1 else None
        drops = self.training and self.dropout.p > 0  # after it no two are alike
        if alike is not None and not drops and alike.worth:
            atoms = self._shared(batch, alike, between)
        else:
            atoms = self._updated(batch.x, _into(self._each(batch, alike, between), batch))
        out: Tensor = self.readout(self.dropout(atoms), batch)
        return out

    def _each(self, batch: MoleculeBatch, alike: Alike | None, between: Tensor) -> Float[Tensor, "E D"]:
        """All rounds, of each directed bond for itself; but for the first where it is known which are alike."""
        if alike is None:
            first, left = self._of_all(batch), self.depth - 1
            h = torch.relu(first)
        else:
            kinds = self._of_kinds(batch, alike)  # (K, D)
            first, left = kinds.index_select(0, alike.kind), self.depth - 2
            sent = (torch.relu(kinds) @ between).index_select(0, alike.kind)  # before the sum, as both are linear
            h = self.dropout(_others(sent, batch).add_(first).relu_())
        for _ in range(left):
            h = self.dropout(torch.addmm(first, _others(h, batch), between).relu_())
        return h

    def _shared(self, batch: MoleculeBatch, alike: Alike, between: Tensor) -> Float[Tensor, "N D"]:
        """All rounds, of one directed bond of those that are alike after it, and of one atom of each kind."""
        kinds = self._of_kinds(batch, alike)  # (K, D)
        h, around = torch.relu(kinds), Around(alike, alike.kind, batch.edge_index)
        for _ in range(self.depth - 1):
            after = around.after()
            sent = (h @ between).index_select(0, around.heard)  # (I, D)
            into = total(sent, around.owner, len(around.example))
            h = into.index_select(0, around.owner.index_select(0, after.example))
            first = alike.kind.index_select(0, around.into.index_select(0, after.example) ^ 1)
            h = h.sub_(sent.index_select(0, after.example)).add_(kinds.index_select(0, first)).relu_()
            around = Around(alike, after.kind, batch.edge_index)
        into = total(h.index_select(0, around.heard), around.owner, len(around.example))  # (A, D)
        return self._updated(batch.x.index_select(0, around.example), into).index_select(0, around.atom)

    def _updated(self, x: Float[Tensor, "N F"], into: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Atoms after what they have heard."""
        seen = torch.cat([x, into[:, : self.hidden_dim]], dim=1)
        return F.linear(seen, aligned(self.W_o.weight), aligned(self.W_o.bias)).relu_()

    def _of_all(self, batch: MoleculeBatch) -> Float[Tensor, "E D"]:
        """W_i of every directed bond."""
        of_atoms, of_bonds = self._parts()
        from_atoms = F.linear(batch.x, of_atoms)  # (N, D)
        from_bonds = F.linear(batch.bonds, of_bonds)  # (P, D)
        out: Tensor = from_atoms.index_select(0, batch.edge_index[0]).unflatten(0, (-1, 2)) + from_bonds.unsqueeze(1)
        return out.flatten(0, 1)

    def _of_kinds(self, batch: MoleculeBatch, alike: Alike) -> Float[Tensor, "K D"]:
        """W_i of one directed bond of each kind."""
        of_atoms, of_bonds = self._parts()
        atoms = batch.x.index_select(0, batch.edge_index[0].index_select(0, alike.example))
        bonds = batch.bonds.index_select(0, alike.example // 2)
        return F.linear(atoms, of_atoms) + F.linear(bonds, of_bonds)

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Of W_i what belongs to atoms and to bonds."""
        weight = aligned(self.W_i.weight)
        return weight[:, : self.atom_dim], weight[:, self.atom_dim :]


def _into(h: Float[Tensor, "E D"], batch: MoleculeBatch) -> Float[Tensor, "N D"]:
    """Of each atom the sum over the directed bonds that end there."""
    return total(h, batch.edge_index[1], len(batch.x))


def _others(h: Float[Tensor, "E D"], batch: MoleculeBatch) -> Float[Tensor, "E D"]:
    """Of each directed bond the sum over those into its source, but for its own reverse."""
    return _into(h, batch).index_select(0, batch.edge_index[0]).sub_(h.index_select(0, batch.reverse))
