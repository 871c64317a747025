"""LightGBM, kept in its own text."""

import re
from typing import Any

import numpy as np

from drugml.config.models import LightgbmSpec
from drugml.models.baseline import BASELINES
from drugml.models.booster import Booster, Floats, Vector


@BASELINES.register(LightgbmSpec)
class Lightgbm(Booster):
    """Ke et al. 2017 (NIPS 30, p. 3149): each tree grows by the leaf that gains most; sparse columns share a histogram.

    Differs from the paper: molecules are drawn at random, not by the size of their gradients. Squared error for
    numbers, log loss for classes.
    """

    name = "lightgbm"

    def __init__(
        self,
        *,
        trees: int,
        learning_rate: float,
        max_leaves: int,
        min_leaf: int,
        max_features: float,
        subsample: float,
        l2: float,
    ) -> None:
        super().__init__()
        self._trees = trees
        self._options = {
            "learning_rate": learning_rate,
            "num_leaves": max_leaves,
            "min_data_in_leaf": min_leaf,
            "feature_fraction": max_features,
            "bagging_fraction": subsample,
            "bagging_freq": 1,
            "lambda_l2": l2,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def grow(self, x: Floats, y: Vector, weight: Vector, *, classify: bool, seed: int, threads: int) -> bytes:
        objective = "binary" if classify else "regression"
        options = {**self._options, "objective": objective, "seed": seed, "num_threads": threads}
        data = self.package.Dataset(x, y, weight=weight, params=options)
        text = self.package.train(options, data, self._trees).model_to_string()
        return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text).encode()  # the same bytes on any machine

    def read(self, model: bytes) -> Any:
        return self.package.Booster(model_str=model.decode())

    def values(self, model: Any, x: Floats, *, classify: bool, threads: int) -> Vector:
        return np.asarray(model.predict(x, num_threads=threads))
