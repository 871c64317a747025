"""The frame of networks whose rounds are all of one kind.

Shape letters: B molecules, N atoms, D width; R rows and A atoms as in `Hood`.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.data.batch import MoleculeBatch
from drugml.models.readout import Readout
from drugml.models.rounds import Hood, Rounds
from drugml.models.segments import total


class Conv(nn.Module):
    """One round: what atoms hear from their neighbours; built from width and columns of a bond."""

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__()

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        raise NotImplementedError


class VirtualNode(nn.Module):
    """A node that hears all atoms and tells them what it holds (Gilmer et al. 2017, arXiv:1704.01212)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim), nn.LayerNorm(dim))

    def forward(
        self, held: Float[Tensor, "B D"], h: Float[Tensor, "N D"], batch: MoleculeBatch
    ) -> Float[Tensor, "B D"]:
        return held + torch.relu(self.mlp(held + total(h, batch.batch, batch.num_graphs)))


class Layered(nn.Module):
    r"""A linear embedding of atoms, then rounds :math:`h \leftarrow h + \mathrm{dropout}(\mathrm{ReLU}(\mathrm{norm}(
    \mathrm{conv}(h))))`, then a readout.

    Of all these networks this is no paper's: residual connections and layer norms, so that depth does no harm and a
    prediction does not depend on its neighbours in the batch.
    """

    conv: ClassVar[type[Conv]]

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
        **options: int,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(atom_dim, hidden_dim)
        self.convs = nn.ModuleList(self.conv(hidden_dim, bond_dim, **options) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(depth))
        self.virtual = nn.ModuleList(VirtualNode(hidden_dim) for _ in range(depth - 1) if virtual_node)
        self.dropout = nn.Dropout(dropout)
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        rounds = [list(pair) for pair in zip(self.convs, self.norms, strict=True)]
        for layer, node in zip(rounds, self.virtual, strict=False):  # none after the last round
            layer.append(node)
        return [[self.embed], *rounds, *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        drops = self.training and self.dropout.p > 0
        rounds = Rounds(batch, share=not drops and not len(self.virtual))  # else no two atoms are alike
        h = self.embed(rounds.atoms())  # (R, D)
        held = h.new_zeros(batch.num_graphs, h.shape[1])
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            hood = rounds.next()
            h = hood.of_atoms(h) + self.dropout(torch.relu(norm(conv(h, hood))))
            if i < len(self.virtual):
                held = self.virtual[i](held, h, batch)
                h = h + held.index_select(0, batch.batch)
        out: Tensor = self.readout(rounds.each(h), batch)
        return out
