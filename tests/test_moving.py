"""`drugml registry export` and `import`: a version arrives with all of its run, and is used and promoted there."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.conftest import QUICK, SMILES, Cli, write_csv


def client(folder: Path) -> MlflowClient:
    uri = f"sqlite:///{folder}/mlflow.db"
    return MlflowClient(uri, uri)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    """A folder with a store in which a model was trained and promoted, and its archive."""
    from drugml.cli.main import app

    folder = tmp_path_factory.mktemp("there")
    shutil.copy(database, folder / "mlflow.db")
    write_csv(folder / "t.csv", ["smiles", "y"], [(s, len(s)) for s in SMILES])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            ["train", "t.csv", "--target", "y", *QUICK],
            ["registry", "promote", "t-y"],
            ["registry", "export", "t-y", "--out", "t.zip"],
        ):
            app(command, standalone_mode=False)
    return folder


def history(at: MlflowClient, run_id: str) -> dict[str, list[tuple[Any, ...]]]:
    keys = at.get_run(run_id).data.metrics
    return {k: [(m.value, m.step, m.timestamp) for m in at.get_metric_history(run_id, k)] for k in keys}


def files(at: MlflowClient, run_id: str, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    at.download_artifacts(run_id, "", str(folder))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_version_arrives_with_its_run_and_is_promoted_and_used(
    there: Path, place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cli("registry", "import", there / "t.zip", "--name", "theirs")
    assert done.code == 0, done.err
    a, b = client(there), client(place)
    old = a.get_run(a.get_model_version("t-y", "1").run_id)
    version = b.get_model_version_by_alias("theirs", "candidate")
    new = b.get_run(version.run_id)
    assert done.out == f"models:/theirs/1 (alias candidate), run {new.info.run_id}; it was models:/t-y/1\n"
    for what in ("status", "run_name", "start_time", "end_time"):
        assert getattr(new.info, what) == getattr(old.info, what)
    assert b.get_experiment(new.info.experiment_id).name == "t"
    assert new.data.params == old.data.params
    assert history(b, new.info.run_id) == history(a, old.info.run_id)
    assert len(history(b, new.info.run_id)["train/loss"]) == 2
    assert [dict(d.dataset) for d in new.inputs.dataset_inputs] == [dict(d.dataset) for d in old.inputs.dataset_inputs]
    assert files(b, new.info.run_id, place / "b") == files(a, old.info.run_id, place / "a")

    kept = {k: v for k, v in old.data.tags.items() if k != "drugml.folder"}
    assert new.data.tags.items() >= kept.items()
    assert "drugml.folder" not in new.data.tags
    for tags in (new.data.tags, version.tags):
        assert tags["drugml.origin_server"] == f"sqlite:///{there}/mlflow.db"
        assert tags["drugml.origin_run"] == old.info.run_id
        assert tags["drugml.origin_version"] == "models:/t-y/1"
    before = a.get_model_version("t-y", "1").tags
    assert version.tags["drugml.data_hash"] == before["drugml.data_hash"]
    assert version.tags["drugml.origin_promoted_at"] == before["drugml.promoted_at"]
    assert "drugml.promoted_at" not in version.tags
    assert version.description == a.get_model_version("t-y", "1").description != ""
    (card,) = (there / "runs").rglob("model_card.md")
    assert cli("registry", "show", "theirs", "--card").out == card.read_text(encoding="utf-8")
    shown = [line.split() for line in cli("registry", "show", "theirs").out.splitlines()]
    assert ["origin", "run", old.info.run_id] in shown

    promoted = cli("registry", "promote", "theirs")
    assert promoted.code == 0, promoted.err
    for folder, model in ((there, "models:/t-y/1"), (place, "models:/theirs@champion")):
        monkeypatch.chdir(folder)
        assert cli("predict", model, there / "t.csv", "--out", place / f"{folder.name}.csv").code == 0
    assert (place / f"{there.name}.csv").read_bytes() == (place / f"{place.name}.csv").read_bytes()

    again = cli("registry", "import", there / "t.zip")
    assert again.code == 2
    assert again.err == f"error: {there}/t.zip: its run is here already: {new.info.run_id} (models:/theirs/1)\n"


def test_the_bundle_in_an_archive_is_that_of_the_run(there: Path, tmp_path: Path) -> None:
    """That such a folder predicts in a process where importing MLflow fails is shown in test_predict.py."""
    run = client(there).get_model_version("t-y", "1").run_id
    with zipfile.ZipFile(there / "t.zip") as archive:
        archive.extractall(tmp_path)
    for name in ("spec.json", "model.safetensors"):
        assert (tmp_path / "bundle" / name).read_bytes() == (there / f"runs/t/{run}/bundle" / name).read_bytes()


def test_what_cannot_be_moved_is_refused_and_leaves_nothing(there: Path, place: Path, cli: Cli) -> None:
    uri = f"sqlite:///{there}/mlflow.db"
    run = client(there).get_model_version("t-y", "1").run_id
    at_home = cli("registry", "import", there / "t.zip", "--uri", uri)
    assert at_home.err == f"error: {there}/t.zip: its run is here already: {run} (models:/t-y/1)\n"
    exists = cli("registry", "export", "t-y", "--out", there / "t.zip", "--uri", uri)
    assert exists.err == f"error: {there}/t.zip: exists already; name another file or remove it\n"

    with zipfile.ZipFile(there / "t.zip") as source, zipfile.ZipFile(place / "bad.zip", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:-1] + b"\0" if name == "bundle/model.safetensors" else data)
    refused = cli("registry", "import", "bad.zip")
    assert refused.code == 2
    assert refused.err.startswith(
        "error: bad.zip: was changed after it was written: bundle/model.safetensors has SHA-256"
    )
    assert not client(place).search_registered_models()
    assert not [e for e in client(place).search_experiments() if e.name == "t"]

    client(place).create_registered_model("x")
    client(place).create_model_version("x", str(place))
    foreign = cli("registry", "export", "x", "--version", 1, "--out", "x.zip")
    assert foreign.err == (
        "error: models:/x/1: was registered without a run; only versions made by drugml can be exported\n"
    )
    client(place).create_model_version("x", str(place), client(place).create_run("0").info.run_id)
    running = cli("registry", "export", "x", "--version", 2, "--out", "x.zip")
    assert "is RUNNING, not FINISHED; go on with it first" in running.err
    assert not (place / "x.zip").exists()
