"""Random forest: trained by scikit-learn, kept and evaluated as plain arrays.

Shape letters: M molecules, L bits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drugml.config.models import ForestSpec
from drugml.models.baseline import BASELINES, Arrays, Columns
from drugml.models.trees import Trees, leaf_sums

CHUNK = 4096
"""Molecules predicted at a time; bounds memory to CHUNK × trees."""


@BASELINES.register(ForestSpec)
class Forest:
    """Svetnik et al., JCICS 2003, doi:10.1021/ci034160g; one forest per target, on its labelled molecules.

    Differs from the paper: grown by scikit-learn, whose trees vote with class shares, not with one class.
    """

    def __init__(self, *, trees: int, max_features: float, min_leaf: int) -> None:
        self._options = {"n_estimators": trees, "max_features": max_features, "min_samples_leaf": min_leaf}
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
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor  # 2 s, and predicting needs none

        kind = RandomForestClassifier if classify else RandomForestRegressor
        trees, roots = Trees(), []
        for labels, weights in zip(y.T, weight.T, strict=True):
            known = ~np.isnan(labels)
            forest = kind(**self._options, random_state=seed, n_jobs=-1)
            # equal weights are none: given weights, scikit-learn draws its samples in another way
            given = weights[known] if np.ptp(weights[known]) > 0 else None
            forest.fit(x[known].astype(np.float32), labels[known], given)
            own = []
            for grown in (e.tree_ for e in forest.estimators_):
                value = _leaf_values(grown.value, forest.classes_ if classify else None)
                left, right = grown.children_left, grown.children_right
                own.append(trees.add(left, right, left < 0, grown.feature, grown.threshold, value))
            roots.append(own)
        self._arrays = {**trees.arrays(), "roots": np.array(roots, np.int32)}

    def predict(self, x: Columns) -> NDArray[np.float64]:
        chunks = [self._predict(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
        return np.concatenate(chunks) if chunks else np.zeros((0, len(self._arrays["roots"])))

    def arrays(self) -> Arrays:
        return self._arrays

    def restore(self, arrays: Arrays) -> None:
        self._arrays = arrays

    def _predict(self, x: Columns) -> NDArray[np.float64]:
        roots = self._arrays["roots"]
        return np.column_stack([leaf_sums(self._arrays, own, x) / len(own) for own in roots])


def _leaf_values(value: NDArray[np.float64], classes: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Mean label, or share of the positive class, of each node; scikit-learn gives (V, 1, classes)."""
    if classes is None:
        return value[:, 0, 0]
    positive = np.flatnonzero(classes == 1.0)
    return value[:, 0, positive[0]] if len(positive) else np.zeros(len(value))
