"""The mean baseline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drugml.config.models import MeanSpec
from drugml.models.baseline import BASELINES, Arrays, Columns


@BASELINES.register(MeanSpec)
class Mean:
    """The mean training label of each target; for classes that is the share of positives."""

    def __init__(self) -> None:
        self.mean = np.zeros(0)

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
        self.mean = np.nansum(y * weight, axis=0) / np.where(np.isnan(y), 0.0, weight).sum(axis=0)

    def predict(self, x: Columns) -> NDArray[np.float64]:
        return np.tile(self.mean, (len(x), 1))

    def arrays(self) -> Arrays:
        return {"mean": self.mean}

    def restore(self, arrays: Arrays) -> None:
        self.mean = arrays["mean"]
