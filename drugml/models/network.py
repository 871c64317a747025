"""Encoder and head: graphs to one output per target."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.base import Spec
from drugml.config.models import HeadSpec
from drugml.data.batch import MoleculeBatch
from drugml.data.store import Layout
from drugml.models.encodings import encoder_of, reads_descriptors
from drugml.models.normalizer import NORMALIZERS


class Head(nn.Sequential):
    """Linear layers with ReLU and dropout between them: (B, D) to (B, T)."""

    def __init__(self, in_dim: int, out_dim: int, *, hidden_dim: int, layers: int, dropout: float) -> None:
        dims = [in_dim, *[hidden_dim] * layers]
        hidden = [part for a, b in pairwise(dims) for part in (nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout))]
        super().__init__(*hidden, nn.Linear(dims[-1], out_dim))


class Network(nn.Module):
    """What is trained: `encoder` then `head`.

    Descriptors are normalised here. Encoders of graphs leave them to the head, which gets them beside the embedding.
    """

    def __init__(self, model: Spec, head: HeadSpec, layout: Layout, targets: int) -> None:
        super().__init__()
        encoder = encoder_of(model, layout)
        assert isinstance(encoder, nn.Module)
        self.encoder, self.beside = encoder, layout.descriptors > 0 and not reads_descriptors(encoder)
        self.normalizer = NORMALIZERS[layout.descriptor_scale](layout.descriptors) if layout.descriptors else None
        self.head = Head(encoder.out_dim + layout.descriptors * self.beside, targets, **head.kwargs())

    def layers(self) -> list[list[nn.Module]]:
        """The encoder's layers, then the head."""
        return [*self.encoder.layers(), [self.head]]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B T"]:
        if self.normalizer is not None:
            assert batch.descriptors is not None
            batch = batch.with_descriptors(self.normalizer(batch.descriptors))
        h = self.encoder(batch)
        if self.beside:
            assert batch.descriptors is not None
            h = torch.cat([h, batch.descriptors], dim=1)
        out: Tensor = self.head(h)
        return out
