"""XGBoost, LightGBM and CatBoost as baselines, held to the libraries' own estimators and files."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor
from lightgbm import Booster as LgbBooster
from lightgbm import LGBMClassifier, LGBMRegressor
from xgboost import XGBClassifier, XGBRegressor

from drugml.config.base import Spec
from drugml.config.models import CatboostSpec, LightgbmSpec, XgboostSpec
from drugml.errors import UserError
from drugml.models import BASELINES, booster
from drugml.prediction.bundle import load
from drugml.prediction.versions import relevant
from tests.conftest import SMILES, Cli, write_csv
from tests.test_neighbours import X as WIDE
from tests.test_neighbours import Y
from tests.test_predict import make_bundle

X = WIDE[:, np.ptp(WIDE, axis=0) > 0][:, :200]
SEED = 3
SPECS: dict[str, Spec] = {
    "xgboost": XgboostSpec(trees=15, learning_rate=0.2),
    "lightgbm": LightgbmSpec(trees=15, learning_rate=0.2),
    "catboost": CatboostSpec(trees=15, learning_rate=0.2, max_features=0.5),
}
every = pytest.mark.parametrize("name", list(SPECS))
tasks = pytest.mark.parametrize("classify", [False, True], ids=["numbers", "classes"])
Model = Any


def fitted(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    classify: bool = False,
    seed: int = SEED,
) -> Model:
    model = BASELINES.build(SPECS[name])
    weight = np.ones_like(y) if weight is None else weight
    model.fit(x, y, weight, widths=[x.shape[1]], classify=classify, seed=seed)
    return model


def reference(name: str, classify: bool) -> Any:
    """The library's scikit-learn estimator with the options of `SPECS`."""
    if name == "xgboost":
        kind = XGBClassifier if classify else XGBRegressor
        options = {"max_depth": 7, "min_child_weight": 3, "colsample_bytree": 0.33, "subsample": 0.7, "n_jobs": 1}
        return kind(n_estimators=15, learning_rate=0.2, random_state=SEED, **options)
    if name == "lightgbm":
        kind = LGBMClassifier if classify else LGBMRegressor
        options = {"min_child_samples": 5, "colsample_bytree": 0.33, "subsample": 0.7, "subsample_freq": 1}
        fixed = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "n_jobs": 1}
        return kind(n_estimators=15, learning_rate=0.2, random_state=SEED, **options, **fixed)
    kind = CatBoostClassifier if classify else CatBoostRegressor
    options = {"iterations": 15, "learning_rate": 0.2, "rsm": 0.5, "random_seed": SEED, "thread_count": 1}
    return kind(**options, logging_level="Silent", allow_writing_files=False)


def opened(name: str, model: bytes, folder: Path, classify: bool) -> Callable[[np.ndarray], np.ndarray]:
    """What the library itself predicts with the kept bytes as a file of its own format."""
    file = folder / "model"
    file.write_bytes(model)
    if name == "xgboost":
        own = XGBClassifier() if classify else XGBRegressor()
        own.load_model(file.rename(folder / "model.ubj"))
        return (lambda x: own.predict_proba(x)[:, 1]) if classify else own.predict
    if name == "lightgbm":
        return LgbBooster(model_file=file).predict
    cat = CatBoost().load_model(str(file))
    return (lambda x: cat.predict(x, prediction_type="Probability")[:, 1]) if classify else cat.predict


@every
@tasks
def test_predictions_are_the_librarys_own(name: str, classify: bool, tmp_path: Path) -> None:
    y = (Y[:, 0] > np.median(Y[:, 0])).astype(float) if classify else Y[:, 0]
    weight = np.linspace(0.5, 1.5, len(y))
    model = fitted(name, X, y[:, None], 7 * weight[:, None], classify=classify)
    found = model.predict(X)[:, 0]
    own = reference(name, classify).fit(X, y, sample_weight=weight)
    expected = own.predict_proba(X)[:, 1] if classify else own.predict(X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.ptp(found) > 0
    kept = model.arrays()["model_0"]
    assert kept.dtype == np.uint8
    np.testing.assert_allclose(opened(name, kept.tobytes(), tmp_path, classify)(X), found, rtol=1e-6)


@every
def test_a_seed_gives_the_same_bytes_with_any_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = X[:, :50], Y[:, :1]
    spec = SPECS[name].model_copy(update={"trees": 3})
    monkeypatch.setitem(SPECS, name, spec)
    first = fitted(name, x, y)
    expected = first.predict(x)
    assert (fitted(name, x, y, seed=4).predict(x) != expected).any()
    for threads in (1, 2):
        monkeypatch.setattr(booster, "_threads", lambda molecules, threads=threads: threads)
        again = fitted(name, x, y)
        assert first.arrays().keys() == again.arrays().keys()
        for key, array in first.arrays().items():
            np.testing.assert_array_equal(again.arrays()[key], array)
        np.testing.assert_array_equal(again.predict(x), expected)


@every
def test_a_target_learns_from_its_own_labels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both = Y.copy()
    both[::4, 1] = np.nan
    known = ~np.isnan(both[:, 1])
    weight = np.ones_like(both)
    weight[0, 0] = 0
    together = fitted(name, X, both, weight)
    np.testing.assert_array_equal(together.predict(X)[:, 1], fitted(name, X[known], both[known, 1:]).predict(X)[:, 0])
    np.testing.assert_array_equal(together.predict(X)[:, 0], fitted(name, X[1:], both[1:, :1]).predict(X)[:, 0])
    whole = together.predict(X)
    monkeypatch.setattr(booster, "CHUNK", 7)
    np.testing.assert_array_equal(together.predict(X), whole)
    assert together.predict(X[:0]).shape == (0, 2)


@every
def test_what_libraries_refuse_is_a_constant(name: str) -> None:
    y = np.column_stack([np.ones(60), np.zeros(60), np.arange(60) % 2])
    found = fitted(name, X, y, classify=True).predict(X)
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_array_equal(found[:, 1], 0)
    assert np.ptp(found[:, 2]) > 0
    np.testing.assert_array_equal(fitted(name, X, y * 5 - 2).predict(X)[:, :2], [[3, -2]] * 60)
    weight = np.linspace(1, 3, 60)[:, None]
    alike = fitted(name, np.ones_like(X), Y[:, :1], weight).predict(X)
    np.testing.assert_allclose(alike, np.average(Y[:, 0], weights=weight[:, 0]))


@every
def test_columns_may_be_floats(name: str) -> None:
    x = np.column_stack([X[:, :20], np.linspace(-1e-3, 1e-3, 60)]).astype(np.float32)
    found = fitted(name, x, np.arange(60.0)[:, None]).predict(x)[:, 0]
    assert np.corrcoef(found, np.arange(60))[0, 1] > 0.9
    np.testing.assert_array_equal(fitted(name, X.astype(np.float32), Y).predict(X), fitted(name, X, Y).predict(X))


@pytest.mark.parametrize(
    ("options", "own", "chosen"),
    [({}, {}, True), ({"l2": 5}, {"l2_leaf_reg": 5}, False), ({"loss": "mae"}, {"loss_function": "MAE"}, False)],
)
def test_catboost_chooses_its_rate_itself(options: dict[str, Any], own: dict[str, Any], chosen: bool) -> None:
    model = BASELINES.build(CatboostSpec(trees=15, **options))
    model.fit(X, Y[:, :1], np.ones((60, 1)), widths=[200], classify=False, seed=SEED)
    fixed = {"iterations": 15, "random_seed": SEED, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    reference = CatBoostRegressor(**fixed, **own).fit(X, Y[:, 0])
    np.testing.assert_allclose(model.predict(X)[:, 0], reference.predict(X), rtol=1e-6)
    assert (abs(reference.learning_rate_ - 0.03) > 1e-6) is chosen


@every
def test_a_missing_library_is_named_before_the_table_is_read(
    name: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, name, None)
    write_csv(tmp_path / "t.csv", ["nothing"], [["to be read"]])
    said = f"error: model '{name}': its library is not installed; pip install 'drugml[{name}]'\n"
    done = cli("train", "t.csv", "--target", "y", f"model={name}")
    assert (done.code, done.err) == (2, said)
    (tmp_path / "search.yaml").write_text(f"study: s\nspace:\n  model: [forest, {name}]\n")
    done = cli("tune", "t.csv", "search.yaml", "--target", "y")
    assert (done.code, done.err) == (2, said)
    assert name in cli("models", "list").out
    assert "model.learning_rate" in cli("models", "show", name).out


def test_a_library_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm")
    with pytest.raises(UserError) as error:
        BASELINES.build(LightgbmSpec())
    assert str(error.value) == (
        "model 'lightgbm': its library cannot be loaded: libgomp.so.1: cannot open; "
        "pip install --force-reinstall 'drugml[lightgbm]'"
    )


@every
def test_a_bundle_needs_the_library_and_its_version_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_bundle(tmp_path, name, "featurizer.descriptors=[rdkit]")
    found = load(folder)
    assert np.isfinite(found.predict(SMILES[:5]).values).all()
    others, own = relevant({"forest"}), relevant({name, "forest"})
    assert others.items() < own.items()
    assert [k.removesuffix("-cpu") for k in {*own} - {*others}] == [name]
    assert own.items() < found.spec.versions.items()
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"its library is not installed; pip install 'drugml\[{name}\]'"):
        load(folder)
