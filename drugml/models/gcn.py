"""Networks that average over neighbours: GCN and GraphSAGE."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.encoders import GcnSpec, GraphSageSpec
from drugml.models.encoder import ENCODERS
from drugml.models.layered import Conv, Layered
from drugml.models.rounds import Hood
from drugml.models.segments import mean, total


class GcnConv(Conv):
    """One round; the same function and parameter names as PyG's `GCNConv(dim, dim)`."""

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__(dim, bond_dim)
        self.lin = nn.Linear(dim, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        h = self.lin(h)
        share = (1 + hood.degree).rsqrt().to(h.dtype)  # (R, 1); an atom is its own neighbour
        sent = h * share
        heard = total(sent.index_select(0, hood.source), hood.target, hood.atoms) + hood.of_atoms(sent)
        return heard * hood.of_atoms(share) + self.bias


class SageConv(Conv):
    """One round; the same function and parameter names as PyG's `SAGEConv(dim, dim)`."""

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__(dim, bond_dim)
        self.lin_l = nn.Linear(dim, dim)
        self.lin_r = nn.Linear(dim, dim, bias=False)

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        heard = mean(h.index_select(0, hood.source), hood.target, hood.atoms)
        out: Tensor = self.lin_l(heard) + self.lin_r(hood.of_atoms(h))
        return out


@ENCODERS.register(GcnSpec)
class Gcn(Layered):
    r"""Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017, arXiv:1609.02907.

    .. math:: h_v \leftarrow h_v + \mathrm{ReLU}\Big(\sum_{u \in N(v) \cup v} \frac{W h_u}{\sqrt{d_u d_v}}\Big),
              \quad d_v = 1 + |N(v)|

    Differs from the paper: each round is added to what an atom was (residual), behind a layer norm; and there is a
    readout, where the paper classifies nodes.
    """

    conv = GcnConv


@ENCODERS.register(GraphSageSpec)
class GraphSage(Layered):
    r"""Hamilton et al., "Inductive Representation Learning on Large Graphs", NeurIPS 2017, arXiv:1706.02216.

    .. math:: h_v \leftarrow h_v + \mathrm{ReLU}\Big(W_l \,\mathrm{mean}_{u \in N(v)} h_u + W_r h_v\Big)

    Differs from the paper: each round is added to what an atom was (residual), behind a layer norm; all neighbours are
    heard, none are drawn; no division by the norm of the embedding; and there is a readout, where the paper's subject
    are nodes.
    """

    conv = SageConv
