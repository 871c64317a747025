"""Gaussian process and support vectors, held to scikit-learn's."""

import logging

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.svm import SVC, SVR

from drugml.config.models import GpSpec, SvmSpec
from drugml.models import BASELINES
from drugml.models.platt import platt
from drugml.models.tanimoto import Kept
from tests.test_neighbours import MOLS, X, Y

TRAIN, TEST = slice(0, 45), slice(45, None)
ONE = np.ones((45, 1))
CLASSES = (Y[:, :1] > np.median(Y[:, 0])).astype(float)


class Scaled(Kernel):
    """scale × min-max similarity, as scikit-learn wants it."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, x, y=None, eval_gradient=False):  # type: ignore[no-untyped-def]
        y = x if y is None else y
        low = np.minimum(x[:, None], y[None]).sum(-1)
        out = self.scale * low / np.maximum(x[:, None], y[None]).sum(-1)
        return (out, np.zeros((len(x), len(x), 0))) if eval_gradient else out

    def diag(self, x):  # type: ignore[no-untyped-def]
        return np.full(len(x), self.scale)

    def is_stationary(self) -> bool:
        return False


def reference(scale: float, noise: np.ndarray | float, y: np.ndarray) -> GaussianProcessRegressor:
    gp = GaussianProcessRegressor(Scaled(scale), alpha=noise, optimizer=None)
    return gp.fit(X[TRAIN].astype(float), y)


def fitted(spec, y, weight=ONE, classify=False, x=X[TRAIN]):  # type: ignore[no-untyped-def]
    model = BASELINES.build(spec)
    model.fit(x, y, weight, widths=[2048], classify=classify, seed=0)
    return model


def learned(caplog: pytest.LogCaptureFixture, *args: object, **options: object):  # type: ignore[no-untyped-def]
    """The model, its scale and its noise."""
    with caplog.at_level(logging.INFO):
        model = fitted(*args, **options)
    words = caplog.messages[-1].replace(",", "").split()
    return model, float(words[words.index("scale") + 1]), float(words[words.index("noise") + 1])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_process_is_scikit_learns(caplog: pytest.LogCaptureFixture, weighted: bool) -> None:
    y, weight = Y[TRAIN, :1], np.random.default_rng(0).uniform(0.2, 3, (45, 1)) if weighted else ONE
    model, scale, noise = learned(caplog, GpSpec(), y, weight)
    share, mean = weight[:, 0] / weight.mean(), np.average(y, weights=weight)
    # only the ratio of noise to scale matters to the mean, and the log rounds it: recovered from the coefficients
    kernel, coefficients = Kept.of(X[TRAIN], [2048]).itself(), model.arrays()["coefficients"][:, 0]
    ratio = np.mean((y[:, 0] - mean - kernel @ coefficients) / coefficients * share)
    assert ratio == pytest.approx(noise / scale, rel=1e-3)
    theirs = reference(scale, scale * ratio / share, y[:, 0] - mean)
    np.testing.assert_allclose(model.predict(X[TEST])[:, 0], mean + theirs.predict(X[TEST].astype(float)), atol=1e-8)
    best = theirs.log_marginal_likelihood_value_
    for s, n in [(1.1, 1.1), (0.9, 0.9), (1.1, 1), (1, 1.2), (1, 0.8), (0.5, 1), (1, 10)]:
        other = reference(scale * s, scale * ratio * n / share, y[:, 0] - mean)
        assert other.log_marginal_likelihood_value_ < best + 1e-3


def test_leave_one_out_is_what_refits_give() -> None:
    from drugml.models.gp import _Posterior

    rest = Y[TRAIN, 0] - Y[TRAIN, 0].mean()
    kernel, weight = Kept.of(X[TRAIN], [2048]).itself(), np.linspace(0.5, 1.5, 45)
    quick = _Posterior(kernel, rest, weight).left_out(0.3)
    for i in range(0, 45, 9):
        others = np.arange(45) != i
        alpha = np.linalg.solve(kernel[np.ix_(others, others)] + np.diag(0.3 / weight[others]), rest[others])
        assert quick[i] == pytest.approx(kernel[i, others] @ alpha, abs=1e-9)


def test_support_vectors_are_scikit_learns() -> None:
    kept, y = Kept.of(X[TRAIN], [2048]), Y[TRAIN, 0]
    train, test = kept.itself(), kept.similarity(X[TEST])
    spread, weight = y.std(), np.linspace(0.5, 1.5, 45)
    numbers = fitted(SvmSpec(c=2.0, epsilon=0.2), y[:, None])
    reference = SVR(kernel="precomputed", C=2.0, epsilon=0.2).fit(train, (y - y.mean()) / spread)
    np.testing.assert_allclose(numbers.predict(X[TEST])[:, 0], y.mean() + spread * reference.predict(test), rtol=1e-9)
    assert len(numbers.arrays()["coefficients"]) == len(reference.support_) < 45
    classes = fitted(SvmSpec(c=2.0), CLASSES[TRAIN], weight[:, None], classify=True)
    theirs = SVC(kernel="precomputed", C=2.0).fit(train, CLASSES[TRAIN, 0], weight)
    slope, offset = classes.arrays()["sigmoid"][0]
    assert slope > 0
    chance = expit(slope * theirs.decision_function(test) + offset)
    np.testing.assert_allclose(classes.predict(X[TEST])[:, 0], chance, rtol=1e-9)


def test_the_sigmoid_is_platts() -> None:
    scores = np.random.default_rng(0).normal(size=200)
    positive = np.random.default_rng(1).random(200) < expit(2 * scores - 1)
    found = platt(scores, positive, np.ones(200))
    wanted = np.where(positive, (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2))

    def loss(at: np.ndarray) -> float:
        p = expit(at[0] * scores + at[1])
        return float(-(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).sum())

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    np.testing.assert_allclose(found, best.x, atol=1e-4)
    assert platt(-scores, positive, np.ones(200)).slope == 0  # scores that mislead say nothing, not the opposite
    doubled = platt(scores, positive, np.where(np.arange(200) < 100, 2.0, 1.0))
    copies = np.concatenate([np.arange(200), np.arange(100)])
    np.testing.assert_allclose(doubled, platt(scores[copies], positive[copies], np.ones(300)), atol=0.05)


@pytest.mark.parametrize("spec", [GpSpec, SvmSpec])
def test_chances_are_calibrated(spec) -> None:  # type: ignore[no-untyped-def]
    """With labels half of which are noise: of what gets a chance of p, about p are positive."""
    rng = np.random.default_rng(0)
    x = rng.poisson(1.0, (1200, 64)).astype(np.uint8)
    y = (rng.random(1200) < expit(1.0 * (x[:, :8].sum(1) - 8.0))).astype(float)[:, None]
    model = BASELINES.build(spec())
    model.fit(x[:600], y[:600], np.ones((600, 1)), widths=[64], classify=True, seed=0)
    chance, true = model.predict(x[600:])[:, 0], y[600:, 0]
    assert ((chance > 0) & (chance < 1)).all()
    for low, high in [(0, 0.33), (0.33, 0.67), (0.67, 1)]:
        among = (chance >= low) & (chance < high)
        assert among.sum() > 30
        assert chance[among].mean() == pytest.approx(true[among].mean(), abs=0.12)


@pytest.mark.parametrize("spec", [GpSpec, SvmSpec])
def test_a_target_learns_from_its_own_labels(spec) -> None:  # type: ignore[no-untyped-def]
    both = np.column_stack([Y[TRAIN, 0], Y[TRAIN, 1]])
    both[::4, 1] = np.nan
    known = ~np.isnan(both[:, 1])
    together = fitted(spec(), both, np.ones((45, 2))).predict(X[TEST])
    alone = fitted(spec(), both[known, 1:], ONE[known], x=X[TRAIN][known]).predict(X[TEST])
    np.testing.assert_allclose(together[:, 1], alone[:, 0], atol=1e-8)


@pytest.mark.parametrize("spec", [GpSpec, SvmSpec])
def test_one_class_and_one_value_are_no_failure(spec) -> None:  # type: ignore[no-untyped-def]
    np.testing.assert_allclose(fitted(spec(), 3 * ONE).predict(X), 3.0)
    chance = fitted(spec(), ONE, classify=True).predict(X)
    assert (chance == chance[0]).all()
    assert 0.95 < chance[0] < 1
    few = np.zeros((45, 1))
    few[0] = 1
    assert np.isfinite(fitted(spec(), few, classify=True).predict(X)).all()


def test_more_molecules_than_fit_are_drawn_and_said(caplog: pytest.LogCaptureFixture) -> None:
    model = fitted(SvmSpec(max_molecules=20), Y[TRAIN, :1])
    assert len(model.arrays()["coefficients"]) <= 20
    assert (
        "target 1: learns from 20 of 45 labelled training molecules, drawn at random; model.max_molecules is the "
        "limit, memory grows with its square and time with its cube"
    ) in caplog.messages
    np.testing.assert_array_equal(fitted(SvmSpec(max_molecules=20), Y[TRAIN, :1]).predict(X), model.predict(X))
    assert len(MOLS) == 60
