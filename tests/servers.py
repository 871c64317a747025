"""A real MLflow server or UI as a process, which a test may kill and start again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path


class Mlflow:
    """`mlflow ui` or `mlflow server` in a folder, on a port of its own that it keeps when it is started again."""

    def __init__(self, command: str, folder: Path, *options: str) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.address, self.folder = f"http://127.0.0.1:{port}", folder
        # one worker: the tests ask one thing at a time, and each worker costs seconds of start
        self.arguments = [command, "--host", "127.0.0.1", "--port", port, "--workers", "1", *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        log = self.folder / "server.log"
        command = [sys.executable, "-m", "mlflow", *self.arguments]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=file, stderr=file, start_new_session=True)
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, with all its workers."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        with (
            suppress(OSError),  # also while it starts: refused, reset, no answer in time
            urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        return False


@contextmanager
def mlflow_process(command: str, folder: Path, *options: str) -> Iterator[str]:
    """Its address while it runs."""
    with mlflow_server(command, folder, *options) as server:
        yield server.address


@contextmanager
def mlflow_server(command: str, folder: Path, *options: str) -> Iterator[Mlflow]:
    """Started, and ended afterwards."""
    server = Mlflow(command, folder, *options)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill(signal.SIGTERM)
