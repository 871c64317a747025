"""Gradient boosted trees: grown by scikit-learn, kept and evaluated as plain arrays.

Shape letters: M molecules, L columns, T targets, R trees of a target.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from drugml.config.models import BoostingSpec
from drugml.models.baseline import BASELINES, Arrays, Columns
from drugml.models.forest import CHUNK
from drugml.models.trees import Trees, leaf_sums


@BASELINES.register(BoostingSpec)
class Boosting:
    """Friedman 2001, doi:10.1214/aos/1013203451: ŷ = start + Σ leaves, each tree fitted to the gradient of the loss.

    Differs from the paper: cuts are looked for among a few bins of each column, as in LightGBM (Ke et al., NIPS
    2017), and trees are bounded by their leaves. Squared error for numbers, log loss for classes.
    """

    def __init__(
        self, *, trees: int, learning_rate: float, max_leaves: int, min_leaf: int, max_features: float, bins: int
    ) -> None:
        self._options = {
            "learning_rate": learning_rate,
            "max_leaf_nodes": max_leaves,
            "min_samples_leaf": min_leaf,
            "max_features": max_features,
            "max_bins": bins,
            "early_stopping": False,
        }
        self._trees = trees
        self._arrays: Arrays = {}

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
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
        trees, roots, start = Trees(), [], []
        for labels, weights in zip(y.T, weight.T, strict=True):
            known = ~np.isnan(labels) & (weights > 0)
            own: list[int] = []
            if classify and np.ptp(labels[known]) == 0:  # scikit-learn wants two classes
                start.append(np.inf if labels[known][0] > 0 else -np.inf)
                own = [trees.add(*_NOTHING)] * self._trees
            else:
                columns = _varied(x[known])
                grown = kind(max_iter=self._trees, **self._options, random_state=seed)
                grown.fit(x[np.ix_(known, columns)], labels[known], weights[known])
                start.append(float(grown._baseline_prediction.item()))  # no public name, so a test holds us to it
                for (tree,) in grown._predictors:
                    n, leaf = tree.nodes, tree.nodes["is_leaf"] > 0
                    column = columns[n["feature_idx"]]
                    own.append(trees.add(n["left"], n["right"], leaf, column, n["num_threshold"], n["value"]))
            roots.append(own)
        own_arrays = {"roots": np.array(roots, np.int32), "start": np.array(start), "classify": np.array([classify])}
        self._arrays = {**trees.arrays(), **own_arrays}

    def predict(self, x: Columns) -> NDArray[np.float64]:
        a = self._arrays
        out = np.empty((len(x), len(a["roots"])))
        for first in range(0, len(x), CHUNK):
            part = slice(first, first + CHUNK)
            for target, roots in enumerate(a["roots"]):
                out[part, target] = a["start"][target] + leaf_sums(a, roots, x[part])
        chance: NDArray[np.float64] = expit(out) if a["classify"][0] else out
        return chance

    def arrays(self) -> Arrays:
        return self._arrays

    def restore(self, arrays: Arrays) -> None:
        self._arrays = arrays


def _varied(x: Columns) -> NDArray[np.intp]:
    """Columns that differ between molecules, at least one column; the others only cost time."""
    found = np.flatnonzero(x.min(axis=0) < x.max(axis=0))
    return found if len(found) else np.zeros(1, np.intp)


_NOTHING = (
    np.zeros(1, np.int32),
    np.zeros(1, np.int32),
    np.ones(1, bool),
    np.zeros(1, np.int32),
    np.zeros(1),
    np.zeros(1),
)
"""A tree of one leaf of value 0."""
