"""Metrics against scikit-learn and scipy; undefined is NaN."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from drugml.config.tasks import ClassificationSpec, RegressionSpec
from drugml.tasks import TASKS
from drugml.tasks.masks import masked_loss
from drugml.tasks.metrics import METRICS, definition_hash, evaluate, one

NUMBERS = ("rmse", "mae", "r2", "pearson", "spearman")
CLASSES = ("roc_auc", "pr_auc", "mcc", "balanced_accuracy")


def test_numbers_are_those_of_the_libraries() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=50), rng.normal(size=50)
    found = evaluate(NUMBERS, ["a"], y[:, None], p[:, None])
    assert found == pytest.approx(
        {
            "rmse": sk.root_mean_squared_error(y, p),
            "mae": sk.mean_absolute_error(y, p),
            "r2": sk.r2_score(y, p),
            "pearson": stats.pearsonr(y, p)[0],
            "spearman": stats.spearmanr(y, p)[0],
        },
        abs=1e-12,
    )


def test_classes_are_those_of_the_libraries() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 50).astype(float), rng.uniform(size=50)
    found = evaluate(CLASSES, ["a"], y[:, None], p[:, None])
    assert found == pytest.approx(
        {
            "roc_auc": sk.roc_auc_score(y, p),
            "pr_auc": sk.average_precision_score(y, p),
            "mcc": sk.matthews_corrcoef(y, p >= 0.5),
            "balanced_accuracy": sk.balanced_accuracy_score(y, p >= 0.5),
        },
        abs=1e-12,
    )


def test_brier_score_and_calibration_error_are_those_of_their_definitions() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 50).astype(float), rng.uniform(size=50)
    assert one("brier", y, p) == pytest.approx(sk.brier_score_loss(y, p))
    bins = [(y[(p >= k / 10) & (p < (k + 1) / 10)], p[(p >= k / 10) & (p < (k + 1) / 10)]) for k in range(10)]
    assert one("ece", y, p) == pytest.approx(sum(len(a) / 50 * abs(a.mean() - b.mean()) for a, b in bins if len(a)))
    assert one("ece", np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.05, 0.75])) == pytest.approx(0.3 / 4)


@pytest.mark.parametrize("name", CLASSES)
def test_one_class_leaves_a_metric_undefined(name: str) -> None:
    assert np.isnan(one(name, np.ones(5), np.linspace(0, 1, 5)))


@pytest.mark.parametrize("name", ["r2", "pearson", "spearman"])
def test_constant_labels_leave_a_metric_undefined(name: str) -> None:
    assert np.isnan(one(name, np.ones(5), np.linspace(0, 1, 5)))
    assert np.isnan(one(name, np.ones(1), np.ones(1)))


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_leaves_every_metric_undefined(name: str, broken: float) -> None:
    assert np.isnan(one(name, np.array([0.0, 1.0, 1.0]), np.array([0.5, broken, 0.1])))


@pytest.mark.parametrize("name", list(METRICS))
def test_no_label_leaves_every_metric_undefined(name: str) -> None:
    assert np.isnan(one(name, np.full(3, np.nan), np.ones(3)))


def test_missing_labels_are_left_out_and_targets_averaged() -> None:
    y = np.array([[1.0, np.nan], [2.0, 1.0], [3.0, np.nan], [np.nan, 5.0]])
    p = np.array([[1.0, 9.0], [2.0, 2.0], [5.0, 9.0], [9.0, 5.0]])
    found = evaluate(("rmse", "r2"), ["a", "b"], y, p)
    assert found["rmse/a"] == pytest.approx(np.sqrt(4 / 3))
    assert found["rmse/b"] == pytest.approx(np.sqrt(1 / 2))
    assert found["rmse"] == pytest.approx((np.sqrt(4 / 3) + np.sqrt(1 / 2)) / 2)
    undefined = evaluate(("r2",), ["a", "b"], np.array([[1.0, 1.0], [2.0, 1.0]]), np.ones((2, 2)))
    assert np.isnan(undefined["r2/b"])
    assert undefined["r2"] == undefined["r2/a"]


def test_the_definition_hash_depends_on_the_metrics_alone() -> None:
    assert definition_hash(NUMBERS) == definition_hash(NUMBERS[::-1])
    assert definition_hash(NUMBERS) != definition_hash(CLASSES)


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_missing_label_gives_no_gradient(missing: list[bool]) -> None:
    task = TASKS.build(RegressionSpec())
    labels = torch.arange(6.0).reshape(3, 2)
    labels[torch.tensor(missing).reshape(3, 2)] = torch.nan
    output = torch.zeros(3, 2, requires_grad=True)
    total, known = masked_loss(task, output, labels, labels, torch.ones_like(labels))
    total.backward()
    assert output.grad is not None
    assert known == 6 - sum(missing)
    assert (output.grad[labels.isnan()] == 0).all()
    torch.testing.assert_close(output.grad[~labels.isnan()], -2 * labels[~labels.isnan()])


def test_labels_of_another_shape_are_a_bug_not_a_broadcast() -> None:
    flat = torch.zeros(3)
    with pytest.raises(RuntimeError, match=r"differ in shape: \(3, 1\), \(3,\), \(3,\), \(3,\)"):
        masked_loss(TASKS.build(RegressionSpec()), torch.zeros(3, 1), flat, flat, flat)


def test_a_bound_pulls_from_the_wrong_side_only() -> None:
    inf = torch.inf
    low, high = torch.tensor([[5.0, 5.0, -inf, -inf, 2.0]]), torch.tensor([[inf, inf, 3.0, 3.0, 4.0]])
    output = torch.tensor([[4.0, 6.0, 5.0, 1.0, 3.0]], requires_grad=True)
    total, weight = masked_loss(TASKS.build(RegressionSpec()), output, low, high, torch.ones(1, 5))
    total.backward()
    assert total.item() == 1 + 4
    assert weight.item() == 5
    torch.testing.assert_close(output.grad, torch.tensor([[-2.0, 0.0, 4.0, 0.0, 0.0]]))


def test_a_label_of_weight_two_counts_twice() -> None:
    task, output = TASKS.build(RegressionSpec()), torch.tensor([[1.0], [3.0]])
    labels, weight = torch.zeros(2, 1), torch.tensor([[2.0], [1.0]])
    total, counted = masked_loss(task, output, labels, labels, weight)
    assert (total / counted).item() == pytest.approx((1 + 1 + 9) / 3)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_scaling_is_undone_exactly_enough(values: list[float]) -> None:
    labels = np.array(values)[:, None]
    task = TASKS.build(RegressionSpec())
    scaling = task.scaling(labels)
    scaled = (labels - np.array(scaling.shift)) / np.array(scaling.scale)
    assert abs(scaled).max() < 10
    np.testing.assert_allclose(task.predictions(scaled, scaling), labels, rtol=1e-9, atol=1e-6)


def test_class_predictions_are_probabilities() -> None:
    task = TASKS.build(ClassificationSpec())
    scaling = task.scaling(np.zeros((4, 1)))
    np.testing.assert_allclose(task.predictions(np.array([[-800.0], [0.0], [800.0]]), scaling), [[0], [0.5], [1]])


def test_the_losses_are_those_of_their_names() -> None:
    output, labels = torch.tensor([[0.0], [0.0]]), torch.tensor([[0.5], [3.0]])
    for name, expected in (("mse", 9.25), ("mae", 3.5), ("huber", 0.125 + 2.5)):
        total, _ = masked_loss(TASKS.build(RegressionSpec(loss=name)), output, labels, labels, torch.ones_like(labels))
        assert total.item() == pytest.approx(expected)
    logits, classes = torch.tensor([[2.0], [-1.0]]), torch.tensor([[1.0], [1.0]])
    total, _ = masked_loss(TASKS.build(ClassificationSpec()), logits, classes, classes, torch.ones_like(classes))
    probabilities = torch.sigmoid(logits).numpy()
    assert total.item() == pytest.approx(2 * sk.log_loss([1, 1], probabilities.ravel(), labels=[0, 1]), rel=1e-6)
