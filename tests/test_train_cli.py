"""`drugml train` from table to registered model, and whether the numbers it logs are true."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn import metrics as sk

from drugml.config.load import load
from drugml.config.run import RunSpec
from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv


def client(place: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{place}/mlflow.db")


def only_run(place: Path) -> tuple[str, Path]:
    (config,) = (place / "runs").rglob("config.yaml")
    return config.parent.name, config.parent


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("task", ["size", "ring"])
def test_a_logged_metric_equals_scikit_learn_on_the_saved_predictions(
    place: Path, small: Path, cli: Cli, batch_size: int, task: str
) -> None:
    done = cli("train", small, *QUICK, f"train.batch_size={batch_size}", "train.epochs=1", "--target", task)
    assert done.code == 0, done.err
    run_id, folder = only_run(place)
    rows = read_csv(folder / "test_predictions.csv")
    y, p = (np.array([float(r[c]) for r in rows]) for c in (task, f"{task}_pred"))
    logged = client(place).get_run(run_id).data.metrics
    if task == "size":
        assert logged["test/rmse"] == pytest.approx(sk.root_mean_squared_error(y, p), abs=1e-6)
        assert logged["test/r2"] == pytest.approx(sk.r2_score(y, p), abs=1e-6)
    else:
        assert logged["test/roc_auc"] == pytest.approx(sk.roc_auc_score(y, p), abs=1e-6)
        assert logged["test/pr_auc"] == pytest.approx(sk.average_precision_score(y, p), abs=1e-6)


def test_a_run_holds_all_that_is_needed_to_understand_it(place: Path, small: Path, cli: Cli) -> None:
    done = cli("train", small, *QUICK, "--target", "size", "--model", "gine", "train.patience=1")
    assert done.code == 0, done.err
    assert "small.csv: SMILES column 'smiles', found by its name" in done.err
    assert "task: regression, by the values of size" in done.err
    assert "epoch   1/2" in done.err
    run_id, folder = only_run(place)
    run = client(place).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "gine"
    assert run.data.params["model.hidden_dim"] == "16"
    assert run.data.params["task.kind"] == "regression"
    assert run.data.params["featurizer.name"] == "ogb"
    assert {"drugml.data_hash", "drugml.split_hash", "drugml.metrics_hash"} <= set(run.data.tags)
    assert {"best/val/rmse", "best/epoch", "test/rmse", "test/spearman", "val/rmse"} <= set(run.data.metrics)
    assert run.data.tags["mlflow.user"]
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "small"
    assert run.data.tags["drugml.data_hash"].startswith(used.dataset.digest)
    curve = client(place).get_metric_history(run_id, "val/rmse")
    assert [m.step for m in curve] == [1, 2]
    files = {f.path for f in client(place).list_artifacts(run_id)}
    assert files >= {"config.yaml", "rejects.csv", "split.csv", "test_predictions.csv", "test.png", "metrics.json"}
    assert run.info.artifact_uri == f"file://{place}/mlartifacts/small/{run_id}/artifacts"
    assert load(RunSpec, folder / "config.yaml").model.name == "gine"
    assert len(read_csv(folder / "split.csv")) == len(SMILES)
    assert [r["epoch"] for r in read_csv(folder / "metrics.csv")] == ["1", "2"]


def test_every_model_trains_and_is_registered_as_the_next_version(place: Path, small: Path, cli: Cli) -> None:
    for version, model in enumerate(["mean", "forest", "dmpnn"], 1):
        extra = {"forest": ["model.trees=5"], "dmpnn": QUICK[:2]}.get(model, [])
        done = cli("train", small, *extra, *QUICK[2:], "--target", "size", "--target", "ring", "--task", "regression",
                   "--model", model)  # fmt: skip
        assert done.code == 0, done.err
        assert f"models:/small-size-ring/{version} (alias candidate)" in done.out
        assert "test/rmse/ring" in done.out
    listed = cli("registry", "list")
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [["small-size-ring", v] for v in "321"]
    assert "candidate" in listed.out.splitlines()[1]
    assert cli("registry", "promote", "small-size-ring", "--version", 2).code == 0
    assert "models:/small-size-ring/2 is now" not in cli("registry", "list").out
    assert "champion" in cli("registry", "list").out.splitlines()[2]
    found = client(place).get_model_version_by_alias("small-size-ring", "champion")
    assert str(found.version) == "2"
    assert found.tags["model"] == "forest"


def test_the_table_that_is_being_read_during_imports_is_not_read_again(
    place: Path, small: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drugml.runs.dataset.judge_ahead", None)  # whoever reads again fails
    for more in (["--dry-run"], []):
        done = cli("train", small, "--target", "size", *QUICK, *more)
        assert done.code == 0, done.err


def test_a_dry_run_says_what_would_be_done_and_leaves_nothing(place: Path, small: Path, cli: Cli) -> None:
    done = cli("train", small, "--target", "size", "--dry-run")
    assert done.code == 0, done.err
    assert "small: 60 rows, 60 molecules used; train" in done.out
    assert "kind: regression" in done.out
    assert not (place / "runs").exists()
    assert client(place).search_experiments(filter_string="name = 'small'") == []


def test_a_config_made_by_init_trains(place: Path, small: Path, cli: Cli) -> None:
    written = cli("init", small, "--out", "my.yaml")
    assert written.code == 0, written.err
    assert "# SMILES column 'smiles', found by its name" in Path("my.yaml").read_text()
    assert "could be too: ring" in Path("my.yaml").read_text()
    assert cli("config", "check", "my.yaml").out == "my.yaml: ok\n"
    assert "data.targets" in cli("config", "show", "my.yaml").out
    assert cli("train", "my.yaml", *QUICK).code == 0
    again = cli("init", small, "--out", "my.yaml")
    assert again.code == 2
    assert "my.yaml: exists already" in again.err


def test_few_rejects_are_written_beside_the_run_and_said(place: Path, cli: Cli) -> None:
    rows = [(s, i * 0.5) for i, s in enumerate(SMILES)]
    rows[3] = ("CCXN", 1.5)
    rows[5] = ("CCO", "many")  # type: ignore[assignment]
    rows[7] = ("CCN", "")  # type: ignore[assignment]
    table = write_csv(place / "t.csv", ["smiles", "y"], rows)
    done = cli("train", table, "--target", "y", "--model", "mean", "data.split=random", "data.max_rejected=0.05")
    assert done.code == 0, done.err
    assert "t.csv: 2 of 60 rows rejected, see rejects.csv" in done.err
    assert "t: 60 rows, 57 molecules used, 2 rejected, 1 without a label" in done.err
    _, folder = only_run(place)
    assert read_csv(folder / "rejects.csv") == [
        {"line": "5", "smiles": "CCXN", "status": "parse_error", "reason": "not a SMILES: 'CCXN'"},
        {"line": "7", "smiles": "CCO", "status": "bad_label", "reason": "target 'y' is not a number: 'many'"},
    ]


def test_a_split_column_of_the_table_is_used(place: Path, cli: Cli) -> None:
    folds = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    table = write_csv(
        place / "t.csv",
        ["smiles", "y", "fold"],
        [(s, i, f) for i, (s, f) in enumerate(zip(SMILES, folds, strict=True))],
    )
    done = cli("train", table, "--target", "y", "--model", "mean", "data.split=predefined", "data.split.column=fold")
    assert done.code == 0, done.err
    _, folder = only_run(place)
    assert [r["fold"] for r in read_csv(folder / "split.csv")] == folds
    mean_of_train = np.mean(range(40))
    assert {float(r["y_pred"]) for r in read_csv(folder / "test_predictions.csv")} == {mean_of_train}


def test_missing_labels_of_one_target_do_not_lose_the_other(place: Path, cli: Cli) -> None:
    rows = [(s, i if i % 2 else "", -i if i % 3 else "NA") for i, s in enumerate(SMILES)]
    table = write_csv(place / "t.csv", ["smiles", "a", "b"], rows)
    done = cli("train", table, *QUICK, "--target", "a", "--target", "b", "train.epochs=1")
    assert done.code == 0, done.err
    assert "10 without a label" in done.err
    _, folder = only_run(place)
    assert all(r["a_pred"] and r["b_pred"] for r in read_csv(folder / "test_predictions.csv"))


def test_two_seeds_differ_and_one_repeats(place: Path, small: Path, cli: Cli) -> None:
    values = []
    for seed in (0, 1, 0):
        done = cli("train", small, *QUICK, "--target", "size", f"train.seed={seed}", "train.deterministic=true")
        assert done.code == 0, done.err
        values.append(next(line for line in done.out.splitlines() if "test/rmse" in line))
    assert values[0] == values[2] != values[1]


def test_what_the_end_of_a_run_tells_to_type_can_be_typed(place: Path, cli: Cli) -> None:
    write_csv(place / "a b.csv", ["smiles", "HLM CLint (uL/min)"], [(s, i) for i, s in enumerate(SMILES)])
    common = ("train", "a b.csv", "--target", "HLM CLint (uL/min)", "--model", "mean")
    done = cli(*common)
    assert done.code == 0, done.err
    told = next(line for line in done.out.splitlines() if line.startswith("predict "))
    command = shlex.split(told)[1:]
    assert command[2] == "models:/a_b-HLM_CLint__uL_min_@candidate"
    assert cli(*command[1:3], "a b.csv", "--out", "out.csv").code == 0
    named = cli(
        "train", "a b.csv", "--target", "HLM CLint (uL/min)", "--model", "mean", "tracking.register_as=my model"
    )
    assert "drugml predict 'models:/my model@candidate' INPUT" in named.out
