"""A server that is killed, a locked database, a full disk in the middle of a run: what is kept, and sent later."""

import json
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.runs.cv import cross_validate
from drugml.runs.train import Result, train
from drugml.tracking import brief
from drugml.tracking.journal import UNSENT, Journal, journals, unsent
from drugml.tracking.sending import refused
from drugml.tracking.store import connect
from drugml.training.listener import Silent
from tests.conftest import SMILES, Cli, write_csv
from tests.servers import Mlflow, mlflow_server


class At(Silent):
    """Does something at the end of an epoch, counted from 1."""

    def __init__(self, **what: Callable[[], object]) -> None:
        self.what = {int(k.removeprefix("epoch")): v for k, v in what.items()}

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        if epoch + 1 in self.what:
            self.what.pop(epoch + 1)()


def config(place: Path, **tracking: Any) -> RunSpec:
    """Of a D-MPNN with 5 epochs of a moment."""
    table = place / "small.csv"
    if not table.exists():
        write_csv(table, ["smiles", "size"], [(s, len(s) + 0.01 * i) for i, s in enumerate(SMILES)])
    return RunSpec.model_validate(
        {
            "data": {"path": str(table), "targets": ["size"], "split": {"kind": "random"}},
            "model": {"name": "dmpnn", "hidden_dim": 16},
            "train": {"epochs": 5, "batch_size": 16},
            "tracking": {"folder": str(place / "runs"), **tracking},
        }
    )


def check_complete(client: MlflowClient, done: Result, version: str) -> None:
    """All of a run of 5 epochs is in the store, once."""
    run = client.get_run(done.run_id)
    assert run.info.status == "FINISHED"
    for name in ("train/loss", "val/rmse"):
        assert [m.step for m in client.get_metric_history(done.run_id, name)] == [1, 2, 3, 4, 5]
    told = json.loads((done.folder / "metrics.json").read_text())
    assert {k: run.data.metrics[k] for k in told} == pytest.approx(told)
    names = {"audit.json", "config.yaml", "data_card.html", "metrics.csv", "metrics.json", "model_card.html",
             "model_card.md", "rejects.csv", "report.html", "split.csv",
             "split.csv.json", "test.png", "test_predictions.csv"}  # fmt: skip
    assert {f.path for f in client.list_artifacts(done.run_id)} == names
    for name in names:
        assert Path(client.download_artifacts(done.run_id, name)).read_bytes() == (done.folder / name).read_bytes()
    (model,) = client.search_logged_models([run.info.experiment_id], filter_string=f"source_run_id='{done.run_id}'")
    found = client.get_model_version("small-size", version)
    assert (found.run_id, found.source) == (done.run_id, model.artifact_location)
    assert not (done.folder / UNSENT).exists()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """Warnings about MLflow that hold a text."""
    caplog.set_level(logging.WARNING)
    return lambda text: [m for m in caplog.messages if m.startswith("MLflow") and text in m]


Said = Callable[[str], list[str]]


@pytest.fixture
def server(tmp_path: Path, database: Path) -> Iterator[Mlflow]:
    (tmp_path / "server").mkdir()
    shutil.copy(database, tmp_path / "server/mlflow.db")
    options = ("--backend-store-uri", f"sqlite:///{tmp_path}/server/mlflow.db", "--artifacts-destination")
    with mlflow_server("server", tmp_path / "server", *options, str(tmp_path / "server/store")) as running:
        yield running


def test_a_killed_server_costs_nothing(
    server: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli, said: Said
) -> None:
    """Twice: it comes back during the training, and only afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drugml.tracking.run.SHORTEST", 0.0)
    spec, client = config(tmp_path, uri=server.address), MlflowClient(server.address, server.address)
    done = train(spec, At(epoch2=server.kill, epoch4=server.start))
    check_complete(client, done, "1")
    assert (done.unsent, done.version.version if done.version else "") == (0, "1")
    (broken,) = said("training goes on")
    assert f"MLflow at {server.address}: Connection refused" in broken
    assert len(said("answers again; 3 entries that were kept are sent")) == 1

    monkeypatch.setattr("drugml.tracking.run.SHORTEST", 60.0)
    done = train(spec, At(epoch2=server.kill))
    where = f"drugml sync {done.folder}"
    assert len(said("training goes on")) == 2
    assert len(said(f"are not sent; when it answers again: {where}")) == 1
    assert "model     small-size is not registered yet" in done.summary()
    assert f"unsent    {done.unsent} entries; send them with: {where}" in done.summary()
    assert done.unsent == unsent(tmp_path / "runs") > 5
    gone = cli("sync")
    assert gone.code == 2
    assert f"tracking server {server.address}: no answer" in gone.err

    server.start()
    refused = cli("train", "--resume", done.folder)
    assert refused.code == 2
    assert f"is complete, but not all of it is recorded; send the rest with: {where}" in refused.err
    assert client.get_run(done.run_id).info.status == "RUNNING"
    kept = (done.folder / UNSENT).read_text()
    sent = cli("sync", "runs")
    assert (sent.code, sent.out) == (0, f"run {done.run_id}: {done.unsent} entries sent\n"), sent.err
    check_complete(client, done, "2")
    assert client.get_model_version_by_alias("small-size", "candidate").version == "2"
    assert cli("sync", done.run_id).out == f"{done.run_id}: nothing is unsent\n"

    (done.folder / UNSENT).write_text(kept)  # as after a kill between the last entry and its removal
    before = client.get_run(done.run_id).to_dictionary()
    assert cli("sync", done.folder).code == 0
    check_complete(client, done, "2")
    assert client.get_run(done.run_id).to_dictionary() == before


def test_a_locked_database_does_not_stop_training(place: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    monkeypatch.setattr(brief, "LOCKED", 0.1)
    other = sqlite3.connect(place / "mlflow.db", isolation_level=None)
    done = train(config(place), At(epoch2=lambda: other.execute("BEGIN EXCLUSIVE")))
    other.execute("ROLLBACK")
    other.close()
    assert done.unsent == unsent(done.folder) > 5
    assert len(said("database is locked; training goes on")) == 1
    uri = f"sqlite:///{place}/mlflow.db"
    assert MlflowClient(uri, uri).get_run(done.run_id).info.status == "RUNNING"
    (kept,) = journals(place / "runs")
    assert (kept.run_id, kept.uri, kept.complete) == (done.run_id, uri, True)


def test_folds_need_no_store_once_they_have_begun(
    place: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli, said: Said
) -> None:
    monkeypatch.setattr(brief, "LOCKED", 0.1)
    spec = config(place)
    spec = spec.model_copy(update={"train": spec.train.model_copy(update={"epochs": 1})})
    other = sqlite3.connect(place / "mlflow.db", isolation_level=None)
    done = cross_validate(spec, 2, 1, 1, At(epoch1=lambda: other.execute("BEGIN EXCLUSIVE")))
    other.execute("ROLLBACK")
    other.close()
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    runs = [done.run_id, *(f.run_id for f in done.folds)]
    assert [client.get_run(r).info.status for r in runs] == ["RUNNING", "RUNNING", "SCHEDULED"]
    assert f"unsent    {done.unsent} entries; send them with: drugml sync {done.folder}" in done.summary()
    assert len(said("training goes on")) == 3
    sent = cli("sync")
    assert sent.code == 0, sent.err
    assert len(sent.out.splitlines()) == 3
    assert {client.get_run(r).info.status for r in runs} == {"FINISHED"}
    assert client.get_run(done.run_id).data.metrics["test/rmse"] == pytest.approx(done.scores["test/rmse"].mean)
    for fold in done.folds:
        assert client.get_run(fold.run_id).data.metrics["test/rmse"] == fold.metrics["test/rmse"]
    assert not unsent(place / "runs")


def test_a_server_that_refuses_at_the_start_ends_the_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The artifact store cannot be written: nothing is trained for nothing."""
    (place / "mlartifacts").write_text("a file where a folder should be")
    epochs: list[int] = []
    with pytest.raises(UserError, match=r"tracking store sqlite:.*: the run cannot be recorded there: .*mlartifacts"):
        train(config(place), At(epoch1=lambda: epochs.append(1)))
    assert not epochs
    uri = f"sqlite:///{place}/mlflow.db"
    client = MlflowClient(uri, uri)
    (run,) = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert run.info.status == "FAILED"


def test_wrong_credentials_are_named(place: Path) -> None:
    store, body = connect(None), "Response body: 'You are not authenticated.'"
    told = str(refused(store, MlflowException(f"API request to endpoint /x failed with error code 401 != 200. {body}")))
    assert told.startswith(f"tracking store {store.uri}: the run cannot be recorded there: API request")
    assert "; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in told
    assert "check" not in str(refused(store, MlflowException("http://127.0.0.1:40123: Connection refused")))


def test_half_an_entry_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "1", "sqlite:///x.db")
    journal.add({"tags": [["a", "1"]]})
    journal.add({"metrics": [["loss", float("nan"), 5, 1]]})
    whole = journal.path.read_text()
    journal.path.write_text(whole + '{"tags": [["b"')
    again = Journal(tmp_path, "1", "sqlite:///x.db")
    assert again.entries[0] == {"tags": [["a", "1"]]}
    assert len(again.entries) == 2
    journal.path.write_text("nonsense\n")
    with pytest.raises(UserError, match=r"unsent.jsonl: is no list of unsent entries \(.*mend or remove it"):
        unsent(tmp_path)
