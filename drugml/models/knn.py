"""Nearest neighbours: the mean label of the most similar training molecules.

Shape letters: M training molecules, Q molecules asked about, L columns, T targets.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drugml.config.models import KnnSpec
from drugml.models.baseline import BASELINES, Arrays
from drugml.models.tanimoto import Kept


@BASELINES.register(KnnSpec)
class Knn:
    """Cover & Hart 1967, doi:10.1109/TIT.1967.1053964: ŷ = Σ s y / Σ s over the k most similar; exact, no index.

    Differs from the paper: all that are as similar as the k-th count, so that the order of rows does not matter; and
    where no neighbour has a weight the training mean is given.
    """

    def __init__(self, *, k: int, weighting: str) -> None:
        self._k, self._weighting = k, weighting
        self._kept = Kept.of(np.zeros((0, 1), np.uint8), [1])
        self._labels = self._weight = np.zeros((0, 0))

    def fit(
        self,
        x: NDArray[np.uint8],
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        *,
        widths: Sequence[int],
        classify: bool,
        seed: int,
    ) -> None:
        self._kept = Kept.of(x, widths)
        self._labels, self._weight = y, np.where(np.isnan(y), 0.0, weight)

    def predict(self, x: NDArray[np.uint8]) -> NDArray[np.float64]:
        out = np.empty((len(x), self._labels.shape[1]))
        for rows, similarity in self._kept.chunks(x):
            for target, (labels, weight) in enumerate(zip(self._labels.T, self._weight.T, strict=True)):
                out[rows, target] = self._mean(similarity[:, weight > 0], labels[weight > 0], weight[weight > 0])
        return out

    def _mean(
        self, similarity: NDArray[np.float64], labels: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        place = len(labels) - min(self._k, len(labels))
        least = np.partition(similarity, place, axis=1)[:, place : place + 1]
        votes = np.where(similarity >= least, similarity if self._weighting == "similarity" else 1.0, 0.0) * weight
        # not a matrix product: its last digits would depend on the number of rows
        total, sums = (votes * labels).sum(axis=1), votes.sum(axis=1)
        out = np.full(len(sums), np.average(labels, weights=weight))
        np.divide(total, sums, out=out, where=sums > 0)
        return out

    def arrays(self) -> Arrays:
        return {**self._kept.arrays(), "labels": self._labels, "weight": self._weight}

    def restore(self, arrays: Arrays) -> None:
        self._kept = Kept.restored(arrays)
        self._labels, self._weight = arrays["labels"], arrays["weight"]
