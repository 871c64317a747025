"""A real MLflow server: what `drugml` records there can be found and used from there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from drugml.tracking.store import MlflowClient, mlflow
from tests.conftest import QUICK, Cli, read_csv, write_csv
from tests.servers import mlflow_process


class Server(NamedTuple):
    address: str
    store: Path
    """Where it keeps artifacts."""


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server with a database and an artifact store of its own; the test stands elsewhere and knows its address."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(database.read_bytes())
    store = folder / "store"
    options = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(store))
    monkeypatch.chdir(tmp_path)
    with mlflow_process("server", folder, *options) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield Server(address, store)


def test_a_run_on_a_server_is_complete_and_its_model_is_used_from_there(
    server: Server, cli: Cli, small: Path, tmp_path: Path
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
