"""GPS: messages among neighbours and attention among all atoms, side by side in each round."""

from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.encoders import GpsSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.dense import Dense
from drugml.models.encoder import ENCODERS
from drugml.models.gine import GineConv
from drugml.models.readout import Readout
from drugml.models.rounds import Hood


class GpsConv(nn.Module):
    """One round; the same function and parameter names as PyG's `GPSConv(dim, GINEConv(…), heads)`, norms apart."""

    def __init__(self, dim: int, bond_dim: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.conv = GineConv(dim, bond_dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim), nn.Dropout(dropout)
        )
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Float[Tensor, "N D"], hood: Hood, dense: Dense) -> Float[Tensor, "N D"]:
        near = self.norm1(h + self.dropout(self.conv(h, hood)))
        spread = dense.spread(h)
        heard, _ = self.attn(spread, spread, spread, key_padding_mask=~dense.mask, need_weights=False)
        far = self.norm2(h + self.dropout(dense.gather(heard)))
        both = near + far
        out: Tensor = self.norm3(both + self.mlp(both))
        return out


@ENCODERS.register(GpsSpec)
class Gps(nn.Module):
    """Rampášek et al., "Recipe for a General, Powerful, Scalable Graph Transformer", NeurIPS 2022, arXiv:2205.12454.

    Local messages are GINE's; random-walk encodings (Dwivedi et al. 2022, arXiv:2110.07875), computed with each batch,
    are added to the atoms. Differs from the paper: layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch), encodings are added through a linear layer instead of appended, and Laplacian ones only by
    `model.encodings`.
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
        walk: int,
        pooling: str,
    ) -> None:
        super().__init__()
        self.walk = walk
        self.embed, self.embed_walk = nn.Linear(atom_dim, hidden_dim), nn.Linear(walk, hidden_dim, bias=False)
        self.convs = nn.ModuleList(GpsConv(hidden_dim, bond_dim, heads=heads, dropout=dropout) for _ in range(depth))
        self.readout = Readout(hidden_dim, pooling)
        self.out_dim = self.readout.out_dim

    def layers(self) -> list[list[nn.Module]]:
        return [[self.embed, self.embed_walk], *([conv] for conv in self.convs), *self.readout.layers()]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        dense = Dense(batch)
        h = self.embed(batch.x) + self.embed_walk(dense.returns(self.walk))
        hood = Hood.of(batch)
        for conv in self.convs:
            h = conv(h, hood, dense)
        out: Tensor = self.readout(h, batch)
        return out
