"""SchNet: continuous-filter convolutions on atoms in space.

Shape letters: B molecules, N atoms, Q pairs, R radial functions, D width.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.geometric import SchNetSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout
from drugml.models.segments import total
from drugml.models.space import ELEMENTS, Gaussians, Pairs, fade, glorot, pairs


class ShiftedSoftplus(nn.Module):
    """Softplus that is 0 at 0."""

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return F.softplus(x) - math.log(2.0)


class Interaction(nn.Module):
    """One round; parameters are named as in PyG's `InteractionBlock`."""

    def __init__(self, dim: int, radial: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(radial, dim), ShiftedSoftplus(), nn.Linear(dim, dim))
        self.conv = nn.ModuleDict({"lin1": nn.Linear(dim, dim, bias=False), "lin2": nn.Linear(dim, dim)})
        self.act, self.lin = ShiftedSoftplus(), nn.Linear(dim, dim)
        glorot(self.mlp[0], self.mlp[2], self.conv["lin1"], self.conv["lin2"], self.lin)

    def forward(
        self, h: Float[Tensor, "N D"], near: Pairs, radial: Float[Tensor, "Q/2 R"], weight: Float[Tensor, "Q/2 1"]
    ) -> Float[Tensor, "N D"]:
        sent, by = self.conv["lin1"](h), self.mlp(radial) * weight
        one, other = (total(sent.index_select(0, o) * by, hearer, len(h)) for hearer, o, _ in near.ways())
        out: Tensor = self.lin(self.act(self.conv["lin2"](one + other)))
        return out


@ENCODERS.register(SchNetSpec)
class SchNet(nn.Module):
    r"""Schütt et al., "SchNet: A continuous-filter convolutional neural network", NeurIPS 2017, arXiv:1706.08566.

    .. math:: h_v \leftarrow h_v + W_2\,\sigma\Big(W_1 \sum_{u} (W h_u) \odot
              \mathrm{MLP}\big(e^{-\gamma (\lVert r_u - r_v \rVert - \mu_k)^2}\big)\, c(\lVert r_u - r_v \rVert)\Big)

    with the shifted softplus :math:`\sigma` and a cosine :math:`c` that ends at the cut-off; parameters are named as in
    PyG's `SchNet`, without its last layer, which is the head here. Differs from the paper: the cosine, which PyG and
    SchNetPack have too; the readout may be another than the sum; and no reference energies of elements are added.
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
        pooling: str,
    ) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embedding = nn.Embedding(ELEMENTS, hidden_dim)
        self.expand = Gaussians(radial, cutoff)
        self.interactions = nn.ModuleList(Interaction(hidden_dim, radial) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        half = max(1, hidden_dim // 2)
        self.lin1, self.act = nn.Linear(hidden_dim, half), ShiftedSoftplus()
        glorot(self.lin1)
        self.readout = Readout(half, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        return [[self.embedding], *([block] for block in self.interactions), [self.lin1], *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        near = pairs(batch, self.cutoff)
        radial, weight = self.expand(near.distance), fade(near.distance, self.cutoff).unsqueeze(1)
        h = self.embedding(batch.z)
        for block in self.interactions:
            h = h + self.dropout(block(h, near, radial, weight))
        out: Tensor = self.readout(self.act(self.lin1(h)), batch)
        return out
