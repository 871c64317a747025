"""Real servers as processes on free ports of this machine, which a test may kill and start again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.conftest import ROOT
from tests.postgres import postgres

TEAM_SERVER = ROOT / "scripts/team_server.sh"


class Answering:
    """A program that answers at `/health` on a port that it keeps when it is started again."""

    def __init__(self, command: Sequence[object], port: str, folder: Path, env: Mapping[str, str]) -> None:
        self.address, self.folder, self.env = f"http://127.0.0.1:{port}", folder, env
        self.command = [*map(str, command)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        log = self.folder / "server.log"
        with log.open("w") as file:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env={**os.environ, **self.env}, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 600
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, with all its workers."""
        assert self.process is not None
        with suppress(ProcessLookupError):
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


class Mlflow(Answering):
    """`mlflow ui` or `mlflow server` in a folder."""

    def __init__(self, command: str, folder: Path, *options: str) -> None:
        port = free_port()
        # one worker: the tests ask one thing at a time, and each worker costs seconds of start
        arguments = [command, "--host", "127.0.0.1", "--port", port, "--workers", "1", *options]
        super().__init__([sys.executable, "-m", "mlflow", *arguments], port, folder, {})


@contextmanager
def mlflow_process(command: str, folder: Path, *options: str) -> Iterator[str]:
    """Its address while it runs."""
    with mlflow_server(command, folder, *options) as server:
        yield server.address


@contextmanager
def mlflow_server(command: str, folder: Path, *options: str) -> Iterator[Mlflow]:
    """Started, and ended afterwards."""
    server = Mlflow(command, folder, *options)
    with running(server):
        yield server


@contextmanager
def team_server(folder: Path, store: Path) -> Iterator[str]:
    """Address of `scripts/team_server.sh` on a PostgreSQL of its own, with files in `store`."""
    port = free_port()
    with postgres() as uri:
        env = {"MLFLOW_BACKEND_STORE_URI": uri, "PORT": port, "WORKERS": "1", "PYTHON": sys.executable}
        with running(Answering([TEAM_SERVER, store], port, folder, env)) as server:
            yield server.address


@contextmanager
def scoring_server(model: str, store: str, folder: Path) -> Iterator[str]:
    """Address of `mlflow models serve` for a model of a store."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model, "--env-manager", "local",
               "--host", "127.0.0.1", "--port", port, "--workers", "1"]  # fmt: skip
    env = {"MLFLOW_TRACKING_URI": store, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with running(Answering(command, port, folder, env)) as server:
        yield server.address


@contextmanager
def running(server: Answering) -> Iterator[Answering]:
    """Started, and ended afterwards, also where it never answered."""
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill(signal.SIGTERM)


def free_port() -> str:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
