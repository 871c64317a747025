"""A first run copies MLflow's database: the tables are MLflow's own, whatever becomes of the copy."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from drugml.tracking import template
from drugml.tracking.store import connect


@pytest.fixture(scope="module")
def made() -> bytes:
    """An empty database; making one takes seconds."""
    return template._made()


@pytest.fixture
def cache(made: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, for what was made already."""
    monkeypatch.setenv("DRUGML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(template, "_made", lambda: made)
    return tmp_path / "cache" / "mlflow"


def held(database: Path) -> dict[str, list[object]]:
    """The rows of every table, and what defines it; MLflow writes constraints down in an order that changes."""
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        parts = opened.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        tables = [name for kind, name, _ in parts if kind == "table"]
        rows = {name: opened.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    said = [(*part, sorted(line.strip(" \t,") for line in (sql or "").splitlines())) for *part, sql in parts]
    return {**rows, "definitions": said}


def test_a_copy_has_the_tables_that_mlflow_makes(cache: Path, tmp_path: Path) -> None:
    for name in ("first.db", "second.db"):
        template.begin(tmp_path / name)
    assert (tmp_path / "first.db").read_bytes() == (tmp_path / "second.db").read_bytes()
    MlflowClient(f"sqlite:///{tmp_path}/own.db", "").search_experiments()
    found, own = held(tmp_path / "first.db"), held(tmp_path / "own.db")
    assert len(found["definitions"]) > 100
    assert len(found["alembic_version"]) == 1
    assert len(own["experiments"]) == 1  # it keeps the place of its files, and is made where it is missing
    assert found == {**own, "experiments": []}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "first.db", "own.db", "second.db"]
    assert len([*cache.iterdir()]) == 1


def test_experiments_keep_their_files_beside_the_database(cache: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        store = connect(f"sqlite:///{tmp_path}/{name}/mlflow.db")
        made = store.client.get_experiment(store.experiment("mine"))
        assert made.artifact_location == (tmp_path / name / "mlartifacts/mine").as_uri()
        assert {e.name for e in store.client.search_experiments()} == {"mine", "Default"}
    assert len([*cache.iterdir()]) == 1


def test_a_damaged_copy_is_made_anew(cache: Path, tmp_path: Path, made: bytes) -> None:
    template.begin(tmp_path / "first.db")
    (kept,) = cache.iterdir()
    for damaged in (made[:5000], made[:5000] + bytes([made[5000] ^ 1]) + made[5001:], b""):
        kept.write_bytes(damaged)
        (tmp_path / "first.db").unlink()
        template.begin(tmp_path / "first.db")
        assert (tmp_path / "first.db").read_bytes() == kept.read_bytes() == made


def test_other_versions_have_copies_of_their_own(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template.begin(tmp_path / "first.db")
    (kept,) = cache.iterdir()
    monkeypatch.setattr(template, "version", lambda package: "1.2.3")
    template.begin(tmp_path / "second.db")
    (other,) = {*cache.iterdir()} - {kept}
    assert other.name.rpartition("-")[0] == "mlflow1.2.3-sqlalchemy1.2.3-alembic1.2.3"


def test_where_nothing_can_be_kept_or_copied_a_run_begins_all_the_same(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bytes
) -> None:
    (tmp_path / "cache").touch()  # a file where a folder should be
    template.begin(tmp_path / "first.db")
    assert (tmp_path / "first.db").read_bytes() == made

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert connect(f"sqlite:///{tmp_path}/mlflow.db").client.search_experiments()
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".") and p.suffix != ".lock"] == []


def test_a_database_that_is_there_is_left_alone(cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "mlflow.db"
    other.write_bytes(b"of another program, which was faster")
    template.begin(other)
    assert other.read_bytes() == b"of another program, which was faster"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "mlflow.db"]
