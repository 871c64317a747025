"""What is minimised: rare classes, learned weights of targets, labels with standard errors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.training.balance import balanced
from drugml.training.data import TrainingData
from drugml.training.likelihood import Likelihood, check_objective, squared_errors
from drugml.training.module import Module
from tests.conftest import SMILES, Cli, write_csv
from tests.fits import check_resumes_exactly, fitted, run_spec, sixty

Variance = st.floats(0.01, 10)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """The number of atoms, and a target that is pure noise."""
    plain, rng = sixty(), np.random.default_rng(1)
    low = np.hstack([plain.low, rng.normal(size=plain.low.shape)])
    return replace(plain, targets=("atoms", "noise"), low=low, high=low, weight=np.ones_like(low))


def config(targets: tuple[str, ...] = ("atoms", "noise"), task: dict[str, Any] | None = None, **train: Any) -> RunSpec:
    start = run_spec(**train).model_dump()
    start["data"]["targets"] = targets
    start["task"] = task or {"kind": "regression"}
    return check(RunSpec, start, {(): "test"})


@given(residual=st.floats(-3, 3), log_variance=st.floats(-3, 3), error=Variance)
def test_a_number_with_a_standard_error_has_the_likelihood_of_a_normal_distribution(
    residual: float, log_variance: float, error: float
) -> None:
    ours = Likelihood(1, classes=False)
    torch.nn.init.constant_(ours.log_variance, log_variance)
    square, exact = torch.tensor([[residual**2]]), torch.tensor([[True]])
    found = ours(square, exact, torch.tensor([[error]]))
    variance = torch.tensor([float(np.exp(log_variance) + error)])
    expected = torch.nn.GaussianNLLLoss()(torch.tensor([residual]), torch.zeros(1), variance)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


def test_the_formulas_are_those_of_kendall_2018() -> None:
    losses, exact, none = torch.tensor([[0.7, 2.0]]), torch.tensor([[True, True]]), torch.zeros(1, 2)
    s = torch.tensor([0.3, -1.2])
    for classes, paper in (
        (False, 0.5 * torch.exp(-s) * losses + 0.5 * s),
        (True, torch.exp(-s) * losses + 0.5 * s),
    ):
        ours = Likelihood(2, classes=classes)
        ours.log_variance.data = s.clone()
        torch.testing.assert_close(ours(losses, exact, none), paper)
        assert ours.weights() == pytest.approx(torch.exp(-s).tolist())


def test_the_variance_is_learned_from_exact_labels_alone() -> None:
    ours, errors = Likelihood(1, classes=False), torch.tensor([[4.0], [0.25], [9.0]])
    exact = torch.tensor([[True], [True], [False]])
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        ours(errors, exact, torch.zeros(3, 1)).sum().backward()
        optimizer.step()
    assert float(ours.log_variance.detach().exp()) == pytest.approx((4.0 + 0.25) / 2, rel=1e-3)


def test_a_target_of_noise_comes_to_weigh_less(data: TrainingData, tmp_path: Path) -> None:
    made = config(task_weights="learned", epochs=12, lr=0.02, schedule={"kind": "constant"})
    metrics = check_resumes_exactly(made, data, tmp_path, 6)
    weights = [(m["task_weight/atoms"], m["task_weight/noise"]) for m in metrics]
    assert weights[-1][0] > 1.2 * weights[-1][1]


def test_losses_are_reported_without_learned_weights(data: TrainingData) -> None:
    plain, learned = (Module(config(task_weights=w), data) for w in ("equal", "learned"))
    learned.network.load_state_dict(plain.network.state_dict())
    assert learned.likelihood is not None
    torch.nn.init.constant_(learned.likelihood.log_variance, 2.0)
    assert learned.validate() == plain.validate()


def test_labels_with_large_errors_pull_less(data: TrainingData, tmp_path: Path) -> None:
    """Labels of half of the molecules are far off, and say so."""
    plain, rng = sixty(), np.random.default_rng(0)
    noisy = rng.random(plain.low.shape) < 0.5
    noisy[plain.plan.indices("val")] = False
    low = plain.low + np.where(noisy, 8 * np.abs(rng.normal(size=noisy.shape)), 0)
    error = np.where(noisy, 8.0, 0.05)
    data = replace(plain, low=low, high=low, error=error)
    results = {}
    for errors in ("ignore", "variance"):
        made = config(("atoms",), {"kind": "regression", "errors": errors}, epochs=15, lr=0.01)
        _, metrics = fitted(made, data, tmp_path, errors)
        results[errors] = metrics[-1]["val/rmse"]
    assert results["variance"] < 0.7 * results["ignore"]
    check_resumes_exactly(config(("atoms",), {"kind": "regression", "errors": "variance"}), data, tmp_path)


def test_an_unknown_error_is_the_median_of_the_training_fold(data: TrainingData) -> None:
    error = np.full(data.low.shape, np.nan)
    train, val = data.plan.indices("train"), data.plan.indices("val")
    error[train[:3], 0], error[val, 0] = (1.0, 2.0, 5.0), 100.0
    made = config(task={"kind": "regression", "errors": "variance"}, task_weights="learned")
    found = squared_errors(made, replace(data, error=error), np.array([2.0, 1.0]))
    np.testing.assert_allclose(found[train[:4], 0], [0.25, 1.0, 6.25, 1.0])
    np.testing.assert_array_equal(found[:, 1], 0.0)
    assert not squared_errors(config(), replace(data, error=error), np.ones(2)).any()


CLASSES = {"kind": "classification", "balance": "weights"}


@given(seed=st.integers(0, 1000), share=st.floats(0.05, 0.95))
def test_weights_are_balanced_in_the_training_fold_whatever_the_others_hold(seed: int, share: float) -> None:
    plain, rng = sixty(), np.random.default_rng(seed)
    train, rest = plain.plan.indices("train"), plain.plan.indices("val")
    labels = (rng.random(plain.low.shape) < share).astype(float)
    labels[train[:2], 0] = 0, 1
    labels[train[2:6]] = np.nan
    data = replace(plain, low=labels, high=labels)
    found = balanced(config(("atoms",), CLASSES), data).weight[:, 0]
    known = train[~np.isnan(labels[train, 0])]
    np.testing.assert_allclose(found[known], compute_sample_weight("balanced", labels[known, 0]))
    turned = labels.copy()
    turned[rest] = 1 - turned[rest]
    other = balanced(config(("atoms",), CLASSES), replace(data, low=turned, high=turned)).weight[:, 0]
    np.testing.assert_array_equal(other[train], found[train])
    assert balanced(config(("atoms",), {"kind": "classification"}), data) is data


def test_weights_of_the_table_count_as_so_many_labels_and_one_class_is_said(caplog: pytest.LogCaptureFixture) -> None:
    plain, rng = sixty(), np.random.default_rng(0)
    labels = np.hstack([(rng.random((60, 1)) < 0.3), np.zeros((60, 1))]).astype(float)
    weight = rng.uniform(0.5, 3, labels.shape)
    data = replace(plain, targets=("a", "b"), low=labels, high=labels, weight=weight)
    found, train = balanced(config(("a", "b"), CLASSES), data).weight, plain.plan.indices("train")
    sums = [found[train, 0][labels[train, 0] == c].sum() for c in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert sum(sums) == pytest.approx(weight[train, 0].sum())
    np.testing.assert_array_equal(found[:, 1], weight[:, 1])
    assert "task.balance: the training fold has one class of b only; its labels weigh as before" in caplog.text


def test_balance_moves_predictions_of_networks_and_baselines(place: Path, cli: Cli) -> None:
    rows = [(s, int(i % 10 == 0)) for i, s in enumerate(SMILES)]
    table = write_csv(place / "t.csv", ["smiles", "y"], rows)
    for balance in ("none", "weights"):
        done = cli("train", table, "--target", "y", "--task", "classification", "--model", "mean",
                   "data.split=stratified", f"task.balance={balance}")  # fmt: skip
        assert done.code == 0, done.err
    shares = sorted({line.split(",")[-1] for found in (place / "runs").rglob("test_predictions.csv")
                     for line in found.read_text().splitlines()[1:]})  # fmt: skip
    assert len(shares) == 2
    assert float(shares[1]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("start", "targets", "said"),
    [
        ({"train": {"task_weights": "learned"}}, ("atoms",), "'atoms' is the only target; use equal"),
        ({"train": {"task_weights": "learned"}, "task": {"loss": "mae"}}, ("atoms", "noise"),
         "train.task_weights = 'learned' is the likelihood of a squared error; task.loss = 'mae' has none, use mse"),
        ({"task": {"errors": "variance"}}, ("atoms",), "no label has a standard error; name their column with data.l"),
        ({"task": {"errors": "variance"}, "error": 1.0}, ("atoms", "noise"),
         "task.errors = 'variance' learns a variance of each target, which weighs them; say so with train.task_w"),
        ({"task": {"errors": "variance"}, "model": "forest"}, ("atoms",),
         "task.errors = 'variance' is for networks; model 'forest' weighs labels by data.labels.TARGET.weight"),
    ],
    ids=str,
)  # fmt: skip
def test_what_loss_model_or_data_do_not_have_is_refused(
    data: TrainingData, start: dict[str, Any], targets: tuple[str, ...], said: str
) -> None:
    sections = {
        "data": {"path": "x.csv", "targets": list(targets)},
        "model": {"name": start.get("model", "dmpnn")},
        "task": {"kind": "regression", **start.get("task", {})},
        "train": start.get("train", {}),
    }
    n = len(targets)
    error = np.full((60, n), start["error"]) if "error" in start else None
    cut = replace(data, targets=targets, low=data.low[:, :n], high=data.high[:, :n], error=error)
    with pytest.raises(UserError) as refused:
        check_objective(check(RunSpec, sections, {(): "test"}), cut)
    assert said in str(refused.value)


def test_standard_errors_reach_training_from_the_table(place: Path, cli: Cli) -> None:
    rows = [(s, len(s), 0.1 + 0.01 * i) for i, s in enumerate(SMILES)]
    table = write_csv(place / "t.csv", ["smiles", "y", "sem"], rows)
    common = ("train", table, "--target", "y", "data.split=random", "model.hidden_dim=8", "train.epochs=1",
              "task.kind=regression", "task.errors=variance")  # fmt: skip
    refused = cli(*common)
    assert refused.code == 2
    assert "task.errors = 'variance': no label has a standard error; name their column" in refused.err
    assert not (place / "runs").exists()
    done = cli(*common, "data.labels.y={error: sem}")
    assert done.code == 0, done.err
    assert "best/task_weight/y" in done.out
