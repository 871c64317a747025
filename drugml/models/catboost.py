"""CatBoost, kept in its own binary format."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from drugml.config.models import CatboostSpec
from drugml.models.baseline import BASELINES
from drugml.models.booster import Booster, Floats, Vector

NEEDED = ("class_params",)
"""What its model file says of itself and predictions need; the rest is time, a random identifier and threads."""

LOSSES = {"mse": "RMSE", "mae": "MAE"}
DEFAULT_L2 = 3
"""CatBoost's."""


@BASELINES.register(CatboostSpec)
class Catboost(Booster):
    """Prokhorenkova et al. 2018, arXiv:1706.09516: trees whose branchings are the same across each level.

    Differs from the paper: plain boosting, not ordered, which is CatBoost's own choice on a CPU; there are no
    categories. Squared or absolute error for numbers, log loss for classes.
    """

    name = "catboost"

    def __init__(
        self,
        *,
        trees: int,
        learning_rate: float | str,
        depth: int,
        max_features: float,
        l2: float,
        loss: str,
        random_strength: float,
    ) -> None:
        super().__init__()
        self._loss = LOSSES[loss]
        self._options: dict[str, Any] = {
            "iterations": trees,
            "depth": depth,
            "rsm": max_features,
            "random_strength": random_strength,
            "boosting_type": "Plain",
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if learning_rate != "auto":
            self._options["learning_rate"] = learning_rate
        if l2 != DEFAULT_L2:  # where it is named, CatBoost chooses no rate
            self._options["l2_leaf_reg"] = l2

    def grow(self, x: Floats, y: Vector, weight: Vector, *, classify: bool, seed: int, threads: int) -> bytes:
        loss = "Logloss" if classify else self._loss
        options = {**self._options, "loss_function": loss, "random_seed": seed, "thread_count": threads}
        model = self.package.CatBoost(options).fit(self.package.Pool(x, y, weight=weight, thread_count=threads))
        about = model.get_metadata()
        for key in [k for k in about.keys() if k not in NEEDED]:  # noqa: SIM118  it is no dict
            del about[key]
        with TemporaryDirectory() as folder:
            model.save_model(str(Path(folder) / "model.cbm"))
            return (Path(folder) / "model.cbm").read_bytes()

    def read(self, model: bytes) -> Any:
        return self.package.CatBoost().load_model(blob=model)

    def values(self, model: Any, x: Floats, *, classify: bool, threads: int) -> Vector:
        if classify:
            return np.asarray(model.predict(x, prediction_type="Probability", thread_count=threads))[:, 1]
        return np.asarray(model.predict(x, thread_count=threads))
