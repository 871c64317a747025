"""A Graphormer-style transformer: attention among all atoms of a molecule, biased by distance and bond.

Shape letters: B molecules, S atoms of the largest, D width, H heads.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.encoders import GraphormerSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.dense import Dense
from drugml.models.encoder import ENCODERS
from drugml.models.readout import Readout

DEGREES = 8
"""More bonds of an atom are not told apart."""


class Layer(nn.Module):
    """Attention, then a feed-forward network, each after a norm and with a residual connection."""

    def __init__(self, dim: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * dim, dim)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Float[Tensor, "B S D"], bias: Float[Tensor, "B H S S"]) -> Float[Tensor, "B S D"]:
        query, key, value = self.qkv(self.norm(h)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        h = h + self.dropout(self.out(heard.transpose(1, 2).flatten(2)))
        out: Tensor = h + self.dropout(self.mlp(h))
        return out


@ENCODERS.register(GraphormerSpec)
class Graphormer(nn.Module):
    """Ying et al., "Do Transformers Really Perform Bad for Graph Representation?", NeurIPS 2021, arXiv:2106.05234.

    Degrees are added to atoms; the attention of each head is biased by the distance of two atoms in bonds; a node at a
    distance of its own from all atoms becomes the molecule (`pooling: node`). Differs from the paper: bonds bias the
    attention of the two atoms that they join, not of all whose shortest way they lie on, since of several shortest ways
    the order of atoms would choose.
    """

    def __init__(
        self,
        atom_dim: int,
        bond_dim: int,
        *,
        hidden_dim: int,
        depth: int,
        dropout: float,
        heads: int,
        max_distance: int,
        pooling: str,
    ) -> None:
        super().__init__()
        self.max_distance, self.heads = max_distance, heads
        self.embed, self.degree = nn.Linear(atom_dim, hidden_dim), nn.Embedding(DEGREES + 1, hidden_dim)
        self.has_node = pooling == "node"
        self.distance = nn.Embedding(max_distance + 2 + self.has_node, heads)  # the last one to the node
        self.bond = nn.Linear(bond_dim, heads, bias=False)
        self.blocks = nn.ModuleList(Layer(hidden_dim, heads=heads, dropout=dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(hidden_dim)
        if self.has_node:
            self.node = nn.Embedding(1, hidden_dim)
        else:
            self.readout = Readout(hidden_dim, pooling)
        self.out_dim = hidden_dim if self.has_node else self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        first: list[nn.Module] = [self.embed, self.degree, self.distance, self.bond]
        rounds = [[block] for block in self.blocks]
        if self.has_node:
            return [[*first, self.node], *rounds, [self.norm]]
        return [first, *rounds, [self.norm], *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        dense = Dense(batch)
        bonds = dense.adjacency().sum(2, keepdim=True).clamp(max=DEGREES).long()  # (B, S, 1)
        h = dense.spread(self.embed(batch.x)) + self.degree(bonds.squeeze(2))
        if self.has_node:
            h = torch.cat([h, self.node.weight.expand(len(h), 1, -1)], dim=1)
        bias = self._bias(batch, dense)
        for block in self.blocks:
            h = block(h, bias)
        if self.has_node:
            out: Tensor = self.norm(h[:, -1])
        else:
            out = self.readout(self.norm(dense.gather(h)), batch)
        return out

    def _bias(self, batch: MoleculeBatch, dense: Dense) -> Float[Tensor, "B H S S"]:
        """With the node, which comes last, there is one place more than S."""
        molecules, atoms = dense.shape
        of_bonds = self.bond(batch.bonds).repeat_interleave(2, dim=0)  # (E, H)
        bias = self.distance(dense.distances(self.max_distance)).flatten(0, 2)  # (B S S, H)
        bias = bias.index_add(0, dense.pair, of_bonds.to(bias.dtype)).view(molecules, atoms, atoms, self.heads)
        there = dense.mask
        if self.has_node:
            to_node = self.distance.weight[-1]
            bias = torch.cat([bias, to_node.expand(molecules, atoms, 1, -1)], dim=2)
            bias = torch.cat([bias, to_node.expand(molecules, 1, atoms + 1, -1)], dim=1)
            there = F.pad(there, (0, 1), value=True)
        out: Tensor = bias.permute(0, 3, 1, 2).masked_fill(~there[:, None, None, :], float("-inf"))
        return out
