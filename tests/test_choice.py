"""The epoch that is kept, and what it passed over."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drugml.config.tasks import ClassificationSpec
from drugml.training.choice import MARGIN, passed_over
from drugml.training.data import TrainingData
from drugml.training.fit import Fitted, fit
from drugml.training.listener import Silent
from tests.fits import run_spec, sixty


def ranked(*values: float) -> list[dict[str, float]]:
    return [{"val/loss": 1.0, "val/roc_auc": v} for v in values]


def test_what_was_passed_over_is_told_with_both_epochs_and_what_to_use() -> None:
    assert passed_over("loss", 1, ranked(0.5, 0.612, 0.7, 0.734, 0.6)) == (
        "train.monitor = 'loss' chose epoch 2 of 5, whose val/roc_auc is 0.612; epoch 4 has 0.734 at a higher loss: "
        "its probabilities fit the validation fold worse, but it ranks better. Use train.monitor=roc_auc if the "
        "ranking matters"
    )


@pytest.mark.parametrize(
    ("monitor", "chosen", "history"),
    [
        ("loss", 1, ranked(0.5, 0.7, 0.7 + MARGIN / 2)),
        ("roc_auc", 0, ranked(0.5, 0.9)),
        ("loss", 0, ranked(math.nan, 0.9)),
        ("loss", 0, ranked(math.nan, math.nan)),
        ("loss", 0, [{"val/loss": 1.0, "val/rmse": 2.0}, {"val/loss": 2.0, "val/rmse": 1.0}]),
    ],
    ids=["noise", "other monitor", "undefined", "undefined everywhere", "regression"],
)
def test_nothing_is_told_where_nothing_is_known_to_be_better(
    monitor: str, chosen: int, history: list[dict[str, float]]
) -> None:
    assert passed_over(monitor, chosen, history) is None


def unlike() -> TrainingData:
    """Large molecules are active; of the validation molecules every fourth label is wrong."""
    data = sixty()
    active = (data.low > np.median(data.low)).astype(float)
    val = data.plan.indices("val")
    active[val[::4]] = 1 - active[val[::4]]
    return replace(data, low=active, high=active)


def fitted(monitor: str, folder: Path) -> Fitted:
    config = run_spec(lr=0.01, epochs=30, monitor=monitor).model_copy(update={"task": ClassificationSpec()})
    return fit(config, unlike(), folder / f"{monitor}.ckpt", Silent())


def test_a_network_that_grows_too_sure_while_it_learns_to_rank(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "drugml"):
        surest = fitted("loss", tmp_path)
        (told,) = [r.getMessage() for r in caplog.records if "ranks better" in r.getMessage()]
        caplog.clear()
        best = fitted("roc_auc", tmp_path)
    assert not [r for r in caplog.records if "ranks better" in r.getMessage()]
    assert best.best["val/roc_auc"] > surest.best["val/roc_auc"] + MARGIN
    assert best.best["val/loss"] > surest.best["val/loss"]
    assert f"epoch {best.best_epoch} has {best.best['val/roc_auc']:.3f}" in told
