"""Entries of a run as calls to the store. Each may be sent again: a second time changes nothing."""

import re
from pathlib import Path
from typing import Any

from drugml.errors import UserError
from drugml.prediction.spec import BundleSpec
from drugml.tracking.brief import CALL, UPLOAD, brief, why
from drugml.tracking.journal import Entry
from drugml.tracking.models import About, Version, registered
from drugml.tracking.store import Store

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip
from sqlalchemy.exc import SQLAlchemyError  # isort: skip

METRICS, PARAMS, TAGS, DATASET, FILE, MODEL, STATUS = "metrics", "params", "tags", "dataset", "file", "model", "status"
"""Kinds of entries: the one key of each."""
AT_ONCE = {METRICS: 1000, PARAMS: 100, TAGS: 100}
"""Rows that MLflow takes in one call."""
FAULTS = (MlflowException, SQLAlchemyError, OSError)


def send(store: Store, run_id: str, folder: Path, entry: Entry) -> Version | None:
    """Send one entry.

    Args:
        store: where to.
        run_id: of the run.
        folder: of the run, in which its files are.
        entry: what.

    Returns:
        The version, where a model was registered.
    """
    ((kind, value),) = entry.items()
    with brief(UPLOAD if kind in (FILE, MODEL) else CALL):
        if kind in AT_ONCE:
            for i in range(0, len(value), AT_ONCE[kind]):
                _batch(store, run_id, kind, value[i : i + AT_ONCE[kind]])
        elif kind == DATASET:
            given = DatasetInput(Dataset(**value), [InputTag("mlflow.data.context", "train")])
            log_inputs(store.client, run_id, [given])
        elif kind == FILE:
            store.client.log_artifact(run_id, str(folder / value))
        elif kind == MODEL:
            bundle = folder / value["bundle"]
            spec = BundleSpec.model_validate_json((bundle / "spec.json").read_text(encoding="utf-8"))
            about = About(value["tags"], value.get("text", ""))  # entries of drugml before model cards have no text
            return registered(store, run_id, bundle, spec, value["name"], about)
        elif value["end"] is None:
            store.client.update_run(run_id, status=value["status"])
        else:
            store.client.set_terminated(run_id, value["status"], value["end"])
    return None


def log_inputs(client: Any, run_id: str, given: list[DatasetInput]) -> None:
    """Record tables of a run. MLflow looks for a table and then adds it: of two runs that do so at once one is refused,
    though the table is there by then, and only needs to ask again.
    """
    try:
        client.log_inputs(run_id, given)
    except MlflowException as error:
        if "unique" not in str(error).lower():
            raise
        client.log_inputs(run_id, given)


def first(entries: list[Entry]) -> tuple[Entry, int]:
    """What to send first, and how many entries that is: metrics of several epochs go in one call."""
    if METRICS not in entries[0]:
        return entries[0], 1
    rows: list[Any] = []
    for count, entry in enumerate(entries):
        if METRICS not in entry or (rows and len(rows) + len(entry[METRICS]) > AT_ONCE[METRICS]):
            return {METRICS: rows}, count
        rows += entry[METRICS]
    return {METRICS: rows}, len(entries)


def refused(store: Store, error: Exception) -> UserError:
    """A failure as a mistake of the user, where nothing is lost yet: before the training."""
    text = why(error)
    denied = getattr(error, "error_code", "") in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
    if denied or re.search(r"\b(401|403)\b|not authenticated", text):
        text += "; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    return UserError(f"tracking store {store.uri}: the run cannot be recorded there: {text}")


def _batch(store: Store, run_id: str, kind: str, rows: list[Any]) -> None:
    made = {METRICS: Metric, PARAMS: Param, TAGS: RunTag}[kind]
    store.client.log_batch(run_id, **{kind: [made(*row) for row in rows]})
