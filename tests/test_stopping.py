"""Signals: they wait for a call to the store, so that none leaves a transaction open, and then stop the run."""

import os
import signal
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from drugml.errors import Stopped
from drugml.tracking.run import KIND, TRAIN, start, tracked
from drugml.tracking.stopping import stop_signals, unstopped
from drugml.tracking.store import connect


def test_a_signal_within_a_call_to_the_store_leaves_no_lock_behind(place: Path) -> None:
    store = connect(None)
    run_id = start(store, "e", "r", {KIND: TRAIN})

    def stop(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("INSERT INTO metrics"):
            os.kill(os.getpid(), signal.SIGTERM)

    def log() -> None:
        with stop_signals(), tracked(store, run_id, place) as run:
            run.metrics({"loss": 1.0})
            raise AssertionError("went on after the signal")

    event.listen(Engine, "before_cursor_execute", stop)
    try:
        with pytest.raises(Stopped):
            log()
    finally:
        event.remove(Engine, "before_cursor_execute", stop)
    uri = f"sqlite:///{place}/mlflow.db"
    found = MlflowClient(uri, uri).get_run(run_id)
    assert found.info.status == "KILLED"
    assert found.data.metrics == {"loss": 1.0}  # the call was finished first


def test_a_signal_waits_for_the_end_and_a_second_one_does_not() -> None:
    reached = []

    def once() -> None:
        with stop_signals(), unstopped():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("behind the first")
            with unstopped():
                reached.append("deeper")
            reached.append("still within")

    def twice() -> None:
        with stop_signals(), unstopped():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second one waits as well")

    with pytest.raises(Stopped) as stopped:
        once()
    assert stopped.value.exit_code == 143
    assert reached == ["behind the first", "deeper", "still within"]
    with pytest.raises(Stopped):
        twice()
    with stop_signals(), unstopped():
        pass  # nothing is left of what came before
