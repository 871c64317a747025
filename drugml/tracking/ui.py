"""The MLflow UI on a store, for this machine only."""

import os
import subprocess
import sys
from collections.abc import Callable

from drugml.tracking.store import connect


def serve(uri: str | None, port: int, say: Callable[[str], object]) -> int:
    """Run the UI until it is stopped, return its exit code; a store behind a server has a UI already."""
    store = connect(uri)
    if store.uri.startswith("http"):
        say(f"the runs are on a server: open {store.uri}")
        return 0
    say(f"MLflow UI of {store.uri}: http://127.0.0.1:{port} (Ctrl-C stops it)")
    say(f"from another machine: ssh -L {port}:127.0.0.1:{port} {os.environ.get('HOSTNAME', 'THIS_MACHINE')}")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    try:
        return subprocess.run([*command, "--host", "127.0.0.1", "--port", str(port)], check=False).returncode
    except KeyboardInterrupt:
        return 0
