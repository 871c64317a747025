"""The report of a run: true figures, nothing injected, bounded."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from drugml.data.prints import fingerprints
from drugml.data.splits.fingerprints import nearest
from drugml.evaluation.report import pictures as drawing
from drugml.evaluation.report.report import Data, Summary, report
from drugml.evaluation.report.resampled import bin_of, counted
from drugml.evaluation.report.scores import CALIBRATION, scores
from drugml.evaluation.report.similarity import bins
from drugml.evaluation.report.tested import Predicted, read
from drugml.tasks.classification import Classification
from drugml.tasks.metrics import one
from drugml.tasks.regression import Regression
from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv
from tests.test_card import NASTY, Reader

NUMBERS, CLASSES = Regression.metrics, Classification.metrics
DATA = Data({"invalid_smiles": 2}, [{"severity": "warning", "kind": "floor", "text": f"x {NASTY}"}], 30)


def made(labels: np.ndarray, predicted: np.ndarray, *, classes: bool = False, name: str = "t") -> Predicted:
    rows, targets = labels.shape
    names = tuple(f"{name}{t}" for t in range(targets))
    return Predicted(
        classes,
        names,
        names,
        ("1",) * targets if classes else (),
        [str(i + 2) for i in range(rows)],
        [SMILES[i % len(SMILES)] for i in range(rows)],
        labels.astype(float),
        predicted.astype(float),
        np.linspace(0, 1, rows),
        np.arange(rows),
    )


def page(tested: Predicted) -> Reader:
    """The report, read by a parser that refuses tags that do not match."""
    found = Summary(tested, CLASSES if tested.classes else NUMBERS)
    return Reader(report(f"{NASTY} on x", {"Data": NASTY}, found, DATA, []))


def text(reader: Reader) -> str:
    return " ".join(reader.words)


@given(st.integers(0, 10_000), st.booleans(), st.integers(2, 25))
def test_a_metric_of_counted_labels_is_that_of_the_rows_repeated(seed: int, classes: bool, rows: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows).astype(float) if classes else rng.integers(-3, 4, rows) / 2
    p = rng.integers(0, 11, rows) / 10 if classes else rng.integers(-3, 4, rows) / 3
    at = rng.integers(0, rows, (3, rows))
    often = np.stack([np.bincount(a, minlength=rows) for a in at]).astype(float)
    found = counted((*CLASSES, *CALIBRATION) if classes else NUMBERS, y, p, often)
    for name, values in found.items():
        for a, value in zip(at, values, strict=True):
            expected = one(name, y[a], p[a])
            assert value == pytest.approx(expected, abs=1e-9, nan_ok=True), name


def test_calibration_is_that_of_scikit_learn_and_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(300)
    y = (rng.random(300) < p**2).astype(float)
    assert one("brier", y, p) == pytest.approx(sk.brier_score_loss(y, p))
    share, said = calibration_curve(y, p, n_bins=10)
    number = np.bincount(bin_of(p), minlength=10)
    assert one("ece", y, p) == pytest.approx(float((number * np.abs(share - said)).sum() / 300))
    assert bin_of(np.array([0.0, 0.0999, 0.1, 1.0])).tolist() == [0, 0, 1, 9]


def test_an_interval_covers_the_value_of_the_whole_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        y = rng.normal(size=(60, 1))
        found, _ = scores(made(y, y + rng.normal(size=(60, 1))), ("mae",))
        held += found["mae"].low <= np.sqrt(2 / np.pi) <= found["mae"].high
    assert 50 <= held <= 60


def test_what_is_undefined_says_why() -> None:
    one_class, each = scores(made(np.ones((20, 1)), np.full((20, 1), 0.3), classes=True), CLASSES)
    assert one_class["roc_auc"].why == "labels of one class only"
    assert one_class["brier"].value == pytest.approx(0.49)
    y = np.arange(12.0)[:, None]
    constant, _ = scores(made(y, np.full((12, 1), 5.0)), NUMBERS)
    assert constant["pearson"].why == "all predictions are equal"
    assert not np.isnan(constant["rmse"].low)
    few, _ = scores(made(y[:3], y[:3] + 1), NUMBERS)
    assert (few["rmse"].value, few["rmse"].why) == (1.0, "no interval: 3 labels are too few")
    endless, _ = scores(made(y, np.where(y == 3, np.inf, y)), NUMBERS)
    assert endless["rmse"].why == "a prediction is not finite"
    both = np.hstack([y, np.full((12, 1), np.nan)])
    mean, each = scores(made(both, np.hstack([y + 1, y])), NUMBERS)
    assert (mean["rmse"].value, each[1]["rmse"].why) == (1.0, "no label in the test fold")
    assert mean["rmse"].why == "mean of the 1 targets of 2 for which it is defined"


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("kind", ["plain", "one class", "constant", "missing", "infinite"])
def test_a_report_is_whole_and_harmless_whatever_was_predicted(classes: bool, rows: int, kind: str) -> None:
    rng = np.random.default_rng(rows)
    labels = rng.integers(0, 2, (rows, 2)).astype(float) if classes else rng.normal(size=(rows, 2))
    predicted = rng.random((rows, 2))
    if kind == "one class":
        labels[:] = 1
    elif kind == "constant":
        predicted[:] = 0.5
    elif kind == "missing":
        labels[:, 1] = np.nan
    elif kind == "infinite":
        predicted[0] = np.inf
    reader = page(made(labels, predicted, classes=classes, name=f"{NASTY}|`*_{'long' * 80}"))
    assert reader.tags["script"] == 0
    assert not [v for k, v in reader.attributes if k.startswith("on") or (k in ("src", "href") and v[:4] == "http")]
    assert NASTY in text(reader)
    assert not re.search(r"\bnan\b", text(reader))
    assert not [v for k, v in reader.attributes if k == "d" and "nan" in v]


def test_the_worst_molecules_are_the_worst() -> None:
    rng = np.random.default_rng(3)
    labels, predicted = rng.normal(size=(60, 2)) * [1, 100], rng.normal(size=(60, 2))
    labels[5] = np.nan
    predicted[7, 0] = np.nan
    tested = made(labels, predicted)
    off = np.abs(labels - predicted) / np.nanstd(labels, axis=0)
    off[7, 0] = np.inf
    expected = [divmod(i, 2) for i in np.argsort(-np.nan_to_num(off, nan=-1, posinf=1e9).ravel())[:20]]
    assert tested.worst() == expected
    assert expected[0] == (7, 0)
    lines = re.findall(r"line (\d+)", text(page(tested)))
    assert lines == [str(i + 2) for i, _ in expected]
    assert len(made(labels[:3], predicted[:3]).worst()) == 6


def test_bins_of_similarity_hold_every_molecule_once() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=(200, 1))
    tested = replace(made(y, y + 0.5), similarity=np.r_[np.nan, 1.0, 0.0, 0.2, rng.random(196)])
    found = bins(tested)
    assert sum(b.molecules for b in found) == 199
    inside = [(b.low, b.high, b.molecules) for b in found]
    for low, high, n in inside:
        top = tested.similarity <= high if high == 1 else tested.similarity < high
        assert n == ((tested.similarity >= low) & top).sum()
    assert all(b.found["rmse"].value == pytest.approx(0.5) for b in found)


def test_a_large_fold_is_drawn_in_part_and_the_file_stays_small() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=(12_000, 6))
    found = Summary(made(y, y + rng.normal(size=y.shape)), ("rmse",))
    html = report("x", {}, found, DATA, [])
    assert "12,000 labels; drawn is a random sample of 10,000" in html
    assert len(html) < 3_000_000
    assert drawing.ALL // 6 == 10_000


def test_predictions_are_read_by_place_and_in_the_scale_of_metrics(tmp_path: Path) -> None:
    rows = [(2, "C", 10, "", 100, 7), (3, "CC", 1000, 5, 1000, 8)]
    path = write_csv(tmp_path / "p.csv", ["line", "smiles", "smiles", "a", "smiles_pred", "a_pred"], rows)
    tested = read(path, classes=False, targets=("smiles", "a"), log10=("smiles",), units={"a": "nM"}, positive={})
    np.testing.assert_array_equal(tested.labels, [[1, np.nan], [3, 5]])
    np.testing.assert_array_equal(tested.predicted, [[2, 7], [3, 8]])
    assert tested.shown == ("log10 smiles", "a [nM]")


def shown(html: str) -> dict[str, str]:
    """Metric to value in the first table of metrics."""
    return dict(re.findall(r'<tr><td>([a-z_0-9]+)</td><td class="n">([^<]*)</td>', html))


@pytest.mark.parametrize("target", ["size", "ring"])
def test_the_report_of_a_run_shows_what_scikit_learn_says_of_its_predictions(
    place: Path, small: Path, cli: Cli, target: str
) -> None:
    done = cli("train", small, *QUICK, "--target", target, "tracking.run=x")
    assert done.code == 0, done.err
    (path,) = (place / "runs").rglob("report.html")
    html, folder = path.read_text(encoding="utf-8"), path.parent
    Reader(html)
    rows = read_csv(folder / "test_predictions.csv")
    y, p = (np.array([float(r[c]) for r in rows]) for c in (target, f"{target}_pred"))
    expected = {"rmse": sk.root_mean_squared_error, "mae": sk.mean_absolute_error, "r2": sk.r2_score}
    if target == "ring":
        expected = {"roc_auc": sk.roc_auc_score, "pr_auc": sk.average_precision_score, "brier": sk.brier_score_loss}
    for name, function in expected.items():
        assert shown(html)[name] == f"{function(y, p):.4f}"
    logged = json.loads((folder / "metrics.json").read_text())
    assert {k: f"{logged[f'test/{k}']:.4f}" for k in shown(html) if f"test/{k}" in logged}.items() <= shown(
        html
    ).items()
    with (folder / "split.csv").open() as file:
        fold = {r["line"]: r["fold"] for r in csv.DictReader(file)}
    table = {str(i + 2): r["smiles"] for i, r in enumerate(read_csv(small))}
    learned = fingerprints([table[n] for n, f in fold.items() if f == "train"])
    worst = max(rows, key=lambda r: abs(float(r[target]) - float(r[f"{target}_pred"])))
    similarity = nearest(fingerprints([worst["smiles"]]), learned)[0]
    assert f"nearest training molecule {similarity:.2f}<br>line {worst['line']}<" in html.split("worst predictions")[1]
    assert "train/loss" not in html
    assert "<h3>loss</h3>" in html
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    assert "report.html" in {f.path for f in client.list_artifacts(folder.name)}


def test_of_a_large_fold_a_random_part_is_compared_and_the_worst_besides() -> None:
    y = np.zeros((100, 1))
    p = np.where(np.arange(100) == 50, 9.0, 1.0)[:, None]
    similarity = np.full(100, np.nan)
    similarity[[*range(10), 50]] = 0.5
    tested = replace(made(y, p), similarity=similarity, sample=np.arange(10))
    (only,) = bins(tested)
    assert (only.molecules, only.found["rmse"].value) == (10, 1.0)
    said = text(page(tested))
    assert "of a random sample of 10 of the 100 test molecules" in said
    assert "measured 0, predicted 9 nearest training molecule 0.50 line 52" in said
