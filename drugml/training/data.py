"""What training reads.

Shape letters: M molecules, T targets.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drugml.data.splits import Fold, SplitPlan
from drugml.data.store import PackedStore
from drugml.data.targets import as_written, exact

if TYPE_CHECKING:  # it needs torch
    from drugml.prediction.source import Source


@dataclass(frozen=True)
class TrainingData:
    """Packed molecules with labels and folds, one entry per molecule each."""

    store: PackedStore
    targets: tuple[str, ...]
    low: NDArray[np.float64]
    """(M, T) labels as intervals: exact where `low` equals `high`, NaN where missing, infinite on an open side."""
    high: NDArray[np.float64]
    """(M, T)"""
    weight: NDArray[np.float64]
    """(M, T) weights in the loss."""
    plan: SplitPlan
    error: NDArray[np.float64] | None = None
    """(M, T) standard errors of labels, NaN where unknown."""
    source: "Source | None" = None
    """Encoder to start from."""

    def fold(self, fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions and exact labels of one fold, which is what metrics are made of; NaN where missing or a bound."""
        indices = self.plan.indices(fold)
        return indices, self.exact(indices)

    def exact(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Exact labels of some molecules, as in `fold`."""
        return exact(self.low[indices], self.high[indices])

    def written(self, fold: Fold) -> NDArray[np.float64]:
        """Labels of one fold, a bound as the number it stands at; what scaling and baselines learn from."""
        indices = self.plan.indices(fold)
        return as_written(self.low[indices], self.high[indices])
