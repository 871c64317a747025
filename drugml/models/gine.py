"""Graph isomorphism networks, with and without bond features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.encoders import GineSpec, GinSpec
from drugml.models.encoder import ENCODERS
from drugml.models.layered import Conv, Layered
from drugml.models.rounds import Hood


class GinConv(Conv):
    """One round; the same function and parameter names as PyG's `GINConv(nn, train_eps=True)`."""

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__(dim, bond_dim)
        self.nn = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        self.eps = nn.Parameter(torch.zeros(1))

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        return self._heard(h, h.index_select(0, hood.source), hood)

    def _heard(self, h: Float[Tensor, "R D"], messages: Float[Tensor, "I D"], hood: Hood) -> Float[Tensor, "A D"]:
        own = (1 + self.eps) * hood.of_atoms(h)
        # the types differ in mixed precision
        out: Tensor = self.nn(own.index_add(0, hood.target, messages.to(own.dtype)))
        return out


class GineConv(GinConv):
    """One round; the same function and parameter names as PyG's `GINEConv(nn, train_eps=True, edge_dim=…)`.

    PyG is not used here because importing it takes seconds, and because bonds are embedded once, not per direction.
    """

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__(dim, bond_dim)
        self.lin = nn.Linear(bond_dim, dim)

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        bonds = self.lin(hood.bonds).index_select(0, hood.bond)  # (I, D)
        return self._heard(h, torch.relu(h.index_select(0, hood.source) + bonds), hood)


@ENCODERS.register(GinSpec)
class Gin(Layered):
    r"""Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019, arXiv:1810.00826.

    .. math:: h_v \leftarrow h_v + \mathrm{MLP}\Big((1 + \epsilon) h_v + \sum_{u \in N(v)} h_u\Big)

    Differs from the paper: residual connections, layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch), and a readout of the last round instead of one of every round.
    """

    conv = GinConv


@ENCODERS.register(GineSpec)
class Gine(Layered):
    r"""Hu et al., "Strategies for Pre-training Graph Neural Networks", ICLR 2020, arXiv:1905.12265.

    .. math:: h_v \leftarrow h_v + \mathrm{MLP}\Big((1 + \epsilon) h_v +
              \sum_{u \in N(v)} \mathrm{ReLU}(h_u + W e_{uv})\Big)

    Differs from the paper: residual connections, layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch), and norm pooling (sum / 100) instead of mean, so that extensive properties can be learned.
    """

    conv = GineConv
