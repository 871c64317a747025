"""Predictions on a Ray cluster are those of this machine, whoever dies on the way."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from drugml.errors import UserError
from drugml.prediction.versions import processor, relevant
from drugml.runs.predict import cluster, predict
from drugml.runs.predict.cluster import check_alike
from drugml.runs.predict.engines import Local, Ray
from tests.conftest import Cli, Start, write_csv
from tests.pieces import POOL

installed = pytest.mark.skipif(find_spec("ray") is None, reason="Ray, an optional extra, is not installed")
pytestmark = pytest.mark.usefixtures("small_pieces")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two CPUs on loopback."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray")  # paths of Unix sockets are short
    start = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    command = [sys.executable, "-m", "ray.scripts.scripts", *start, f"--temp-dir={folder}", "--disable-usage-stats"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listens on loopback only
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        head = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in head.stdout or []:
                if "block forever" in line:
                    break
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()  # it ends what it started
            head.communicate(timeout=60)
            shutil.rmtree(folder, ignore_errors=True)


def stations() -> list[int]:
    """Ids of Ray's worker processes of this test."""
    names = ((p.name, p / "cmdline") for p in Path("/proc").iterdir() if p.name.isdigit())
    return [int(name) for name, path in names if _read(path).startswith("ray::Station")]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@installed
def test_a_killed_worker_loses_nothing(bundle: Path, tmp_path: Path, address: str) -> None:
    source = write_csv(tmp_path / "in.csv", ["id", "SMILES"], [(i, POOL[i * 7 % len(POOL)]) for i in range(1500)])
    here = predict([str(bundle)], [str(source)], tmp_path / "here.csv", engine=Local(0))
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done >= 128 and not killed:
            killed.append(stations()[0])
            os.kill(killed[0], signal.SIGKILL)

    engine = Ray(2, address=address)
    there = predict([str(bundle)], [str(source)], tmp_path / "there.csv", engine=engine, progress=kill_one)
    assert killed
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert there.summary() == here.summary().replace("here.", "there.")
    deadline = time.monotonic() + 60
    while stations() and time.monotonic() < deadline:  # they end with the job
        time.sleep(0.1)
    assert not stations()


@installed
def test_a_job_goes_on_with_another_engine(bundle: Path, many: Path, tmp_path: Path, address: str) -> None:
    predict([str(bundle)], [str(many)], tmp_path / "whole.parquet", engine=Local(0))

    def stop(done: int, total: int) -> None:
        if done >= 128:
            raise KeyboardInterrupt

    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        predict([str(bundle)], [str(many)], out, engine=Ray(1, address=address), progress=stop)
    seen: list[int] = []
    predict([str(bundle)], [str(many)], out, resume=True, engine=Local(0), progress=lambda done, _: seen.append(done))
    assert seen[0] == 128
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@installed
def test_a_fault_of_the_whole_job_is_told_as_here(bundle: Path, tmp_path: Path, address: str) -> None:
    source = write_csv(tmp_path / "in.csv", ["SMILES"], [["CCO"], ["junk"], ["CCC"]])
    for engine in (Local(1, 1e-6), Ray(1, 1e-6, address)):
        with pytest.raises(UserError, match=r"molecules fail one after the other, .*: took more than 1e-05 s"):
            predict([str(bundle)], [str(source)], tmp_path / "out.csv", engine=engine)


@installed
def test_from_the_command_line_on_this_machine_alone(bundle: Path, many: Path, tmp_path: Path, process: Start) -> None:
    predict([str(bundle)], [str(many)], tmp_path / "here.csv", engine=Local(0))
    done = process("predict", bundle, many, "--out", "out.csv", "--engine", "ray", "--workers", 1, cwd=tmp_path)
    assert done.wait() == 0, done.errors
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


@installed
def test_more_workers_than_the_cluster_has(bundle: Path, many: Path, tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError) as error:
        predict([str(bundle)], [str(many)], tmp_path / "out.csv", engine=Ray(3, address=address))
    assert str(error.value) == ("--workers 3: the Ray cluster has 2 CPUs; expected at most one worker for each")


def test_machines_with_other_versions_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    same = {**relevant(), "device": processor(), "machine": "node1"}
    check_alike([same])
    with pytest.raises(UserError) as error:
        check_alike([same, {**same, "machine": "node2", "rdkit": "2020.1"}])
    assert str(error.value) == (
        f"node2: a machine of the cluster would give other numbers: rdkit {relevant()['rdkit']} here, 2020.1 there. "
        "Install the same versions on all machines"
    )
    check_alike([{**same, "device": "ALTIVEC"}])
    assert caplog.messages == [
        f"node1: another processor: device {processor()} here, ALTIVEC there; the last digits may differ"
    ]


def test_no_cluster_at_the_address(bundle: Path, many: Path, tmp_path: Path, cli: Cli) -> None:
    pytest.importorskip("ray", reason="Ray, an optional extra, is not installed")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        there = f"127.0.0.1:{s.getsockname()[1]}"
        done = cli("predict", bundle, many, "--out", tmp_path / "o.csv", "--engine", "ray", "--address", there)
    assert done.code == 2
    assert f"--address {there}: no Ray cluster answers there: [Errno 111] Connection refused" in done.err
    done = cli("predict", bundle, many, "--out", tmp_path / "o.csv", "--engine", "ray", "--address", "head")
    assert "--address head: expected HOST:PORT of the head of a Ray cluster" in done.err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--engine", "spark"], "--engine spark: no such engine; expected local or ray"),
        (["--address", "head:1"], "--address head:1: is of a Ray cluster; add --engine ray"),
        (
            ["--engine", "ray", "--workers", "0"],
            "--workers 0: works in this process; Ray needs at least one worker",
        ),
    ],
)
def test_options_that_do_not_fit(
    bundle: Path, many: Path, tmp_path: Path, cli: Cli, options: list[str], text: str
) -> None:
    done = cli("predict", bundle, many, "--out", tmp_path / "out.csv", *options)
    assert done.code == 2
    assert text in done.err


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what import finds where it is not installed
    with pytest.raises(UserError) as error:
        cluster.connect(None, 1)
    assert str(error.value) == "--engine ray: Ray is not installed; install it with: pip install 'drugml[ray]'"
