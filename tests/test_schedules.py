"""Learning rates: over the steps, by layer, and which parameters decay."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from drugml.config.models import DmpnnSpec, GineSpec, HeadSpec
from drugml.config.training import Constant, Noam, Plateau, TrainSpec, WarmupCosine, WarmupDecay
from drugml.models.network import Network
from drugml.prediction.trained import layout_of
from drugml.training.data import TrainingData
from drugml.training.rates import groups
from drugml.training.schedule import Cuts, schedule
from tests.fits import check_resumes_exactly, fitted, run_spec, sixty


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return sixty()


def test_noam_is_the_formula_of_vaswani_2017() -> None:
    """Eq. 3: rate = d^-0.5 · min(step^-0.5, step · warmup^-1.5), steps from 1; its peak is (d · warmup)^-0.5."""
    width, warmup = 512, 40
    share = schedule(Noam(warmup_epochs=4), 10, 30, rising=False)
    for step in range(1, 301):
        paper = width**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert share(step - 1) * (width * warmup) ** -0.5 == pytest.approx(paper, rel=1e-12)


def test_warmup_decay_is_what_chemprop_calls_noam() -> None:
    """Linear from 1e-4 to 1e-3 in the warm-up, then by one factor per step down to 1e-4 at the last one."""
    first, peak, last, warm, cool = 1e-4, 1e-3, 1e-4, 20, 80
    share = schedule(WarmupDecay(warmup_epochs=2), 10, 10, rising=False)
    for step in range(140):
        if step <= warm:
            rate = first + step * (peak - first) / warm
        elif step <= warm + cool:
            rate = peak * ((last / peak) ** (1 / cool)) ** (step - warm)
        else:
            rate = last
        assert peak * share(step) == pytest.approx(rate, rel=1e-9)


@given(
    values=st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan)), max_size=30),
    patience=st.integers(1, 4),
    rising=st.booleans(),
)
def test_cuts_are_those_of_torch(values: list[float], patience: int, rising: bool) -> None:
    ours = Cuts(0, Plateau(factor=0.5, patience=patience, floor=0.1), rising=rising)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if rising else "min", factor=0.5, patience=patience - 1, threshold=0.0, min_lr=0.1, eps=0.0
    )
    for value in values:
        ours.see(value)
        theirs.step(value)
        assert ours(0) == optimizer.param_groups[0]["lr"]


@given(
    spec=st.sampled_from([WarmupDecay(), WarmupCosine(), Noam(), Plateau(), Constant(), Noam(warmup_epochs=0.001)]),
    steps=st.integers(1, 50),
    epochs=st.integers(1, 50),
)
def test_a_rate_is_never_above_the_peak_nor_zero(spec: WarmupDecay, steps: int, epochs: int) -> None:
    share = schedule(spec, steps, epochs, rising=False)
    assert all(0 < share(step) <= 1 for step in range(2 * steps * epochs))


def test_the_rate_is_cut_where_the_monitor_stands_still(data: TrainingData, tmp_path: Path) -> None:
    plateau = {"kind": "plateau", "patience": 1, "warmup_epochs": 0, "factor": 0.1, "floor": 1e-6}
    config = run_spec(schedule=plateau, lr=0.1, epochs=8, optimizer={"layer_decay": 0.5, "weight_decay": 0.01})
    metrics = check_resumes_exactly(config, data, tmp_path, crash=4)
    best, rate = math.inf, 0.1
    for epoch in metrics:
        assert epoch["lr"] == pytest.approx(rate)
        rate, best = (rate, epoch["val/loss"]) if epoch["val/loss"] < best else (rate * 0.1, best)
    assert metrics[4]["lr"] < 0.1  # it was cut, so that resuming had something to remember


@pytest.mark.parametrize("model", [DmpnnSpec(hidden_dim=8), GineSpec(hidden_dim=8, depth=2)], ids=lambda s: s.name)
def test_matrices_decay_and_layers_near_the_input_learn_slowly(model: DmpnnSpec | GineSpec) -> None:
    network = Network(model, HeadSpec(hidden_dim=8), layout_of(model.featurizer), 1)
    spec = TrainSpec.model_validate({"lr": 1.0, "optimizer": {"weight_decay": 0.1, "layer_decay": 0.5}})
    found = {id(p): (g["lr"], g["weight_decay"]) for g in groups(network, spec) for p in g["params"]}
    assert sum(len(g["params"]) for g in groups(network, spec)) == len(found) == len(list(network.parameters()))
    names = {"dmpnn": ["head", "W_o", "W_h", "W_i"], "gine": ["head", "s.1.", "s.0.", "embed"]}[model.name]
    for name, parameter in network.named_parameters():
        part = name if name.startswith("head") else name.removeprefix("encoder.")
        below = next(i for i, n in enumerate(names) if n in part)
        assert found[id(parameter)] == (0.5**below, 0.1 if parameter.ndim > 1 else 0.0), name
    plain = TrainSpec.model_validate({"optimizer": {"weight_decay": 0.1, "decayed": "all"}})
    assert len(groups(network, plain)) == len(groups(network, TrainSpec())) == 1


def test_biases_without_decay_learn_otherwise_than_with_it(data: TrainingData, tmp_path: Path) -> None:
    results = []
    for decayed in ("matrices", "all"):
        optimizer = {"name": "adamw", "weight_decay": 0.5, "decayed": decayed}
        _, metrics = fitted(run_spec(optimizer=optimizer, lr=0.01, epochs=2), data, tmp_path, decayed)
        results.append(metrics[-1]["val/loss"])
    assert results[0] != results[1]
