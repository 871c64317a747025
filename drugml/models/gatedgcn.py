"""Gated graph ConvNet: bonds have embeddings of their own, and open or close the way between atoms."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.encoders import GatedGcnSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total

LEAST = 1e-6
"""Added to the sum of an atom's gates."""


class GatedGcnConv(nn.Module):
    """One round: atoms (N, D) and directed bonds (E, D) to what both have heard, of the same shapes."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.own, self.sent = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.bond, self.source, self.target = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(
        self, h: Float[Tensor, "N D"], e: Float[Tensor, "E D"], batch: MoleculeBatch
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "E D"]]:
        source, target = batch.edge_index
        gate = self.bond(e) + self.source(h).index_select(0, source) + self.target(h).index_select(0, target)
        opened = gate.sigmoid()
        heard = total(opened * self.sent(h).index_select(0, source), target, len(h))
        return self.own(h) + heard / (total(opened, target, len(h)) + LEAST), gate


@ENCODERS.register(GatedGcnSpec)
class GatedGcn(nn.Module):
    r"""Bresson & Laurent, "Residual Gated Graph ConvNets", 2018, arXiv:1711.07553, as in Dwivedi et al., JMLR 2023,
    arXiv:2003.00982, where bonds have embeddings and gates are normalised.

    .. math:: \hat e_{uv} = C e_{uv} + D h_u + E h_v, \quad
              \hat h_v = A h_v + \frac{\sum_{u \in N(v)} \sigma(\hat e_{uv}) \odot B h_u}
                                     {\sum_{u \in N(v)} \sigma(\hat e_{uv}) + 10^{-6}}, \quad
              h \leftarrow h + \mathrm{ReLU}(\mathrm{norm}(\hat h))

    and bonds as atoms. Differs from the papers: layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch), and bonds are not updated in the last round, after which nobody reads them.
    """

    def __init__(
        self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.embed, self.embed_bonds = nn.Linear(atom_dim, hidden_dim), nn.Linear(bond_dim, hidden_dim)
        self.convs = nn.ModuleList(GatedGcnConv(hidden_dim) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(depth))
        self.bond_norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(depth - 1))
        self.dropout = nn.Dropout(dropout)
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        rounds: list[list[nn.Module]] = [[conv, norm] for conv, norm in zip(self.convs, self.norms, strict=True)]
        for layer, norm in zip(rounds, self.bond_norms, strict=False):
            layer.append(norm)
        return [[self.embed, self.embed_bonds], *rounds, *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        h, e = self.embed(batch.x), self.embed_bonds(batch.bonds).repeat_interleave(2, dim=0)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            heard, gates = conv(h, e, batch)
            h = h + self.dropout(torch.relu(norm(heard)))
            if i < len(self.bond_norms):
                e = e + self.dropout(torch.relu(self.bond_norms[i](gates)))
        out: Tensor = self.readout(h, batch)
        return out
