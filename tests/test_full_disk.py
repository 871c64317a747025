"""A disk that is full in the middle of a run: that of the run folder, and that of the artifact store."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from drugml.errors import UserError
from drugml.runs.train import resume, train
from drugml.training.listener import Silent
from tests.conftest import Cli
from tests.test_recording import At, check_complete, config

Disk = Callable[[str], Path]


@pytest.fixture
def disk(place: Path) -> Iterator[Disk]:
    """A file system of 16 MB of its own in a folder of the working folder."""
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        folder = place / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount command, a small disk cannot be made")
        if done.returncode:
            pytest.skip(f"a small disk cannot be made here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte."""
    file = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    size = 1 << 20
    try:
        while size:
            try:
                os.write(file, b"\0" * size)
            except OSError:
                size //= 2
    finally:
        os.close(file)


def test_a_full_disk_ends_the_run_and_leaves_the_last_good_checkpoint(place: Path, disk: Disk) -> None:
    runs = disk("runs")
    with pytest.raises(UserError) as told:
        train(config(place), At(epoch3=lambda: fill(runs)))
    (folder,) = (runs / "small").iterdir()
    assert str(told.value) == (
        f"{folder}: cannot be written: No space left on device; make room and go on with: "
        f"drugml train --resume {folder.name}"
    )
    uri = f"sqlite:///{place}/mlflow.db"
    client = MlflowClient(uri, uri)
    assert client.get_run(folder.name).info.status == "FAILED"
    assert "No space left" in client.get_run(folder.name).data.tags["drugml.error"]
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 2
    assert not list(folder.glob("*.part"))

    (runs / "filler").unlink()
    done = resume(folder.name, Silent())
    check_complete(client, done, "1")
    whole = train(config(place, folder=str(place / "other")), Silent())
    weights = [(r.folder / "bundle/model.safetensors").read_bytes() for r in (done, whole)]
    assert weights[0] == weights[1]


def test_a_full_artifact_store_does_not_stop_training(place: Path, disk: Disk, cli: Cli) -> None:
    store = disk("mlartifacts")
    done = train(config(place), At(epoch3=lambda: fill(store)))
    assert done.unsent > 0
    assert done.version is None
    again = cli("sync")
    assert again.code == 3
    assert f"run {done.run_id}: 0 entries sent, {done.unsent} are left: [Errno 28] No space left on device" in again.out
    (store / "filler").unlink()
    assert cli("sync").code == 0
    uri = f"sqlite:///{place}/mlflow.db"
    check_complete(MlflowClient(uri, uri), done, "1")
