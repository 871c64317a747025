"""The MLflow UI on a store, for this machine only."""

import os
import subprocess
import sys
from collections.abc import Callable

from drugml.tracking.columns import share_view
from drugml.tracking.find import newest
from drugml.tracking.store import Store, connect

TRAINING = "workflowType=machine_learning"
"""Without it the UI opens in its view for language models, which shows neither runs nor metrics."""
LOOKED_AT = 200
"""Last runs of an experiment by which its columns are chosen."""


def page(store: Store, address: str, experiment: str | None = None) -> str:
    """Where a UI at `address` shows the runs of an experiment, or of the one that was used last, side by side.

    Raises:
        UserError: if there is no such experiment.
    """
    if experiment is None:
        last = newest(store, None, None, 1)
        if not last:
            return f"{address}/#/experiments?{TRAINING}"
        experiment = last[0].experiment
    runs = newest(store, experiment, None, LOOKED_AT)
    found = store.client.get_experiment_by_name(experiment)
    key = share_view(store, found.experiment_id, runs)
    shared = f"&viewStateShareKey={key}" if key else ""
    return f"{address}/#/experiments/{found.experiment_id}/runs?{TRAINING}{shared}"


def serve(uri: str | None, port: int, experiment: str | None, say: Callable[[str], object]) -> int:
    """Run the UI until it is stopped, return its exit code; a store behind a server has a UI already.

    Raises:
        UserError: if there is no such store or experiment.
    """
    store = connect(uri)
    if store.uri.startswith("http"):
        say(f"the runs are on a server: open {page(store, store.uri.rstrip('/'), experiment)}")
        return 0
    say(f"MLflow UI of {store.uri} (Ctrl-C stops it):")
    say(f"  {page(store, f'http://127.0.0.1:{port}', experiment)}")
    say(f"from another machine: ssh -L {port}:127.0.0.1:{port} {os.environ.get('HOSTNAME', 'THIS_MACHINE')}")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    try:
        return subprocess.run([*command, "--host", "127.0.0.1", "--port", str(port)], check=False).returncode
    except KeyboardInterrupt:
        return 0
