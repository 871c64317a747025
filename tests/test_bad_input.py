"""What a user gets for a mistake: one clear message, exit code 2, nothing recorded."""

import os
import resource
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mlflow import MlflowClient

from tests.conftest import QUICK, SMILES, Cli, Start, write_csv

GOOD = [(s, i * 0.5, i % 2) for i, s in enumerate(SMILES)]


def refused(cli: Cli, place: Path, *args: object) -> str:
    done = cli("train", *args)
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    assert not list(place.glob("runs/*/*")), "a run folder was left behind"
    return done.err.split("error: ", 1)[1]


def test_a_missing_table(place: Path, cli: Cli) -> None:
    write_csv(place / "herg.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    assert "hreg.csv: no such file; did you mean 'herg.csv'?" in refused(cli, place, "hreg.csv", "--target", "y")
    assert "run.yaml: no such file" in refused(cli, place, "run.yaml")
    assert "nothing to train: name a config or a table" in refused(cli, place)


def test_an_empty_table(place: Path, cli: Cli) -> None:
    (place / "a.csv").touch()
    assert "a.csv: the file is empty" in refused(cli, place, "a.csv", "--target", "y")
    (place / "a.csv").write_text("smiles,y\n")
    assert "a.csv: a header but no rows" in refused(cli, place, "a.csv", "--target", "y")


def test_no_smiles_column(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["id", "y"], [[i, i] for i in range(20)])
    assert "a.csv: no SMILES column among 'id', 'y'" in refused(cli, place, "a.csv", "--target", "y")


def test_an_absent_target_suggests_the_nearest(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "logS", "active"], GOOD)
    message = refused(cli, place, "a.csv", "--target", "logs_")
    assert "no target column 'logs_'; did you mean 'logS'? (columns: smiles, logS, active)" in message
    message = refused(cli, place, "a.csv")
    assert "which column is to be learned? Name it, for example --target 'logS'" in message
    assert "(columns that could be: logS, active)" in message


def test_targets_that_mlflow_cannot_tell_apart(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "EF@1%", "EF@1#"], GOOD)
    message = refused(cli, place, "a.csv", "--target", "EF@1%", "--target", "EF@1#")
    assert "targets 'EF@1%' and 'EF@1#': both are called 'EF_1_' in MLflow" in message


def test_a_target_that_is_text(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [(s, ("low", "mid", "high")[i % 3]) for i, (s, *_) in enumerate(GOOD)])
    message = refused(cli, place, "a.csv", "--target", "y", "--task", "regression")
    assert "a.csv: none of the 60 rows can be used\n  line 2: target 'y' is not a number: 'low'" in message
    message = refused(cli, place, "a.csv", "--target", "y", "--task", "classification")
    assert "target 'y': 3 classes, expected two: 'low' (20 rows)" in message


def test_targets_that_are_not_finite(place: Path, cli: Cli) -> None:
    rows = [(s, ("inf", "-inf", "nan", "1.5")[i % 4]) for i, s in enumerate(SMILES)]
    write_csv(place / "a.csv", ["smiles", "y"], rows)
    message = refused(cli, place, "a.csv", "--target", "y")
    assert "a.csv: 30 of 60 rows cannot be used, more than the allowed 1.0%" in message
    assert "  line 2: target 'y' is not finite: 'inf'\n  line 3: target 'y' is not finite: '-inf'" in message
    assert "  … and 20 more\n  (30 × bad_label)\nfix the rows, or raise data.max_rejected" in message


def test_one_class_or_one_value(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [(s, 1) for s in SMILES])
    assert "one class only" in refused(cli, place, "a.csv", "--target", "y", "--task", "classification")
    assert "one value only, 1 in all 60" in refused(cli, place, "a.csv", "--target", "y", "--task", "regression")


def test_targets_of_two_kinds(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y", "c"], GOOD)
    message = refused(cli, place, "a.csv", "--target", "y", "--target", "c")
    assert "targets of two kinds: c have two classes, the others do not" in message


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_molecules_than_folds(place: Path, cli: Cli, count: int) -> None:
    rows = [("C", 1.0), ("CC", 2.0)][:count] + [("CCC", "")] * 3
    write_csv(place / "a.csv", ["smiles", "y"], rows)
    message = refused(cli, place, "a.csv", "--target", "y")
    assert ("one value only" if count == 1 else "only 2 usable molecules are left") in message


def test_every_smiles_invalid(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [(f"junk{i}", i) for i in range(30)])
    message = refused(cli, place, "a.csv", "--target", "y", "data.max_rejected=1.0")
    assert "a.csv: none of the 30 rows can be used\n  line 2: not a SMILES: 'junk0'" in message
    assert "(30 × parse_error)" in message


def test_duplicate_columns(place: Path, cli: Cli) -> None:
    (place / "a.csv").write_text("smiles,y,y\nC,1,2\n")
    assert "a.csv:1: duplicate column names: 'y'" in refused(cli, place, "a.csv", "--target", "y")


def test_strange_but_valid_molecules_train(place: Path, cli: Cli) -> None:
    strange = ["[Na+].[Cl-]", "[Fe+2].[O-]C(=O)C", "NCC(=O)" * 100 + "O", "[Pt](Cl)(Cl)(N)N", "[2H]C", "[U]"]
    write_csv(place / "a.csv", ["smiles", "y"], [*[r[:2] for r in GOOD], *[(s, 5.0) for s in strange]])
    done = cli("train", "a.csv", *QUICK, "--target", "y", "train.epochs=1")
    assert done.code == 0, done.err
    assert "a: 66 rows, 66 molecules used;" in done.err


def test_too_large_and_empty_molecules_are_counted(place: Path, cli: Cli) -> None:
    rows = [*[r[:2] for r in GOOD], ("NCC(=O)" * 100 + "O", 5.0), ("", 5.0)]
    write_csv(place / "a.csv", ["smiles", "y"], rows)
    message = refused(cli, place, "a.csv", "--target", "y", "data.max_atoms=300")
    assert "line 62: 401 heavy atoms, more than data.max_atoms = 300\n  line 63: no SMILES" in message
    assert "(1 × too_large, 1 × empty)" in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.lerning_rate=1", "unknown key `train.lerning_rate`"),
        ("train.epochs=-1", "`train.epochs` = -1: input should be greater than or equal to 1"),
        ("model=dmpn", "there is no `model` called 'dmpn'; did you mean 'dmpnn'?"),
        ("train.monitor=rsme", "train.monitor = 'rsme' is no regression metric; did you mean 'rmse'?"),
        ("data.targets=[y, y]", "`data.targets`: 'y' is named more than once"),
        ("task={kind: regression, units: {Y: nM}}", "task.units names 'Y', which is no target; did you mean 'y'?"),
    ],
)
def test_a_wrong_setting(place: Path, cli: Cli, override: str, message: str) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    assert message in refused(cli, place, "a.csv", "--target", "y", override)


def test_a_monitor_that_the_validation_fold_leaves_undefined(place: Path, cli: Cli) -> None:
    folds = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    rows = [(s, int(i % 2 and f != "val"), f) for i, (s, f) in enumerate(zip(SMILES, folds, strict=True))]
    write_csv(place / "a.csv", ["smiles", "y", "split"], rows)
    split = ("--target", "y", "data.split=predefined")
    message = refused(cli, place, "a.csv", *split, "train.monitor=roc_auc")
    assert (
        "train.monitor = 'roc_auc' is undefined on the validation fold: it has 10 labels of 1 different values; use "
        "train.monitor=loss" in message
    )
    assert cli("train", "a.csv", *split, "--dry-run").code == 0


def test_a_wrong_model_option(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    message = refused(cli, place, "a.csv", "--target", "y", "--model", "ginee")
    assert "--model: there is no `model` called 'ginee'; did you mean 'gine'?" in message
    assert "there is no model 'ginee'; did you mean 'gine'?" in cli("models", "show", "ginee").err


def test_a_server_that_does_not_answer(place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    message = refused(cli, place, "a.csv", "--target", "y")
    assert (
        "tracking server http://127.0.0.1:9: no answer (ConnectionError); start it, or unset MLFLOW_TRACKING_URI"
        in message
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    assert "MLflow no longer keeps runs in plain folders" in refused(cli, place, "a.csv", "--target", "y")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/db")
    message = refused(cli, place, "a.csv", "--target", "y")
    assert "tracking URI postgresql://…: runs in this database belong to a tracking server" in message
    assert "secret" not in message


class Closed(BaseHTTPRequestHandler):
    """What a proxy says to those whom it does not know."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_server_that_does_not_let_in(place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        message = refused(cli, place, "a.csv", "--target", "y")
        server.shutdown()
    assert "it does not let this user in; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in message


def test_a_database_that_is_none(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    (place / "mlflow.db").write_text("this is no database, but long enough to be read as one" * 100)
    assert "mlflow.db: not usable as a tracking database" in refused(cli, place, "a.csv", "--target", "y")


def test_folders_that_cannot_be_written(place: Path, cli: Cli) -> None:
    write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    (place / "file").touch()
    message = refused(cli, place, "a.csv", "--target", "y", "tracking.folder=file/runs")
    assert "file/runs: the run folder cannot be written: Not a directory" in message


def test_a_prediction_that_cannot_be_written(place: Path, cli: Cli) -> None:
    table = write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    assert cli("train", table, "--target", "y", "--model", "mean").code == 0
    for out, message in (
        ("nowhere/out.csv", "nowhere/out.csv: cannot be written: No such file or directory"),
        ("out.xlsx", "out.xlsx: the ending '.xlsx' is no output format; use .csv, .tsv or .parquet"),
    ):
        done = cli("predict", "models:/a-y@candidate", table, "--out", out)
        assert done.code == 2
        assert message in done.err


def no_file_over(limit: int) -> Callable[[], None]:
    """Stands for a full disk: a write fails in the kernel in the same way."""
    return partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))


def test_a_disk_that_fills_during_training(place: Path, process: Start) -> None:
    table = write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    options = ("--target", "y", "data.split=random", "train.epochs=2")
    done = process("train", table, *options, cwd=place, before=no_file_over(3_000_000))
    assert done.wait() == 2, done.errors
    assert "cannot be written: File too large" in done.errors
    assert "make room and go on with: drugml train --resume" in done.errors
    (config,) = (place / "runs").rglob("config.yaml")
    run = MlflowClient(f"sqlite:///{place}/mlflow.db").get_run(config.parent.name)
    assert run.info.status == "FAILED"


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_disk_that_is_full(place: Path, cli: Cli, process: Start, out: str) -> None:
    table = write_csv(place / "a.csv", ["smiles", "y"], [r[:2] for r in GOOD])
    assert cli("train", table, "--target", "y", "--model", "mean").code == 0
    (bundle,) = (place / "runs").rglob("bundle")
    many = write_csv(place / "many.csv", ["smiles", "text"], [(s, os.urandom(4000).hex()) for s in SMILES])
    done = process("predict", bundle, many, "--out", out, cwd=place, before=no_file_over(100_000))
    assert done.wait() == 2, done.errors
    assert f"{out}: cannot be written: " in done.errors
    assert "File too large; nothing was left behind" in done.errors
    assert not [p for p in place.iterdir() if "out" in p.name]
