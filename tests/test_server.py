"""A real MLflow server for a team, on a real PostgreSQL: what `drugml` records can be found and used from there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from drugml.tracking.store import MlflowClient, mlflow
from tests.conftest import QUICK, Cli, Start, read_csv, write_csv
from tests.servers import TEAM_SERVER, team_server


class Server(NamedTuple):
    address: str
    store: Path
    """Where it keeps artifacts."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a database and an artifact store of its own."""
    folder = tmp_path_factory.mktemp("server")
    with team_server(folder, folder / "store") as address:
        yield Server(address, folder / "store")


@pytest.fixture
def server(started: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The test stands elsewhere and knows the server's address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.address)
    return started


def test_a_run_on_a_server_is_complete_and_its_model_is_used_from_there(
    server: Server, cli: Cli, small: Path, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = cli("train", "small.csv", "--target", "size", *QUICK, "tracking.register_as=size-model")
    assert trained.code == 0, trained.err
    assert not (tmp_path / "mlflow.db").exists(), "recorded beside the server"
    assert not (tmp_path / "mlartifacts").exists(), "artifacts kept beside the server"

    client = MlflowClient(server.address, server.address)
    experiment = client.get_experiment_by_name("small")
    (run,) = client.search_runs([experiment.experiment_id])
    folder = tmp_path / "runs/small" / run.info.run_id
    assert (run.info.status, run.info.run_name) == ("FINISHED", "dmpnn")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert run.data.params.items() >= {"model.name": "dmpnn", "model.hidden_dim": "16", "data.targets": "size"}.items()
    assert run.data.tags["drugml.folder"] == str(folder)
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "small"
    assert run.data.tags["drugml.data_hash"].startswith(given.dataset.digest)
    assert json.loads(given.dataset.source) == {"uri": str(small)}
    told = json.loads((folder / "metrics.json").read_text())
    assert {k: run.data.metrics[k] for k in told} == pytest.approx(told)
    assert [m.step for m in client.get_metric_history(run.info.run_id, "val/rmse")] == [1, 2]

    names = {
        "config.yaml",
        "rejects.csv",
        "split.csv",
        "metrics.csv",
        "metrics.json",
        "test_predictions.csv",
        "test.png",
        "split.csv.json",
        "data_card.html",
        "audit.json",
        "model_card.html",
        "model_card.md",
        "report.html",
    }
    assert {f.path for f in client.list_artifacts(run.info.run_id)} == names
    kept = {f.name: f.read_bytes() for f in server.store.rglob("*") if f.is_file()}
    assert {n: kept[n] for n in names} == {n: (folder / n).read_bytes() for n in names}

    listed = cli("registry", "list").out
    assert all(word in listed for word in ("size-model", "candidate", run.info.run_id))
    assert "champion" not in listed
    promoted = cli("registry", "promote", "size-model")
    assert promoted.out.splitlines()[-1] == "models:/size-model/1 is now models:/size-model@champion"
    assert client.get_model_version_by_alias("size-model", "champion").run_id == run.info.run_id
    assert "candidate, champion" in cli("registry", "list").out

    write_csv(tmp_path / "new.csv", ["smiles"], [["CCO"], ["C1CC"], ["c1ccccc1O"]])
    predicted = cli("predict", "models:/size-model@champion", "new.csv", "--out", "out.csv")
    assert predicted.code == 0, predicted.err
    rows = read_csv(tmp_path / "out.csv")
    assert [r["smiles"] for r in rows] == ["CCO", "C1CC", "c1ccccc1O"]
    assert [r["size"] == "" for r in rows] == [r["status"] != "ok" for r in rows] == [False, True, False]
    assert rows[1]["reason"]

    model = mlflow.pyfunc.load_model("models:/size-model@champion")
    served = model.predict(pd.DataFrame({"smiles": ["CCO", "C1CC", "c1ccccc1O"]}))
    assert served["size"].isna().tolist() == [False, True, False]
    assert served["size"].dropna().tolist() == pytest.approx([float(rows[i]["size"]) for i in (0, 2)], rel=1e-6)
    assert served["status"].tolist() == [r["status"] for r in rows]
    assert served["reason"].tolist() == [r["reason"] for r in rows]

    exported = cli("registry", "export", "size-model", "--version", 1, "--out", "size.zip")
    assert exported.code == 0, exported.err
    shutil.copy(database, tmp_path / "mine.db")
    uri = f"sqlite:///{tmp_path}/mine.db"
    imported = cli("registry", "import", "size.zip", "--uri", uri)
    assert imported.code == 0, imported.err
    moved = MlflowClient(uri, uri)
    tags = moved.get_model_version("size-model", "1").tags
    assert tags["drugml.origin_server"] == server.address
    assert tags["drugml.origin_run"] == run.info.run_id
    (copy,) = moved.search_runs([moved.get_experiment_by_name("small").experiment_id])
    assert (copy.data.metrics, copy.data.params) == (run.data.metrics, run.data.params)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert cli("predict", "models:/size-model@candidate", "new.csv", "--out", "again.csv").code == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_four_trainings_at_once_on_a_new_store_lose_nothing(
    where: str,
    request: pytest.FixtureRequest,
    small: Path,
    tmp_path: Path,
    process: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRUGML_CACHE", str(tmp_path / "cache"))  # else the database would be there to copy
    uri = f"sqlite:///{tmp_path}/new.db" if where == "sqlite" else request.getfixturevalue("server").address
    arguments = (
        "data.split=random",
        f"tracking.uri={uri}",
        "tracking.experiment=at-once",
        "tracking.register_as=at-once",
    )
    train = ("train", small, "--target", "size", "--model", "mean", *arguments)
    for one in [process(*train, f"tracking.run=run-{n}", cwd=tmp_path) for n in range(4)]:
        assert one.wait() == 0, one.errors
        assert "locked" not in one.errors

    client = MlflowClient(uri, uri)
    runs = client.search_runs([client.get_experiment_by_name("at-once").experiment_id])
    assert {r.info.run_name for r in runs} == {f"run-{n}" for n in range(4)}
    for run in runs:
        assert run.info.status == "FINISHED"
        folder = tmp_path / "runs/at-once" / run.info.run_id
        told = json.loads((folder / "metrics.json").read_text())
        assert {k: run.data.metrics[k] for k in told} == pytest.approx(told, nan_ok=True)
        assert run.data.params["tracking.run"] == run.info.run_name
        assert {f.path for f in client.list_artifacts(run.info.run_id)} >= {"config.yaml", "test_predictions.csv"}
    made = client.search_model_versions("name='at-once'")
    assert sorted(int(v.version) for v in made) == [1, 2, 3, 4]
    assert {v.run_id for v in made} == {r.info.run_id for r in runs}
    assert client.get_registered_model("at-once").aliases.keys() == {"candidate"}


@pytest.mark.parametrize(
    ("env", "arguments", "said"),
    [
        ({"HOST": "0.0.0.0"}, ["store"], "HOST=0.0.0.0 means every network of this machine: name one address"),
        ({"HOST": "::"}, ["store"], "HOST=:: means every network of this machine: name one address"),
        ({"HOST": "0"}, ["store"], "HOST=0 means every network of this machine: name one address"),
        ({"HOST": "192.0.2.1"}, ["store"], "HOST=192.0.2.1 answers other machines, and anyone there could change runs"),
        ({"HOST": "256.1.1.1"}, ["store"], "HOST=256.1.1.1 is no address of this machine"),
        ({"MLFLOW_BACKEND_STORE_URI": "sqlite:///x.db"}, ["store"], "MLFLOW_BACKEND_STORE_URI is not set to "),
        ({"MLFLOW_UVICORN_OPTS": "--host 0.0.0.0"}, ["store"], "MLFLOW_UVICORN_OPTS and MLFLOW_GUNICORN_OPTS can open"),
        ({}, ["store", "--host=0.0.0.0"], "expected one argument, the artifact root"),
        ({}, [], "expected one argument, the artifact root"),
    ],
)  # fmt: skip
def test_a_server_that_everybody_could_reach_is_refused(
    env: dict[str, str], arguments: list[str], said: str, tmp_path: Path
) -> None:
    given = {"MLFLOW_BACKEND_STORE_URI": "postgresql://u@/d?host=/nowhere", "PYTHON": sys.executable, **env}
    done = subprocess.run(
        [TEAM_SERVER, *arguments],
        env={**os.environ, **given},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"team_server.sh: {said}")
