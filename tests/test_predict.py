"""Predictions: the input's rows in the input's order, and never a number for a bad row."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from drugml.data.status import Status
from drugml.prediction.bundle import load
from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for two targets, trained and saved without MLflow."""
    return make_bundle(tmp_path_factory.mktemp("bundle"), "dmpnn")


def make_bundle(folder: Path, model: str, *overrides: str) -> Path:
    from drugml.config.load import check
    from drugml.config.run import RunSpec
    from drugml.prediction import bundle as bundles
    from drugml.prediction.predictor import Predictor
    from drugml.runs.dataset import prepare
    from drugml.runs.outcome import spec_of
    from drugml.training.fit import fit
    from drugml.training.listener import Silent

    rows = [(s, len(s) * 0.5, i * 0.1) for i, s in enumerate(SMILES)]
    table = write_csv(folder / "t.csv", ["smiles", "size", "rank"], rows)
    data = {"path": str(table), "targets": ["size", "rank"], "split": {"kind": "random"}, "max_atoms": 100}
    few = {"trees": 5}
    sections = {"dmpnn": {"hidden_dim": 16}, "gine": {"hidden_dim": 16}, "forest": few, "xgboost": few, "lightgbm": few,
                "catboost": few}  # fmt: skip
    start = {"data": data, "model": {"name": model, **sections.get(model, {})}}
    config = check(RunSpec, start, {(): "test"}, ["train.epochs=2", "head.hidden_dim=16", *overrides])
    dataset = prepare(config)
    fitted = fit(dataset.config, dataset.training, folder / "last.ckpt", Silent())
    bundles.save(Predictor(spec_of(dataset, fitted, "none"), fitted.trained), folder / "bundle")
    return folder / "bundle"


HARD = [
    ("aspirin", "CC(=O)Oc1ccccc1C(=O)O", "ok"),
    ("nothing", "", "empty"),
    ("broken", "c1ccccc1(C)(C)C", "sanitize_error"),
    ("junk", "junk", "parse_error"),
    ("aspirin again", "OC(=O)c1ccccc1OC(C)=O", "ok"),
    ("salt", "[Na+].[Cl-]", "ok"),
    ("metal", "[Pt](Cl)(Cl)(N)N", "ok"),
    ("methane", "C", "ok"),
    ("peptide", "NCC(=O)" * 100 + "O", "too_large"),
    ("wildcard", "*CC", "unsupported_atom"),
    ("comma", '"C,C"', "parse_error"),
]


def test_rows_order_and_columns_are_the_inputs(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    source = write_csv(tmp_path / "in.csv", ["name", "SMILES", "size"], [(n, s, "007") for n, s, _ in HARD])
    done = cli("predict", bundle, source, "--out", tmp_path / "out.csv")
    assert done.code == 0, done.err
    assert "out.csv: 5 of 11 rows predicted" in done.out
    assert "line 3: no SMILES" in done.out
    assert "… and 1 more; see the columns status and reason" in done.out
    assert "the input has a column 'size': the prediction's is 'size_pred'" in done.err
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["name", "SMILES", "size", "size_pred", "rank", "status", "reason"]
    assert [(r["name"], r["SMILES"], r["status"]) for r in rows] == HARD
    assert {r["size"] for r in rows} == {"007"}
    for row in rows:
        good = row["status"] == "ok"
        assert bool(row["size_pred"]) == bool(row["rank"]) == good
        assert bool(row["reason"]) == (not good or "Pt" in row["SMILES"])
    assert float(rows[0]["rank"]) == pytest.approx(float(rows[4]["rank"]), abs=1e-5)


def test_strict_fails_where_a_row_failed(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    bad = write_csv(tmp_path / "bad.csv", ["SMILES"], [["C"], ["junk"]])
    good = write_csv(tmp_path / "good.csv", ["SMILES"], [["C"], ["CC"]])
    assert cli("predict", bundle, bad, "--out", tmp_path / "a.csv", "--strict").code == 1
    assert cli("predict", bundle, good, "--out", tmp_path / "b.csv", "--strict").code == 0
    assert len(read_csv(tmp_path / "a.csv")) == 2


def test_parquet_holds_the_same_numbers_as_csv(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    source = write_csv(tmp_path / "in.csv", ["name", "SMILES"], [(n, s) for n, s, _ in HARD])
    for out in ("out.csv", "out.parquet", "out.tsv"):
        assert cli("predict", bundle, source, "--out", tmp_path / out).code == 0
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    for row, other in zip(table, read_csv(tmp_path / "out.csv"), strict=True):
        assert {k: "" if v is None else str(v) for k, v in row.items()} == other
    assert (tmp_path / "out.tsv").read_text().splitlines()[0].split("\t")[:3] == ["name", "SMILES", "size"]


def test_malformed_rows_and_smi_files_are_kept(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    (tmp_path / "in.csv").write_text("SMILES,x\nC,1\nCC,2,3\nCCC,4\n")
    assert cli("predict", bundle, tmp_path / "in.csv", "--out", tmp_path / "out.csv").code == 0
    rows = read_csv(tmp_path / "out.csv")
    assert [r["status"] for r in rows] == ["ok", "malformed_row", "ok"]
    assert rows[1]["reason"] == "3 fields, expected 2: 'CC,2,3'"
    (tmp_path / "in.smi.gz").write_bytes(gzip.compress(b"C methane\nCC ethane\n"))
    assert cli("predict", bundle, tmp_path / "in.smi.gz", "--out", tmp_path / "smi.csv").code == 0
    assert [r["name"] for r in read_csv(tmp_path / "smi.csv")] == ["methane", "ethane"]


def test_the_input_is_never_overwritten(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [["C"]])
    done = cli("predict", bundle, source, "--out", tmp_path / "." / "in.csv")
    assert done.code == 2
    assert "in.csv: is the input itself, which would be lost; name another output file" in done.err
    assert source.read_text().split() == ["SMILES", "C"]


def test_a_value_that_is_not_finite_is_no_prediction(bundle: Path) -> None:
    predictor = load(bundle)
    with torch.no_grad():
        predictor.trained.network.head[-1].bias[1] = torch.inf  # type: ignore[attr-defined]
    values, rejects, *_ = predictor.predict(["C", "junk", "CC"])
    assert np.isnan(values).all()
    assert rejects[0] == rejects[2] == (Status.NOT_FINITE, "the model gives no finite value of rank")
    assert rejects[1].status == Status.NOT_SMILES


def test_only_bad_rows_are_a_file_as_well(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [["junk"], ["CCXN"]])
    assert cli("predict", bundle, source, "--out", tmp_path / "out.csv").code == 0
    assert [r["status"] for r in read_csv(tmp_path / "out.csv")] == ["parse_error", "parse_error"]


def test_a_table_without_rows_gives_a_header(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    (tmp_path / "in.csv").write_text("SMILES,x\n")
    assert cli("predict", bundle, tmp_path / "in.csv", "--out", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_text() == "SMILES,x,size,rank,status,reason\n"


def test_bundles_predict_without_mlflow_lightning_or_scikit_learn(tmp_path: Path) -> None:
    models = ["dmpnn", "gine", "forest", "mean", "knn", "gp", "svm", "boosting", "xgboost", "lightgbm"]
    for m in models:
        (tmp_path / m).mkdir()
    bundles = {m: make_bundle(tmp_path / m, m) for m in models}
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [["CCO"], ["junk"]])
    program = (
        "import sys\n"
        "for name in ('mlflow', 'lightning', 'sklearn', 'torch_geometric', 'pandas'): sys.modules[name] = None\n"
        "from drugml.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "predict", str(source), "--out", str(tmp_path / "out.csv")]
    named = [part for m, bundle in bundles.items() for part in ("--model", f"{m}={bundle}")]
    done = subprocess.run([*command, *named], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    rows = read_csv(tmp_path / "out.csv")
    for model, bundle in bundles.items():
        expected = load(bundle).predict(["CCO", "junk"]).values
        found = [float(rows[0][f"{model}:{t}"]) for t in ("size", "rank")]
        np.testing.assert_allclose(found, expected[0], atol=1e-6)
        assert rows[1][f"{model}:rank"] == ""
    missing = [*command, "--model", "models:/a/1"]
    told = subprocess.run(missing, capture_output=True, text=True, check=False, env=os.environ)
    assert told.returncode == 2
    assert "models:/a/1: no such folder, and MLflow is not installed to look it up" in told.stderr


def test_any_reference_leads_to_the_same_numbers(place: Path, small: Path, cli: Cli) -> None:
    assert cli("train", small, *QUICK, "--target", "size").code == 0
    (folder,) = (place / "runs" / "small").iterdir()
    references = ["models:/small-size@candidate", "models:/small-size/1", folder.name, folder, folder / "bundle"]
    texts = set()
    for n, reference in enumerate(references):
        done = cli("predict", reference, small, "--out", place / f"{n}.csv")
        assert done.code == 0, done.err
        texts.add((place / f"{n}.csv").read_text())
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("models:/smal-size@candidate", "no such model in sqlite"),
        ("models:/small-size/9", "no such model in sqlite"),
        ("models:/small-size@champion", "no such model in sqlite"),
        ("0123456789abcdef0123456789abcdef", "is no bundle folder and no run of sqlite"),
        ("nowhere", "'nowhere' is no bundle folder and no run of sqlite"),
    ],
)
def test_a_reference_that_leads_nowhere_is_explained(
    place: Path, small: Path, cli: Cli, reference: str, message: str
) -> None:
    done = cli("predict", reference, small, "--out", place / "out.csv")
    assert done.code == 2
    assert message in done.err
    assert sorted(p.name for p in place.iterdir() if "out" in p.name) == []
