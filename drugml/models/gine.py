"""GINE: a graph isomorphism network whose messages see the bonds."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.models import GineSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS, pool


class GineConv(nn.Module):
    """One round; the same function and parameter names as PyG's `GINEConv(nn, train_eps=True, edge_dim=…)`.

    PyG is not used here because importing it takes seconds, and because bonds are embedded once, not per direction.
    """

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__()
        self.nn = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        self.eps = nn.Parameter(torch.zeros(1))
        self.lin = nn.Linear(bond_dim, dim)

    def forward(self, h: Float[Tensor, "N D"], batch: MoleculeBatch) -> Float[Tensor, "N D"]:
        source, target = batch.edge_index
        bonds = self.lin(batch.bonds).repeat_interleave(2, dim=0)  # (E, D)
        messages = torch.relu(h.index_select(0, source) + bonds)
        own = (1 + self.eps) * h
        out: Tensor = self.nn(own.index_add(0, target, messages.to(own.dtype)))  # they differ in mixed precision
        return out


@ENCODERS.register(GineSpec)
class Gine(nn.Module):
    r"""Hu et al., "Strategies for Pre-training Graph Neural Networks", ICLR 2020, arXiv:1905.12265.

    .. math:: h_v \leftarrow h_v + \mathrm{MLP}\Big((1 + \epsilon) h_v +
              \sum_{u \in N(v)} \mathrm{ReLU}(h_u + W e_{uv})\Big)

    Differs from the paper: residual connections, layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch), and norm pooling (sum / 100) instead of mean, so that extensive properties can be learned.
    """

    def __init__(
        self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.out_dim, self.pooling = hidden_dim, pooling
        self.embed = nn.Linear(atom_dim, hidden_dim)
        self.convs = nn.ModuleList(GineConv(hidden_dim, bond_dim) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)

    def layers(self) -> list[list[nn.Module]]:
        return [[self.embed], *([conv, norm] for conv, norm in zip(self.convs, self.norms, strict=True))]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        h = self.embed(batch.x)  # (N, D)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = h + self.dropout(torch.relu(norm(conv(h, batch))))
        return pool(h, batch, self.pooling)
