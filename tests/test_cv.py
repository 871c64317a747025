"""Cross-validation: the folds of a plan, one run each, averaged, and going on after any end."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.metrics import root_mean_squared_error

from drugml.evaluation.intervals import corrected
from tests.conftest import OPTIONS, QUICK, Cli, Output, Start, drugml, read_csv, table_of_chains, table_of_sixty

FOREST = ("--target", "size", "--model", "forest", "model.trees=5", "data.split=random")


def whole_of(place: Path) -> tuple[MlflowClient, Run, Path]:
    """The only cross-validation here."""
    (counts,) = (place / "runs").rglob("cv.json")
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    return client, client.get_run(counts.parent.name), counts.parent


def nested(client: MlflowClient, whole: Run) -> list[Run]:
    return list(client.search_runs([whole.info.experiment_id], f"tags.`mlflow.parentRunId` = '{whole.info.run_id}'"))


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory, database: Path) -> tuple[Path, Output]:
    """A cross-validation of a forest, of two repeats of three folds: its folder, and what was said."""
    place = tmp_path_factory.mktemp("crossed")
    shutil.copy(database, place / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        done = drugml("cv", table_of_sixty(place), *FOREST, "--folds", 3, "--repeats", 2, "--jobs", 1)
    assert done.code == 0, done.err
    return place, done


def test_every_fold_is_a_run_and_the_whole_is_their_mean(crossed: tuple[Path, Output]) -> None:
    place, done = crossed
    client, whole, folder = whole_of(place)
    runs = nested(client, whole)
    assert whole.info.status == "FINISHED"
    assert [r.info.status for r in runs] == ["FINISHED"] * 6
    assert whole.data.params["cv.folds"] == "3"
    assert {(r.data.tags["drugml.repeat"], r.data.tags["drugml.fold"]) for r in runs} == {
        (str(r), str(f)) for r in (1, 2) for f in (1, 2, 3)
    }
    assert len({r.data.tags["drugml.split_hash"] for r in runs}) == 6
    each = np.array([r.data.metrics["test/rmse"] for r in runs])
    interval = corrected(each, np.mean([r["test"] / r["train"] for r in plans(folder)]))
    for name, value in (("", interval.mean), ("_sd", interval.sd), ("_low", interval.low), ("_high", interval.high)):
        assert whole.data.metrics[f"test/rmse{name}"] == pytest.approx(value, rel=1e-12)
    assert f"{interval.mean:9.4f}{interval.sd:9.4f}   {interval.low:.4f} to {interval.high:.4f}" in done.out
    assert "6 of 6 done" in done.err


def plans(folder: Path) -> list[dict[str, int]]:
    found: list[dict[str, int]] = json.loads((folder / "split.csv.json").read_text())["plans"]
    return found


def test_every_molecule_is_tested_once_in_each_repeat_by_a_model_that_did_not_see_it(
    crossed: tuple[Path, Output],
) -> None:
    client, _, folder = whole_of(crossed[0])
    tested = read_csv(folder / "out_of_fold.csv")
    for repeat in ("1", "2"):
        lines = [r["line"] for r in tested if r["repeat"] == repeat]
        assert sorted(map(int, lines)) == list(range(2, 62))
    trained = {
        (r["repeat"], r["number"], r["line"]) for r in read_csv(folder / "split.csv") if r["fold"] in ("train", "val")
    }
    assert not {(r["repeat"], r["fold"], r["line"]) for r in tested} & trained
    for row in read_csv(folder / "folds.csv"):
        mine = [r for r in tested if (r["repeat"], r["fold"]) == (row["repeat"], row["fold"])]
        rmse = root_mean_squared_error(*([float(r[c]) for r in mine] for c in ("size", "size_pred")))
        assert float(row["test/rmse"]) == pytest.approx(rmse, rel=1e-9)
        assert client.get_run(row["run"]).data.metrics["test/rmse"] == pytest.approx(rmse, rel=1e-9)


def test_two_processes_give_the_numbers_of_one_and_other_models_the_same_folds(
    place: Path, small: Path, cli: Cli
) -> None:
    results = {}
    for name, options in (("one", ("--jobs", 1)), ("two", ("--jobs", 2)), ("mean", ("--jobs", 1, "model=mean"))):
        run = cli("cv", small, *FOREST[:2], "data.split=random", *options,
                  *(() if name == "mean" else ("model=forest", "model.trees=5")), "--folds", 2, "--repeats", 1,
                  f"tracking.folder={name}")  # fmt: skip
        assert run.code == 0, run.err
        results[name] = read_csv(next((place / name).rglob("folds.csv")))
    drop = [{k: v for k, v in r.items() if k != "run"} for r in results["one"]]
    assert drop == [{k: v for k, v in r.items() if k != "run"} for r in results["two"]]
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    tags = [[client.get_run(r["run"]).data.tags["drugml.split_hash"] for r in rows] for rows in results.values()]
    assert tags[0] == tags[1] == tags[2]


def test_a_fold_can_be_trained_alone_from_its_config(
    crossed: tuple[Path, Output], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, whole, folder = whole_of(crossed[0])
    monkeypatch.chdir(crossed[0])
    alone = cli("train", folder / "r2f1" / "config.yaml")
    assert alone.code == 0, alone.err
    run = client.get_run(alone.out.split("run       ")[1].split()[0])
    (fold,) = [r for r in nested(client, whole) if r.info.run_name == "forest r2f1"]
    for tag in ("drugml.split_hash", "drugml.data_hash", "drugml.metrics_hash"):
        assert run.data.tags[tag] == fold.data.tags[tag]
    assert run.data.metrics["test/rmse"] == fold.data.metrics["test/rmse"]


CV = ("--folds", "2", "--repeats", "1", "--jobs")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, database: Path) -> list[float]:
    """What the folds of `slow` come to."""
    place = tmp_path_factory.mktemp("untouched")
    shutil.copy(database, place / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        done = drugml("cv", table_of_chains(place), *OPTIONS, *CV, 1)
    assert done.code == 0, done.err
    return [float(r["test/rmse"]) for r in read_csv(next((place / "runs").rglob("folds.csv")))]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_cross_validation_keeps_its_folds_and_comes_to_the_same_numbers(
    place: Path, slow: Path, cli: Cli, process: Start, untouched: list[float], jobs: int
) -> None:
    killed = process("cv", slow, *OPTIONS, *CV, jobs, cwd=place)
    killed.wait_for("1 of 2 done")
    killed.kill()
    client, whole, folder = whole_of(place)
    assert whole.info.status == "RUNNING"  # nobody was left to say otherwise
    (first,) = [r for r in nested(client, whole) if r.info.status == "FINISHED"]
    resumed = cli("cv", "--resume", "last", "--jobs", 1)
    assert resumed.code == 0, resumed.err
    assert "1 of 2 folds are done" in resumed.err
    runs = nested(client, client.get_run(whole.info.run_id))
    assert len(runs) == 2
    assert first.info.end_time in {r.info.end_time for r in runs}  # it was not trained again
    mine = [float(r["test/rmse"]) for r in read_csv(folder / "folds.csv")]
    np.testing.assert_allclose(mine, untouched, rtol=1e-4 if jobs > 1 else 0)
    again = cli("cv", "--resume", whole.info.run_id)
    assert f"run {whole.info.run_id} is complete (FINISHED); there is nothing to resume" in again.err


def test_a_stopped_cross_validation_ends_its_workers_and_says_how_to_go_on(
    place: Path, slow: Path, cli: Cli, process: Start
) -> None:
    endless = ("train.epochs=100000", "train.patience=null")
    stopped = process("cv", slow, *OPTIONS, *endless, "--folds", 3, "--repeats", 1, "--jobs", 2, cwd=place)
    folder = None
    while folder is None or len([*folder.rglob("last.ckpt")]) < 2:
        time.sleep(0.05)
        assert stopped.poll() is None, stopped.errors
        found = [*(place / "runs").rglob("cv.json")]
        folder = found[0].parent if found else None
    stopped.signal(signal.SIGTERM)
    assert stopped.wait(60) == 143, stopped.errors
    client, whole, folder = whole_of(place)
    assert f"stopped; go on with: drugml cv --resume {whole.info.run_id}" in stopped.errors
    assert whole.info.status == "KILLED"
    assert sorted(r.info.status for r in nested(client, whole)) == ["KILLED", "KILLED", "SCHEDULED"]


def test_what_cannot_be_done_is_said_before_anything_is_recorded(place: Path, small: Path, cli: Cli) -> None:
    for options, said in (
        (("--folds", 1), "cross-validation needs at least 2 folds and 1 repeat, found 1 folds and 5 repeats"),
        (("data.split=max_min",), "split 'max_min' has no cross-validation"),
        (("train.monitor=r3",), "train.monitor = 'r3' is no regression metric; did you mean 'r2'?"),
    ):
        refused = cli("cv", small, "--target", "size", *QUICK, *options)
        assert refused.code == 2
        assert said in refused.err
    assert not (place / "runs").exists()


def test_runs_are_not_taken_for_runs_of_another_kind(place: Path, small: Path, cli: Cli) -> None:
    assert cli("cv", small, *FOREST, "--folds", 2, "--repeats", 1, "--jobs", 1).code == 0
    _, whole, folder = whole_of(place)
    refused = cli("train", "--resume", whole.info.run_id)
    assert f"run {whole.info.run_id}: was made by `drugml cv`, not by `drugml train`" in refused.err
    assert "there is no run of" in cli("train", "--resume", "last").err
    small.write_text(small.read_text().replace("CCO,", "CCN,", 1))
    MlflowClient(f"sqlite:///{place}/mlflow.db").set_terminated(whole.info.run_id, "KILLED")
    changed = cli("cv", "--resume", folder)
    assert changed.code == 2
    assert "drugml.data_hash, drugml.split_hash changed since it was started" in changed.err
    assert "resuming would mix two experiments, train anew" in changed.err


def test_a_fold_that_fails_is_named_and_the_whole_is_failed(place: Path, small: Path, cli: Cli) -> None:
    failed = cli("cv", small, "--target", "size", *QUICK, "train.lr=1e30", "train.schedule=constant", "--folds", 2,
                 "--repeats", 1, "--jobs", 1)  # fmt: skip
    assert failed.code == 2
    assert "error: repeat 1, fold 1: " in failed.err
    assert whole_of(place)[1].info.status == "FAILED"


def test_the_interval_is_that_of_the_corrected_test() -> None:
    values = np.array([0.5, 0.7, 0.6, np.nan])
    found = corrected(values, 0.25)
    assert (found.mean, found.sd, found.folds) == (pytest.approx(0.6), pytest.approx(0.1), 3)
    assert found.high - found.mean == pytest.approx(4.302652729749464 * 0.1 * np.sqrt(1 / 3 + 0.25))
    assert np.isnan(corrected(values[:1], 0.25).low)
