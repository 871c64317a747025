"""The database of a first run, made by another process while this one still imports what trains.

MLflow takes some seconds for it. Light: importing this file imports no MLflow.
"""

import os
import subprocess
import sys
from pathlib import Path

import drugml.tracking as _  # noqa: F401  the environment that the other process gets

SQLITE = "sqlite:///"
PROGRAM = "import sys; from drugml.tracking.store import connect; connect(sys.argv[1])"


def named(uri: str | None) -> str:
    """The tracking URI: `uri`, else MLFLOW_TRACKING_URI, else mlflow.db in the current folder."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"


def make_ready(uri: str | None) -> "subprocess.Popen[bytes] | None":
    """Begin to make the database that `connect` will need, if there is none; `connect` waits for it.

    Whatever goes wrong there goes wrong again in `connect`, which says so. It is not ended with this process: a
    database that is made to a half cannot be used.
    """
    store = named(uri)
    if not store.startswith(SQLITE) or Path(store.removeprefix(SQLITE)).exists():
        return None
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", PROGRAM, store]
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
