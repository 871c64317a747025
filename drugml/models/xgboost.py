"""XGBoost, kept in its own UBJSON."""

from typing import Any

import numpy as np

from drugml.config.models import XgboostSpec
from drugml.models.baseline import BASELINES
from drugml.models.booster import Booster, Floats, Vector


@BASELINES.register(XgboostSpec)
class Xgboost(Booster):
    """Chen & Guestrin 2016, doi:10.1145/2939672.2939785: trees by second derivatives, with a price on leaves.

    Differs from the paper: cuts are looked for among 256 bins of each column, found once. Squared error for numbers,
    log loss for classes.
    """

    name = "xgboost"

    def __init__(
        self,
        *,
        trees: int,
        learning_rate: float,
        depth: int,
        min_weight: float,
        max_features: float,
        subsample: float,
        l2: float,
    ) -> None:
        super().__init__()
        self._trees = trees
        self._options = {
            "learning_rate": learning_rate,
            "max_depth": depth,
            "min_child_weight": min_weight,
            "colsample_bytree": max_features,
            "subsample": subsample,
            "reg_lambda": l2,
            "tree_method": "hist",
            "max_bin": 256,
            "verbosity": 0,
        }

    def grow(self, x: Floats, y: Vector, weight: Vector, *, classify: bool, seed: int, threads: int) -> bytes:
        objective = "binary:logistic" if classify else "reg:squarederror"
        options = {**self._options, "objective": objective, "seed": seed, "nthread": threads}
        data = self.package.QuantileDMatrix(x, y, weight=weight, max_bin=self._options["max_bin"], nthread=threads)
        return bytes(self.package.train(options, data, self._trees).save_raw("ubj"))

    def read(self, model: bytes) -> Any:
        booster = self.package.Booster()
        booster.load_model(bytearray(model))
        return booster

    def values(self, model: Any, x: Floats, *, classify: bool, threads: int) -> Vector:
        model.set_param({"nthread": threads})
        return np.asarray(model.inplace_predict(x), np.float64)
