"""The epoch that is kept, and what it passed over."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drugml.config.tasks import ClassificationSpec
from drugml.training.choice import passed_over
from drugml.training.data import TrainingData
from drugml.training.fit import fit
from drugml.training.listener import Silent
from tests.fits import run_spec, sixty


def ranked(*values: float) -> list[dict[str, float]]:
    return [{"val/loss": 1.0 + i, "val/roc_auc": v} for i, v in enumerate(values)]


def unlike() -> TrainingData:
    """Large molecules are active; of the validation molecules every fourth label is wrong."""
    data = sixty()
    active = (data.low > np.median(data.low)).astype(float)
    val = data.plan.indices("val")
    active[val[::4]] = 1 - active[val[::4]]
    return replace(data, low=active, high=active)


def test_an_epoch_that_ranks_much_better_than_the_one_with_the_least_loss_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = run_spec(lr=0.03, epochs=60).model_copy(update={"task": ClassificationSpec()})
    with caplog.at_level(logging.WARNING):
        found = fit(config, unlike(), tmp_path / "last.ckpt", Silent())
    print(found.best_epoch, found.best, caplog.text)
    assert 0
