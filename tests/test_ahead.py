"""The database of a first run, made by another process."""

import sqlite3
from pathlib import Path

import pytest

from drugml.tracking.ahead import make_ready
from drugml.tracking.store import connect


def test_connecting_waits_for_the_database_that_is_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    process = make_ready(None)
    assert process is not None
    store = connect(None)  # at the same time
    assert store.experiment("first") == "1"
    assert process.wait(60) == 0
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert len(database.execute("select version_num from alembic_version").fetchall()) == 1
    assert make_ready(None) is None  # nothing to make any more


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "postgresql://host/db"])
def test_only_a_local_file_is_made(uri: str) -> None:
    assert make_ready(uri) is None


def test_where_it_cannot_be_made_connecting_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = make_ready(f"sqlite:///{tmp_path}/file/mlflow.db")
    assert process is not None
    assert process.wait(60) != 0
