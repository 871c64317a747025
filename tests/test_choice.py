"""The epoch that is kept, and what it passed over."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drugml.config.tasks import ClassificationSpec
from drugml.training.choice import MARGIN, burst, passed_over
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


def losses(*values: float) -> list[dict[str, float]]:
    return [{"train/loss": v} for v in values]


def test_a_loss_that_burst_is_told_with_both_epochs_and_what_to_do() -> None:
    assert burst(0.001, None, losses(0.973, 20543151538176.0, 0.667)) == (
        "the training loss was 2.05e+13 in epoch 2 of 3 and 0.973 in epoch 1: steps were too long, and the network may "
        "be worse than it could be. Lower train.lr=0.001 or set train.gradient_clip=1.0"
    )
    assert burst(1, 1.0, losses(103.3, 1.06, 0.88)) == (
        "the training loss was 103 in epoch 1 of 3 and 1.06 in epoch 2: steps were too long, and the network may be "
        "worse than it could be. Lower train.lr=1"
    )


@pytest.mark.parametrize(
    "history",
    [
        losses(1.0, 0.5, 0.001, 0.004, 0.05),
        losses(1.0, 0.2, 9.9),
        losses(-0.5, -1.5, -3.0, 2.0),
        losses(1.0),
        losses(0.0, 0.0),
        [{"val/loss": 1.0}, {"val/loss": 100.0}],
        [],
    ],
    ids=["learned by heart", "less than ten times", "likelihoods", "one epoch", "nothing to learn", "unknown", "none"],
)
def test_losses_of_an_ordinary_training_are_not_told(history: list[dict[str, float]]) -> None:
    assert burst(0.001, None, history) is None


def test_a_training_with_too_long_steps_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "drugml"):
        fit(run_spec(lr=3.0, epochs=3), sixty(), tmp_path / "last.ckpt", Silent())
    (told,) = [r.getMessage() for r in caplog.records if "steps were too long" in r.getMessage()]
    assert told.endswith("Lower train.lr=3 or set train.gradient_clip=1.0")
