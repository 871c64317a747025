"""A run as plain values and files, taken from one store and put into another."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drugml.tracking.run import PARENT, user
from drugml.tracking.sending import log_inputs
from drugml.tracking.store import Store

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus  # isort: skip

ORIGIN = "drugml.origin_"
"""Prefix of tags that say where an imported run or version came from."""
ORIGIN_RUN = f"{ORIGIN}run"
FILES = "artifacts"
LOCAL = (PARENT, "mlflow.runName", "drugml.folder", "drugml.comparison")
"""Tags that mean nothing in another store."""


def taken(store: Store, run_id: str, folder: Path) -> dict[str, Any]:
    """A run as plain values; its files go below `folder`."""
    client = store.client
    run = client.get_run(run_id)
    files = folder / FILES
    files.mkdir()
    client.download_artifacts(run_id, "", str(files))
    return {
        "name": run.info.run_name,
        "experiment": client.get_experiment(run.info.experiment_id).name,
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        # as text: JSON has no NaN
        "metrics": [
            [m.key, repr(m.value), m.timestamp, m.step]
            for key in sorted(run.data.metrics)
            for m in client.get_metric_history(run_id, key)
        ],
        "datasets": [
            {"dataset": dict(d.dataset), "tags": {t.key: t.value for t in d.tags}} for d in run.inputs.dataset_inputs
        ],
    }


def put(store: Store, run: Mapping[str, Any], folder: Path, origin: Mapping[str, str]) -> str:
    """Record a run that was taken, with its files from `folder`; returns its id here.

    It stays RUNNING until `complete`.
    """
    client = store.client
    tags = {k: v for k, v in run["tags"].items() if k not in LOCAL} | dict(origin)
    tags |= {
        "drugml.imported_by": user(),
        "drugml.imported_at": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
    }
    experiment = store.experiment(run["experiment"])
    made = client.create_run(experiment, start_time=run["start"], tags=tags, run_name=run["name"])
    run_id = str(made.info.run_id)
    try:
        params = [Param(k, v) for k, v in run["params"].items()]
        for i in range(0, len(params), 100):
            client.log_batch(run_id, params=params[i : i + 100])
        metrics = [Metric(k, float(v), at, step) for k, v, at, step in run["metrics"]]
        for i in range(0, len(metrics), 1000):
            client.log_batch(run_id, metrics=metrics[i : i + 1000])
        inputs = [
            DatasetInput(Dataset(**d["dataset"]), [InputTag(k, v) for k, v in d["tags"].items()])
            for d in run["datasets"]
        ]
        if inputs:
            log_inputs(client, run_id, inputs)
        client.log_artifacts(run_id, str(folder / FILES))
    except BaseException:
        failed(store, run_id)
        raise
    return run_id


def complete(store: Store, run_id: str, run: Mapping[str, Any]) -> None:
    """Give a run that was put the end that it had."""
    store.client.set_terminated(run_id, run["status"], run["end"])


def failed(store: Store, run_id: str) -> None:
    """Say that putting a run did not come to its end."""
    store.client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))


def here_already(store: Store, origin_run: str) -> str | None:
    """Id of the run in this store that is that run, or was completely imported from it."""
    experiments, token = [], None
    while True:
        page = store.client.search_experiments(page_token=token)
        experiments += [e.experiment_id for e in page]
        if not (token := page.token):
            break
    for query in (
        f"attributes.run_id = '{origin_run}'",
        f"tags.`{ORIGIN_RUN}` = '{origin_run}' AND attributes.status = 'FINISHED'",
    ):
        if found := store.client.search_runs(experiments, query, max_results=1):
            return str(found[0].info.run_id)
    return None


def write(values: Mapping[str, Any], path: Path) -> None:
    """Plain values as a file."""
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")
