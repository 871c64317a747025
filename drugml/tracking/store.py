"""Where runs are recorded: found, checked and, for SQLite, made ready once."""

import logging
import os
from pathlib import Path
from typing import Any, NamedTuple, cast

from filelock import FileLock

import drugml.tracking as _  # noqa: F401  sets the environment before MLflow is imported
from drugml.errors import UserError
from drugml.tracking import template
from drugml.tracking.stopping import unstopped

import mlflow  # isort: skip
from mlflow import MlflowClient  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip
from mlflow.utils.credentials import get_default_host_creds  # isort: skip
from mlflow.utils.rest_utils import http_request  # isort: skip
from sqlalchemy.exc import SQLAlchemyError  # isort: skip

SQLITE = "sqlite:///"
DATABASES = ("postgresql", "mysql", "mssql")
TIMEOUT = 5
"""Seconds a tracking server has for its first answer."""


class WholeCalls:
    """An MLflow client whose calls are not cut short by Ctrl-C or SIGTERM."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return unstopped()(found) if callable(found) else found


class Store(NamedTuple):
    """An answering tracking store."""

    uri: str
    client: MlflowClient
    artifact_root: str | None
    """Where experiments made here keep artifacts; a server decides by itself."""

    def experiment(self, name: str) -> str:
        """Id of an experiment, made where it does not exist.

        Raises:
            UserError: if it was deleted.
        """
        if (found := self.client.get_experiment_by_name(name)) is not None:
            if found.lifecycle_stage == "deleted":
                raise UserError(
                    f"MLflow experiment {name!r} is deleted; "
                    "restore it in the UI, or name another with tracking.experiment"
                )
            return str(found.experiment_id)
        location = f"{self.artifact_root}/{name}" if self.artifact_root else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except MlflowException:  # another process was faster
            again = self.client.get_experiment_by_name(name)
            if again is None:
                raise
            return str(again.experiment_id)


def connect(uri: str | None) -> Store:
    """Open the store: `uri`, else MLFLOW_TRACKING_URI, else mlflow.db in the current folder.

    Raises:
        UserError: if it cannot be reached or written.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    root = None
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE)).absolute()
        uri = f"{SQLITE}{path}"
        root = (path.parent / "mlartifacts").as_uri()
        _prepare_sqlite(uri, path)
    elif "://" not in uri or uri.startswith("file:"):
        raise UserError(
            f"tracking URI {uri!r}: MLflow no longer keeps runs in plain folders; use sqlite:///PATH.db or http://SERVER"
        )
    elif uri.startswith(DATABASES):
        raise UserError(
            f"tracking URI {uri.split('://')[0]}://…: runs in this database belong to a tracking server, which keeps "
            "their files too; start one (docs/team-server.md) and use http://SERVER"
        )
    _use(uri)
    return Store(uri, cast(MlflowClient, WholeCalls(MlflowClient(uri, uri))), root)


def _use(uri: str) -> None:
    """Point MLflow's module-level functions at a store, without its habit of writing that into the environment.

    There it would be taken for the user's wish by the next call, in whatever folder that is.
    """
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = {n: os.environ.get(n) for n in names}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _prepare_sqlite(uri: str, path: Path) -> None:
    """Create or migrate the database under a lock; several first runs at once would break it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=120):
            if not path.exists() and "?" not in path.name:  # what follows it is options
                template.begin(path)
            MlflowClient(uri, uri).search_experiments(max_results=1)
    except OSError as error:
        raise UserError(f"{path}: the tracking database cannot be written: {error.strerror or error}") from None
    except (MlflowException, SQLAlchemyError) as error:
        raise UserError(f"{path}: not usable as a tracking database: {str(error).splitlines()[0]}") from None


def _check_server(uri: str) -> None:
    """Whether it answers and lets this user in; with the credentials and certificates of all later calls."""
    refused = (
        f"tracking server {uri}: it does not let this user in; set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD (docs/team-server.md)"
    )
    try:
        creds = get_default_host_creds(uri)
        answer = http_request(creds, "/health", "GET", max_retries=0, timeout=TIMEOUT, raise_on_status=False)
        if answer.ok:  # MLflow's own app answers this to everybody
            MlflowClient(uri, uri).search_experiments(max_results=1)
            return
        why = f"it answers {answer.status_code} {answer.reason}"
        if answer.status_code in (401, 403):
            raise UserError(refused)
    except MlflowException as error:
        if error.error_code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            raise UserError(refused) from None
        why = f"no answer ({type(error.__context__ or error).__name__})"
    raise UserError(
        f"tracking server {uri}: {why}; start it, or unset MLFLOW_TRACKING_URI and leave tracking.uri out to record in "
        "mlflow.db here"
    )
