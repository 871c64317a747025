"""Entries of a run that another process sends at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from drugml.tracking.sending import Dataset, DatasetInput, MlflowException, log_inputs
from drugml.tracking.store import MlflowClient
from tests.postgres import postgres

ROW = text(
    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source) "
    "VALUES ('other', :experiment, 'small', 'abc', 'local', '{}')"
)
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def test_a_table_that_another_run_has_just_recorded_is_not_refused(tmp_path: Path) -> None:
    """MLflow looks before the other's transaction ends and adds the table after it."""
    with postgres() as plain, ThreadPoolExecutor(1) as pool:
        url = plain.replace("postgresql:", "postgresql+psycopg2:")
        client = MlflowClient(url)
        experiment = client.create_experiment("at-once", artifact_location=str(tmp_path))
        run_id = client.create_run(experiment).info.run_id
        given = [DatasetInput(Dataset("small", "abc", "local", "{}"), [])]
        engine = create_engine(url)
        with engine.begin() as other:
            other.execute(ROW, {"experiment": int(experiment)})
            sent = pool.submit(log_inputs, client, run_id, given)
            with engine.connect() as watch:
                for _ in range(600):
                    if sent.done() or watch.execute(WAITING).scalar():
                        break
                    time.sleep(0.05)
            assert not sent.done()
        sent.result(30)
        engine.dispose()
        (recorded,) = client.get_run(run_id).inputs.dataset_inputs
    assert (recorded.dataset.name, recorded.dataset.digest) == ("small", "abc")


def test_another_refusal_is_raised(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(MlflowException, match="not found"):
        log_inputs(client, "0" * 32, [DatasetInput(Dataset("small", "abc", "local", "{}"), [])])
