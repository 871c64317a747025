"""One tracked run: parameters, curves, summaries and files, and an end that tells the truth."""

import getpass
import json
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drugml.errors import Stopped, UserError
from drugml.tracking.store import Store

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip

log = logging.getLogger(__name__)
KIND = "drugml.kind"
"""Tag that says what a run is: one of the next five."""
TRAIN, CV, FOLD, MEMBER, COMPARE = "train", "cv", "fold", "member", "comparison"
VERBS = {
    TRAIN: "drugml train",
    CV: "drugml cv",
    FOLD: "drugml cv",
    MEMBER: "drugml train",
    COMPARE: "drugml compare",
}
NESTED = (FOLD, MEMBER)
"""Kinds of runs that are part of another."""
PARENT = "mlflow.parentRunId"


class TrackedRun:
    """Writes to one MLflow run in few, large calls."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store, self.run_id = store, run_id
        self._complained = False

    def params(self, config: Mapping[str, Any]) -> None:
        """The resolved config, flattened to `train.lr`; values as they stand in its JSON."""
        flat = [Param(k, _text(v)[:6000]) for k, v in flatten(config).items()]
        for i in range(0, len(flat), 100):
            self.store.client.log_batch(self.run_id, params=flat[i : i + 100])

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set or replace tags."""
        self.store.client.log_batch(self.run_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics; names are made legal for MLflow."""
        now = int(time.time() * 1000)
        rows = [Metric(metric_key(k), float(v), now, step) for k, v in metrics.items()]
        for i in range(0, len(rows), 1000):
            self.store.client.log_batch(self.run_id, metrics=rows[i : i + 1000])

    def curve(self, metrics: Mapping[str, float], step: int) -> None:
        """Log an epoch. A failure is said once and does not stop training; the run folder has all epochs."""
        try:
            self.metrics(metrics, step)
        except (MlflowException, OSError) as error:
            if not self._complained:
                log.warning("MLflow: epoch %d could not be logged (%s); training goes on", step, error)
            self._complained = True

    def logged_steps(self, name: str) -> set[int]:
        """Steps at which a metric was logged."""
        return {m.step for m in self.store.client.get_metric_history(self.run_id, metric_key(name))}

    def dataset(self, name: str, digest: str, source: str) -> None:
        """Record what the run was trained on."""
        data = Dataset(name=name, digest=digest[:36], source_type="local", source=json.dumps({"uri": source}))
        tags = [InputTag("mlflow.data.context", "train")]
        self.store.client.log_inputs(self.run_id, [DatasetInput(data, tags)])

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        self.store.client.log_artifact(self.run_id, str(path), folder)


@contextmanager
def tracked(store: Store, run_id: str) -> Iterator[TrackedRun]:
    """Keep the status of a run true: RUNNING, then FINISHED, KILLED if stopped from outside, or FAILED."""
    client = store.client
    client.update_run(run_id, status="RUNNING")
    run = TrackedRun(store, run_id)
    try:
        yield run
    except (Stopped, KeyboardInterrupt, SystemExit):
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        raise
    except BaseException as error:
        try:
            client.set_tag(run_id, "drugml.error", str(error)[:5000])
            if not isinstance(error, UserError):
                client.log_text(run_id, traceback.format_exc(), "error.txt")
        finally:
            client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))


def start(store: Store, experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """Create a run, return its id; its tags hold its kind."""
    verb = VERBS[tags[KIND]]
    shown = {"mlflow.user": user(), "mlflow.source.name": verb, "mlflow.source.type": "LOCAL"}
    created = store.client.create_run(store.experiment(experiment), run_name=name, tags={**shown, **tags})
    return str(created.info.run_id)


def user() -> str:
    """Login name; containers may have none."""
    try:
        return re.sub(r"['`]", "_", getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "unknown"


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections to dotted keys."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            out |= flatten(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def metric_key(name: str) -> str:
    """A name that MLflow accepts; `logD@7.4` becomes `logD_7.4`."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _text(value: Any) -> str:
    return "null" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
