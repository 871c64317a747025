"""A multi-layer perceptron on fingerprints and descriptors."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.config.models import MlpSpec
from drugml.data.batch import MoleculeBatch
from drugml.models.encoder import ENCODERS


@ENCODERS.register(MlpSpec)
class Mlp(nn.Module):
    r"""Linear layers with ReLU and dropout on [log(1 + counts), descriptors]; descriptors alone are fastprop's input.

    Burns & Green, J. Cheminform. 2025, doi:10.1186/s13321-025-01013-4.

    Differs from the paper: descriptors are normalised by rank, not standardised and clamped; RDKit's and a fingerprint
    by default instead of Mordred's.
    """

    reads_descriptors = True

    def __init__(self, vector_dim: int, *, hidden_dim: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = hidden_dim
        dims = [vector_dim, *[hidden_dim] * depth]
        self.steps = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(dims))
        self.dropout = nn.Dropout(dropout)

    def layers(self) -> list[list[nn.Module]]:
        return [[step] for step in self.steps]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        counts = batch.fingerprint
        parts = [] if counts is None else [counts.float().log1p()]
        h = torch.cat([*parts, *([] if batch.descriptors is None else [batch.descriptors])], dim=1)
        for step in self.steps:
            h = self.dropout(torch.relu(step(h)))
        return h
