"""Shared by all tests: a cache of their own, a ready MLflow database to copy, and the command line in this process."""

import csv
import io
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several processes on the same cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import drugml.tracking as _  # noqa: F401  before MLflow is imported anywhere
from tests.processes import Drugml, import_ahead

settings.register_profile("drugml", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("drugml")

SHM = Path("/dev/shm")
"""Files in memory."""
ROOM = 4_000_000_000
"""Bytes; more than all tests together write."""
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # nothing here may need it
if SHM.is_dir() and os.access(SHM, os.W_OK) and shutil.disk_usage(SHM).free > ROOM:
    # a run is dozens of entries in a database, for each of which a disk is waited for
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(SHM))
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
    if "PYTEST_XDIST_WORKER" in os.environ:  # of the whole suite many tests start processes
        import_ahead()
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_signals() -> Iterator[None]:
    """Commands that are called in the process of the tests leave its signals alone; those of their own do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drugml.cli.main.route", lambda: None)
        yield


Start = Callable[..., Drugml]


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


def drugml(*args: object) -> Output:
    """`drugml ARGS` in this process, in whatever folder it stands."""
    from drugml.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["drugml", *map(str, args)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            logging.getLogger("drugml").handlers.clear()  # they write to a stream that ends here
    return Output(code, out.getvalue(), err.getvalue())


@pytest.fixture
def cli() -> Cli:
    """`drugml ARGS` in this process."""
    return drugml


@pytest.fixture
def process() -> Iterator[Callable[..., Drugml]]:
    """Starts `drugml ARGS` in a process of its own, which ends with the test."""
    started: list[Drugml] = []

    def start(*args: object, **options: Any) -> Drugml:
        started.append(Drugml(*args, **options))
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table_of_sixty(folder: Path) -> Path:
    """60 molecules with a number (atoms + 0.1 × position) and a class (has a ring)."""
    rows = [(s, round(len(s) * 0.5 + 0.01 * i, 4), int("1" in s)) for i, s in enumerate(SMILES)]
    return write_csv(folder / "small.csv", ["smiles", "size", "ring"], rows)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The table of 60 molecules."""
    return table_of_sixty(tmp_path)


QUICK = ("model.hidden_dim=16", "head.hidden_dim=16", "train.epochs=2", "train.batch_size=16", "data.split=random")
"""Overrides for a training run of a second."""


OPTIONS = ("--target", "size", "model.hidden_dim=64", "model.dropout=0.2", "head.hidden_dim=16", "train.batch_size=8",
           "data.split=random", "train.deterministic=true", "train.epochs=6", "train.patience=6")  # fmt: skip


def table_of_chains(folder: Path) -> Path:
    """Enough molecules that an epoch takes a noticeable time."""
    chains = [m for m in SMILES if m[0] in "Cc" and m[1:2] != "l"]
    rows = [(f"{'C' * (n + 1)}{m}", len(m) + 0.1 * n) for n in range(6) for m in chains]
    return write_csv(folder / "slow.csv", ["smiles", "size"], rows)


@pytest.fixture
def slow(place: Path) -> Path:
    """The table of chains."""
    return table_of_chains(place)


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
