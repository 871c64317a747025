"""Shared by all tests: a cache of their own, a ready MLflow database to copy, and the command line in this process."""

import csv
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several processes on the same cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import drugml.tracking as _  # noqa: F401  before MLflow is imported anywhere

settings.register_profile("drugml", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("drugml")

os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # nothing here may need it
ROOT = Path(__file__).parents[1]
SMILES = (ROOT / "tests/data/molecules.smi").read_text().split()
"""60 molecules, all different."""


class Output(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    os.environ["DRUGML_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds, a copy none."""
    from drugml.tracking.store import connect

    folder = tmp_path_factory.mktemp("database")
    connect(f"sqlite:///{folder}/mlflow.db")
    return folder / "mlflow.db"


@pytest.fixture
def place(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an MLflow database, where the test stands."""
    shutil.copy(database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Cli = Callable[..., Output]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`drugml ARGS` in this process."""
    from drugml.cli.main import main

    def run(*args: object) -> Output:
        monkeypatch.setattr(sys, "argv", ["drugml", *map(str, args)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        logging.getLogger("drugml").handlers.clear()  # they write to a stream that ends with this test
        return Output(code, *capsys.readouterr())

    return run


def drugml_process(*args: object, cwd: Path) -> "subprocess.Popen[str]":
    """`drugml ARGS` in a process of its own, in its own group."""
    command = [sys.executable, "-c", "from drugml.cli.main import main; main()", *map(str, args)]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that are ended with the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """60 molecules with a number (atoms + 0.1 × position) and a class (has a ring)."""
    rows = [(s, round(len(s) * 0.5 + 0.01 * i, 4), int("1" in s)) for i, s in enumerate(SMILES)]
    return write_csv(tmp_path / "small.csv", ["smiles", "size", "ring"], rows)


QUICK = ("model.hidden_dim=16", "head.hidden_dim=16", "train.epochs=2", "train.batch_size=16", "data.split=random")
"""Overrides for a training run of a second."""


OPTIONS = ("--target", "size", "model.hidden_dim=64", "model.dropout=0.2", "head.hidden_dim=16", "train.batch_size=8",
           "data.split=random", "train.deterministic=true", "train.epochs=6", "train.patience=6")  # fmt: skip


@pytest.fixture
def slow(place: Path) -> Path:
    """Enough molecules that an epoch takes a noticeable time."""
    chains = [m for m in SMILES if m[0] in "Cc" and m[1:2] != "l"]
    rows = [(f"{'C' * (n + 1)}{m}", len(m) + 0.1 * n) for n in range(6) for m in chains]
    return write_csv(place / "slow.csv", ["smiles", "size"], rows)


def wait_for(process: "subprocess.Popen[str]", text: str) -> str:
    """Read stderr until a line holds `text`."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small D-MPNN of two targets."""
    from tests.test_predict import make_bundle

    return make_bundle(tmp_path_factory.mktemp("dmpnn"), "dmpnn")


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle of a forest of the same targets."""
    from tests.test_predict import make_bundle

    return make_bundle(tmp_path_factory.mktemp("forest"), "forest")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """300 rows of good and bad molecules."""
    from tests.pieces import table_of_many

    return table_of_many(tmp_path / "in.csv")


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions in pieces of 64 rows."""
    from drugml.prediction.predictor import ON_CPU
    from drugml.runs.predict import stream

    monkeypatch.setattr(stream, "CHUNK", ON_CPU)


@pytest.fixture
def files(place: Path, small: Path) -> Path:
    """A folder with a table, a run config and a search."""
    from tests.searches import RUN, SEARCH

    (place / "run.yaml").write_text(RUN)
    (place / "search.yaml").write_text(SEARCH)
    return place
