"""Encoder and head: graphs to one output per target."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.base import Spec
from drugml.config.models import HeadSpec
from drugml.data.batch import MoleculeBatch
from drugml.data.store import GraphLayout
from drugml.models.encodings import encoder_of


class Head(nn.Sequential):
    """Linear layers with ReLU and dropout between them: (B, D) to (B, T)."""

    def __init__(self, in_dim: int, out_dim: int, *, hidden_dim: int, layers: int, dropout: float) -> None:
        dims = [in_dim, *[hidden_dim] * layers]
        hidden = [part for a, b in pairwise(dims) for part in (nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout))]
        super().__init__(*hidden, nn.Linear(dims[-1], out_dim))


class Network(nn.Module):
    """What is trained: `encoder` then `head`."""

    def __init__(self, model: Spec, head: HeadSpec, layout: GraphLayout, targets: int) -> None:
        super().__init__()
        encoder = encoder_of(model, layout)
        assert isinstance(encoder, nn.Module)
        self.encoder = encoder
        self.head = Head(encoder.out_dim, targets, **head.kwargs())

    def layers(self) -> list[list[nn.Module]]:
        """The encoder's layers, then the head."""
        return [*self.encoder.layers(), [self.head]]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B T"]:
        out: Tensor = self.head(self.encoder(batch))
        return out
