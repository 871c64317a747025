"""What every baseline promises.

Shape letters: M molecules, L columns, T targets.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from drugml.registry import Registry

Arrays = dict[str, NDArray[Any]]
Columns = NDArray[np.uint8] | NDArray[np.float32]
"""Counts of fingerprints; float32 where descriptors stand beside them."""


class Baseline(Protocol):
    """Learns from fingerprints, maybe with descriptors, in one call; its state is named arrays: no pickle."""

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
        """Learn from (M, L) and labels (M, T) of some weight (M, T); NaN is missing, every target has a label.

        `widths` are the lengths of the fingerprints that lie side by side in the first of the L columns; what stands
        behind them are descriptors, none of them NaN. Models that compare fingerprints get no descriptors.
        """
        ...

    def predict(self, x: Columns) -> NDArray[np.float64]:
        """Values, or probabilities of the positive class: (M, L) to (M, T)."""
        ...

    def arrays(self) -> Arrays:
        """All that was learned."""
        ...

    def restore(self, arrays: Arrays) -> None:
        """The inverse of `arrays`."""
        ...


BASELINES: Registry[Baseline] = Registry("baseline")
