"""Atoms to molecules.

Shape letters: B molecules, N atoms, D width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drugml.data.batch import MoleculeBatch
from drugml.models.segments import maximum, mean, softmax, total

NORM = 100.0
"""Divisor of `norm` pooling, as in Chemprop: keeps sums of drug-like molecules near one."""
STEPS = 3
"""Times that Set2Set looks at the atoms."""


class Readout(nn.Module):
    r"""One embedding per molecule, of `out_dim`, from embeddings of its atoms.

    `sum`, `mean`, `max`; `norm`: sum / 100, as in Chemprop v2; `attention`: the mean with weights
    :math:`\mathrm{softmax}(w \cdot h_v)` (Li et al. 2016, arXiv:1511.05493); `sum_max`: the sum with weights
    :math:`\sigma(w \cdot h_v + b)` beside the maximum, of twice the width (Li et al. 2021, DGL-LifeSci,
    doi:10.1021/acsomega.1c04017); `set2set`: an LSTM that attends to the atoms three times (Vinyals et al. 2016,
    arXiv:1511.06391), of twice the width.
    """

    def __init__(self, dim: int, pooling: str) -> None:
        super().__init__()
        self.dim, self.pooling = dim, pooling
        self.out_dim = 2 * dim if pooling in ("sum_max", "set2set") else dim
        if pooling in ("attention", "sum_max"):
            self.gate = nn.Linear(dim, 1, bias=pooling == "sum_max")  # in a softmax a bias would cancel out
        if pooling == "set2set":
            self.lstm = nn.LSTM(2 * dim, dim)

    def layers(self) -> list[list[nn.Module]]:
        """As of an encoder; none where there is nothing to learn."""
        return [[self]] if self.pooling in ("attention", "sum_max", "set2set") else []

    def forward(self, atoms: Float[Tensor, "N D"], batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        """Columns of the atoms beyond its width are filling."""
        owner, molecules = batch.batch, batch.num_graphs
        if self.pooling == "attention":
            atoms = atoms[:, : self.dim]
            return total(softmax(self.gate(atoms), owner, molecules) * atoms, owner, molecules)
        if self.pooling == "sum_max":
            atoms = atoms[:, : self.dim]
            sums = total(torch.sigmoid(self.gate(atoms)) * atoms, owner, molecules)
            return torch.cat([sums, maximum(atoms, owner, molecules)], dim=1)
        if self.pooling == "set2set":
            return self._set2set(atoms[:, : self.dim], owner, molecules)
        if self.pooling == "mean":
            out = mean(atoms, owner, molecules)
        elif self.pooling == "max":
            out = maximum(atoms, owner, molecules)
        else:
            out = total(atoms, owner, molecules) / (NORM if self.pooling == "norm" else 1.0)
        return out[:, : self.dim]

    def _set2set(self, atoms: Tensor, owner: Tensor, molecules: int) -> Tensor:
        state = (atoms.new_zeros(1, molecules, self.dim), atoms.new_zeros(1, molecules, self.dim))
        seen = atoms.new_zeros(molecules, 2 * self.dim)
        for _ in range(STEPS):
            query, state = self.lstm(seen.unsqueeze(0), state)
            query = query.squeeze(0)
            score = (atoms * query.index_select(0, owner)).sum(1, keepdim=True)
            weight = softmax(score, owner, molecules)
            seen = torch.cat([query, total(weight * atoms, owner, molecules)], dim=1)
        return seen
