"""The MLflow UI on a store, for this machine only."""

import os
import subprocess
import sys
from collections.abc import Callable

from drugml.tracking.store import Store, connect

TRAINING = "workflowType=machine_learning"
"""Without it the UI opens in its view for language models, which shows neither runs nor metrics."""


def page(store: Store, address: str) -> str:
    """Where a UI at `address` shows the runs of the experiment that was used last."""
    experiments = [e.experiment_id for e in store.client.search_experiments()]
    newest = store.client.search_runs(experiments, order_by=["attributes.start_time DESC"], max_results=1)
    path = f"experiments/{newest[0].info.experiment_id}/runs" if newest else "experiments"
    return f"{address}/#/{path}?{TRAINING}"


def serve(uri: str | None, port: int, say: Callable[[str], object]) -> int:
    """Run the UI until it is stopped, return its exit code; a store behind a server has a UI already."""
    store = connect(uri)
    if store.uri.startswith("http"):
        say(f"the runs are on a server: open {page(store, store.uri.rstrip('/'))}")
        return 0
    say(f"MLflow UI of {store.uri} (Ctrl-C stops it):")
    say(f"  {page(store, f'http://127.0.0.1:{port}')}")
    say(f"from another machine: ssh -L {port}:127.0.0.1:{port} {os.environ.get('HOSTNAME', 'THIS_MACHINE')}")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    try:
        return subprocess.run([*command, "--host", "127.0.0.1", "--port", str(port)], check=False).returncode
    except KeyboardInterrupt:
        return 0
