"""Averaged weights: their values, that they are what is judged and saved, and that resuming keeps them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

from drugml.config.techniques import Ema, Swa
from drugml.errors import UserError
from drugml.training.averaging import Average
from drugml.training.data import TrainingData
from drugml.training.fit import fit
from tests.fits import Epochs, check_resumes_exactly, run_spec, sixty

CONSTANT = {"schedule": {"kind": "constant"}, "lr": 0.02}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return sixty()


class Checkpoints(Epochs):
    """Reads the checkpoint of each epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.states = path, list[dict[str, Any]]()

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        super().epoch(epoch, epochs, metrics, best)
        self.states.append(torch.load(self.path, weights_only=True)["state_dict"])


def walk(steps: int) -> tuple[nn.Module, list[nn.Module]]:
    generator = torch.Generator().manual_seed(0)

    def one() -> nn.Module:
        layer = nn.Linear(3, 2)
        for p in layer.parameters():
            p.data = torch.randn(p.shape, generator=generator)
        return layer

    return one(), [one() for _ in range(steps)]


@pytest.mark.parametrize("spec", [Ema(decay=0.15), Swa(start=0.0)], ids=lambda s: s.kind)
def test_an_average_is_that_of_torch(spec: Ema | Swa) -> None:
    start, path = walk(6)
    ours = Average(start, spec, 6)  # type: ignore[arg-type]
    function = get_ema_multi_avg_fn(0.15) if spec.kind == "ema" else get_swa_multi_avg_fn()
    theirs = AveragedModel(start, multi_avg_fn=function)
    if spec.kind == "ema":
        theirs.update_parameters(start)  # it takes its first weights as they are, ours starts from them
    for n, network in enumerate(path):
        ours.step(network, n + 1)
        ours.epoch(network, n)
        theirs.update_parameters(network)
    for a, b in zip(ours.network.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_moving_average_forgets_the_untrained_weights() -> None:
    start, path = walk(1)
    ours, left = Average(start, Ema(decay=0.9999), 1), 1.0  # type: ignore[arg-type]
    for n in range(1, 101):
        ours.step(path[0], n)
        left *= (1 + n) / (10 + n)
    assert left < 1e-9 < 0.9999**100
    torch.testing.assert_close(ours.network.weight, path[0].weight)  # type: ignore[attr-defined]


def test_what_is_saved_is_the_mean_of_the_last_epochs(data: TrainingData, tmp_path: Path) -> None:
    config = run_spec(average={"kind": "swa", "start": 0.5}, epochs=6, **CONSTANT)
    seen = Checkpoints(tmp_path / "last.ckpt")
    found = fit(config, data, seen.path, seen)
    assert found.best_epoch is not None
    assert found.best_epoch > 3
    for name, tensor in found.trained.tensors().items():
        mean = torch.stack([s[f"network.{name}"] for s in seen.states[3 : found.best_epoch]]).mean(0)
        torch.testing.assert_close(tensor, mean)


def test_what_is_saved_is_the_moving_average(data: TrainingData, tmp_path: Path) -> None:
    seen = Checkpoints(tmp_path / "last.ckpt")
    found = fit(run_spec(average={"kind": "ema"}, **CONSTANT), data, seen.path, seen)
    assert found.best_epoch is not None
    state = seen.states[found.best_epoch - 1]
    for name, tensor in found.trained.tensors().items():
        assert torch.equal(tensor, state[f"average.network.{name}"])
        assert not torch.equal(tensor, state[f"network.{name}"])


@pytest.mark.parametrize("average", [{"kind": "ema", "decay": 0.9}, {"kind": "swa", "start": 0.25}], ids=str)
def test_a_resumed_average_is_an_uninterrupted_one(
    data: TrainingData, tmp_path: Path, average: dict[str, object]
) -> None:
    check_resumes_exactly(run_spec(average=average, epochs=5, **CONSTANT), data, tmp_path, 3)


def test_a_best_epoch_before_the_average_began_is_said(
    data: TrainingData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = run_spec(
        average={"kind": "swa", "start": 0.8}, epochs=5, patience=1, lr=1.0, schedule={"kind": "constant"}
    )
    found = fit(config, data, tmp_path / "last.ckpt", Epochs())
    assert found.best_epoch is not None
    assert f"the best epoch is {found.best_epoch}, before the average began with epoch 5; its plain" in caplog.text


def test_batch_normalisation_is_refused() -> None:
    with pytest.raises(UserError, match=r"train\.average = 'ema': the model has batch normalisation, whose statistics"):
        Average(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), Ema(), 1)  # type: ignore[arg-type]
