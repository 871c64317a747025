"""`drugml runs list`: the table of what was run, read from a real MLflow page by page."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import Metric, Param

from drugml.cli import runs
from drugml.errors import UserError
from drugml.runs.listing import listed
from drugml.tracking import find
from drugml.tracking.run import start
from drugml.tracking.store import Store, connect

RMSE = {"test/rmse": 0.91234, "test/rmse_sd": 0.0512, "test/rmse_low": 0.85, "test/rmse_high": 0.975}


@pytest.fixture
def store(place: Path) -> Store:
    return connect(f"sqlite:///{place}/mlflow.db")


def record(store: Store, experiment: str, name: str, kind: str, metrics: dict[str, float], **tags: str) -> str:
    """A finished run, as it is logged by the commands."""
    more = {f"drugml.{k}": v for k, v in tags.items()}
    run_id = start(store, experiment, name, {"drugml.kind": kind, **more})
    logged = [Metric(k, v, int(time.time() * 1000), 0) for k, v in metrics.items()]
    store.client.log_batch(run_id, logged, [Param("task.kind", "regression")])
    store.client.set_terminated(run_id)
    return run_id


def test_runs_are_listed_with_score_and_verdict_and_the_newest_first(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    train = record(store, "logs", "forest", "train", {"test/rmse": 1.5, "test/mae": 1.0}, verdict="best of 2 by rmse")
    cv = record(store, "logs", "gine cv", "cv", RMSE)
    record(store, "logs", "gine r1f1", "fold", {"test/rmse": 1.0})
    store.client.create_run("0")  # of another program
    compared = record(store, "other", "comparison of 2", "comparison", {})
    store.client.set_tag(compared, "mlflow.note.content", "a has the best rmse; b is worse.\n\nSee comparison.html")
    running = start(store, "other", "dmpnn", {"drugml.kind": "train"})
    runs.list_()
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "experiment", "name", "kind", "status", "started", "test", "metric", "verdict"]
    assert [line.split()[0] for line in lines] == [r[:8] for r in (running, compared, cv, train)]
    assert [" ".join(line.split()) for line in lines] == [
        f"{running[:8]} other dmpnn train RUNNING {day(store, running)}",
        f"{compared[:8]} other comparison of 2 comparison FINISHED {day(store, compared)} "
        "a has the best rmse; b is worse",
        f"{cv[:8]} logs gine cv cv FINISHED {day(store, cv)} rmse 0.9123 ± 0.051 (0.85 to 0.975)",
        f"{train[:8]} logs forest train FINISHED {day(store, train)} rmse 1.5 best of 2 by rmse",
    ]
    runs.list_(experiment="logs", kind="cv")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [cv[:8]]
    runs.list_(experiment="logs", kind="comparison")
    assert capsys.readouterr().out == "no runs found\n"


def day(store: Store, run_id: str) -> str:
    started = store.client.get_run(run_id).info.start_time / 1000
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(started))


def test_all_pages_are_read_up_to_the_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [record(store, "many", f"run {i}", "train", {"test/rmse": float(i)}) for i in range(25)]
    monkeypatch.setattr(find, "PAGE", 7)
    assert [r.run_id for r in listed("many", None, 100, store.uri).runs] == ids[::-1]
    assert [r.run_id for r in listed("many", None, 14, store.uri).runs] == ids[:-15:-1]
    assert [r.run_id for r in listed("many", None, 15, store.uri).runs] == ids[:-16:-1]


def test_what_is_not_there_is_named(store: Store) -> None:
    record(store, "logs", "forest", "train", {})
    for arguments, said in (
        (("log", None, 20), f"there is no experiment 'log' in {store.uri}; did you mean 'logs'?"),
        (("logs", "cvs", 20), "--kind 'cvs': there is no such kind of run; did you mean 'cv'?"),
        (
            ("logs", "fold", 20),
            "--kind 'fold': there is no such kind of run; choose from: train, cv, tune, comparison, import",
        ),
        (("logs", "cv", 0), "--limit 0: expected 1 or more"),
    ):
        with pytest.raises(UserError) as error:
            listed(*arguments, store.uri)
        assert str(error.value) == said


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    run_id = record(store, "logs", "forest", "train", {})
    assert find.lookup(store, run_id[:8]).run_id == run_id
    nothing = "0" * 8 if run_id[0] != "0" else "f" * 8
    with pytest.raises(UserError, match=f"run '{nothing}': not found in sqlite"):
        find.lookup(store, nothing)


def test_a_beginning_of_two_ids_is_refused(store: Store, place: Path) -> None:
    one, two = (record(store, "logs", "forest", "train", {}) for _ in range(2))
    near = one[:8] + two[8:]  # ids are drawn by MLflow; two that begin alike must be made by hand
    with closing(sqlite3.connect(place / "mlflow.db")) as database, database:
        for table in ("runs", "tags", "params"):
            database.execute(f"UPDATE {table} SET run_uuid = ? WHERE run_uuid = ?", (near, two))
    with pytest.raises(UserError) as error:
        find.lookup(store, one[:8])
    ids = sorted((one, near), key=lambda i: i != one)
    assert str(error.value) == f"run '{one[:8]}': 2 runs begin so ({ids[0][:12]}, {ids[1][:12]}); write more of it"
    assert find.lookup(store, near).run_id == near
