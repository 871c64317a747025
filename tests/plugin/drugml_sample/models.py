"""The network and the baseline of the sample."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drugml.data.batch import MoleculeBatch
from drugml.models.baseline import BASELINES, Arrays, Columns
from drugml.models.encoder import ENCODERS
from drugml.models.segments import total
from drugml_sample.model_specs import DeepSetsSpec, RidgeSpec


@ENCODERS.register(DeepSetsSpec)
class DeepSets(nn.Module):
    """The sum over atoms of a network of their features.

    Differs from the paper: nothing follows the sum but the head.
    """

    def __init__(self, atom_dim: int, bond_dim: int, *, hidden_dim: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = hidden_dim
        self.steps = nn.ModuleList(nn.Linear(atom_dim if i == 0 else hidden_dim, hidden_dim) for i in range(depth))
        self.dropout = nn.Dropout(dropout)

    def layers(self) -> list[list[nn.Module]]:
        return [[step] for step in self.steps]

    def forward(self, batch: MoleculeBatch) -> Tensor:
        h = batch.x
        for step in self.steps:
            h = self.dropout(torch.relu(step(h)))
        return total(h, batch.batch, batch.num_graphs) / 100


@BASELINES.register(RidgeSpec)
class Ridge:
    """(XᵀX + alpha)⁻¹ Xᵀy, of numbers."""

    def __init__(self, *, alpha: float) -> None:
        self.alpha, self._arrays = alpha, Arrays()

    def fit(
        self,
        x: Columns,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        *,
        widths: Sequence[int],
        classify: bool,
        seed: int,
    ) -> None:
        weights = []
        for labels in y.T:
            known = ~np.isnan(labels)
            rows = np.column_stack([x[known], np.ones(known.sum())]).astype(np.float64)
            square = rows.T @ rows + self.alpha * np.eye(rows.shape[1])
            weights.append(np.linalg.solve(square, rows.T @ labels[known]))
        self._arrays = {"weights": np.array(weights)}

    def predict(self, x: Columns) -> NDArray[np.float64]:
        return np.column_stack([x, np.ones(len(x))]) @ self._arrays["weights"].T

    def arrays(self) -> Arrays:
        return self._arrays

    def restore(self, arrays: Arrays) -> None:
        self._arrays = arrays
