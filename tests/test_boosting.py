"""Boosted trees, held to scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from drugml.config.models import BoostingSpec
from drugml.models import BASELINES, boosting
from tests.test_neighbours import X as WIDE
from tests.test_neighbours import Y

X = WIDE[:, np.ptp(WIDE, axis=0) > 0][:, :200]
"""Fewer columns, since each costs time."""

SPEC = BoostingSpec(trees=30, min_leaf=3, learning_rate=0.1)
OPTIONS = {
    "max_iter": 30,
    "min_samples_leaf": 3,
    "max_features": 0.33,
    "max_bins": 32,
    "early_stopping": False,
    "random_state": 3,
}
RANDOM = np.random.default_rng(0).integers(0, 256, (400, 20), np.uint8)
"""Columns of more different counts than bins."""
MANY = RANDOM.astype(float).sum(axis=1)


def fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, classify: bool = False):  # type: ignore[no-untyped-def]
    model = BASELINES.build(SPEC)
    weight = np.ones_like(y) if weight is None else weight
    model.fit(x, y, weight, widths=[x.shape[1]], classify=classify, seed=3)
    return model


@pytest.mark.parametrize(("x", "y"), [(X, Y[:, 0]), (RANDOM, MANY)])
@pytest.mark.parametrize("weighted", [False, True])
def test_boosting_is_scikit_learns(x: np.ndarray, y: np.ndarray, weighted: bool) -> None:
    weight = np.linspace(0.5, 2, len(y)) if weighted else np.ones(len(y))
    numbers = HistGradientBoostingRegressor(**OPTIONS).fit(x, y, weight).predict(x)
    found = fitted(x, y[:, None], weight[:, None]).predict(x)[:, 0]
    np.testing.assert_allclose(found, numbers, rtol=1e-12)
    assert np.ptp(found) > 0
    classes = (y > np.median(y)).astype(float)
    chances = HistGradientBoostingClassifier(**OPTIONS).fit(x, classes, weight).predict_proba(x)[:, 1]
    found = fitted(x, classes[:, None], weight[:, None], classify=True).predict(x)[:, 0]
    np.testing.assert_allclose(found, chances, rtol=1e-10)


def test_a_target_learns_from_its_own_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Y.copy()
    both[::4, 1] = np.nan
    known = ~np.isnan(both[:, 1])
    together = fitted(X, both)
    alone = fitted(X[known], both[known, 1:])
    np.testing.assert_allclose(together.predict(X)[:, 1], alone.predict(X)[:, 0], rtol=1e-12)
    whole = together.predict(X)
    monkeypatch.setattr(boosting, "CHUNK", 7)
    np.testing.assert_array_equal(together.predict(X), whole)


def test_columns_that_never_vary_change_nothing() -> None:
    padded = np.insert(X, [0, 7, 7, 100], [[3], [0], [1], [9]][0], axis=1)
    np.testing.assert_array_equal(fitted(padded, Y).predict(padded), fitted(X, Y).predict(X))
    np.testing.assert_allclose(fitted(np.ones_like(X), Y).predict(X), np.tile(Y.mean(axis=0), (len(X), 1)))


def test_a_single_class_is_certain() -> None:
    y = np.column_stack([np.ones(60), np.zeros(60), np.arange(60) % 2])
    found = fitted(X, y, classify=True).predict(X)
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_array_equal(found[:, 1], 0)
    assert np.isfinite(found).all()
