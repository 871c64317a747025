"""Pieces predicted on the machines of a Ray cluster, in order.

Each of Ray's workers keeps a local worker process, so that a molecule that breaks something is found there and costs
what it costs on one machine. A worker that is lost, whatever the cause, is started again and its piece with it.
"""

import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from drugml.data.crew import Crew
from drugml.data.isolate import settle
from drugml.errors import UserError
from drugml.prediction.bundle import SPEC, TENSORS
from drugml.prediction.predictor import Predictions
from drugml.prediction.versions import processor, relevant, versions
from drugml.prediction.work import Predict, join_predictions, make_predict

log = logging.getLogger(__name__)
MODULES = ["drugml.prediction.work"]
AHEAD = 2
"""Pieces per worker that are begun; the second is on its way while the first is predicted."""
LOST = 3
"""Times that a piece may lose its worker; then it is the piece."""

START = 120.0
"""Seconds that the workers have to start; on a cluster that is busy some may have to wait."""
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

Files = Sequence[dict[str, bytes]]
"""The files of each bundle, name to content."""


class Station:
    """What Ray starts on some machine: one worker process on the CPU, and the answers to pieces."""

    def __init__(self, hashes: Sequence[str], timeout: float) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the same numbers on machines with a GPU and without
        self._hashes, self._timeout = hashes, timeout
        self._crew: Crew[Any, Any] | None = None

    def about(self) -> dict[str, str]:
        """What its numbers depend on, and where it is."""
        return {**versions(), "device": processor(), "machine": os.uname().nodename}

    def predict(self, piece: list[str], files: Sequence[Any]) -> list[Predictions]:
        """One answer of each model.

        Args:
            piece: structures.
            files: a reference to `Files`, in a list, so that Ray passes it as it is; read once. Not an argument of the
                constructor, since Ray promises no restart with large ones.
        """
        if self._crew is None:
            import ray

            make = partial(make_from_bytes, ray.get(files[0]), self._hashes)
            self._crew = Crew(make, 1, MODULES).__enter__()
        (answer,) = self._crew.run(iter([settle(piece, self._timeout, join_predictions)]))
        return answer


def make_from_bytes(files: Files, hashes: Sequence[str]) -> Predict:
    """As `make_predict`, where there is no shared file system."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(i)) for i in range(len(files))]
        for folder, content in zip(folders, files, strict=True):
            folder.mkdir()
            for file, data in content.items():
                (folder / file).write_bytes(data)
        return make_predict(list(zip(folders, hashes, strict=True)))


@contextmanager
def cluster(
    bundles: Sequence[tuple[Path, str]],
    names: Collection[str],
    workers: int | None,
    timeout: float,
    address: str | None,
) -> Iterator[Callable[[Iterator[list[str]]], Iterator[list[Predictions]]]]:
    """Start workers, on this machine or where `address` says.

    Args:
        bundles: folders and hashes.
        names: of models, featurizers and descriptors, such as forest.
        workers: how many; one per CPU of the cluster otherwise.
        timeout: seconds that a molecule may take.
        address: host:port of a cluster's head; a cluster of this machine alone is started otherwise.

    Raises:
        UserError: if Ray is not installed or its cluster not there or too small, or a machine has other versions.
    """
    ray = connect(address, workers)
    try:
        files = ray.put([{n: (f / n).read_bytes() for n in (SPEC, TENSORS)} for f, _ in bundles])
        stations = _stations(ray, [h for _, h in bundles], names, workers, timeout)
        yield partial(_predicted, ray, stations, [files])
    finally:
        ray.shutdown()


def _stations(
    ray: Any, hashes: Sequence[str], names: Collection[str], workers: int | None, timeout: float
) -> list[Any]:
    cpus = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    if (workers or 1) > cpus:
        raise UserError(f"--workers {workers}: the Ray cluster has {cpus} CPUs; expected at most one worker for each")
    start = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=LOST)(Station)
    stations = [start.remote(hashes, timeout) for _ in range(workers or cpus)]
    about = {s.about.remote(): s for s in stations}
    ready, late = ray.wait(list(about), num_returns=len(about), timeout=START)
    if not ready:
        raise UserError(f"the Ray cluster started no worker within {START:g} s; are its CPUs taken by other work?")
    if late:
        log.warning("%d of %d Ray workers started within %g s; going on with these", len(ready), len(about), START)
    for answer in late:
        ray.kill(about[answer])
    try:
        check_alike(ray.get(ready), names)
    except ray.exceptions.RayError as error:
        raise UserError(
            f"a Ray worker could not start: {str(error).strip().splitlines()[-1]}; is drugml installed on each machine?"
        ) from None
    return [about[answer] for answer in ready]


def _predicted(
    ray: Any, stations: Sequence[Any], files: Sequence[Any], pieces: Iterator[list[str]]
) -> Iterator[list[Predictions]]:
    """Answers in the order of the pieces; a piece goes to whichever worker has least to do."""
    begun: deque[Any] = deque()
    running: dict[Any, int] = {}
    load = [0] * len(stations)
    for piece in pieces:
        while len(running) >= AHEAD * len(stations):
            _free(ray, running, load)
        least = load.index(min(load))
        answer = stations[least].predict.remote(piece, files)
        load[least] += 1
        running[answer] = least
        begun.append(answer)
        while len(begun) > 2 * AHEAD * len(stations) or (begun and begun[0] not in running):
            yield _answer(ray, begun.popleft())
    while begun:
        yield _answer(ray, begun.popleft())


def _free(ray: Any, running: dict[Any, int], load: list[int]) -> None:
    done, _ = ray.wait(list(running), num_returns=1, fetch_local=False)
    for answer in done:
        load[running.pop(answer)] -= 1


def _answer(ray: Any, answer: Any) -> list[Predictions]:
    try:
        return list(ray.get(answer))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # as if it had been raised here
    except ray.exceptions.RayActorError as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"a piece of the input lost its Ray worker {LOST + 1} times ({first}); is there memory for so many workers "
            "on one machine? Try fewer with --workers; what is done is kept, go on with --resume"
        ) from None


def check_alike(found: Sequence[dict[str, str]], names: Collection[str] = ()) -> None:
    """Refuse machines whose predictions could differ from those of this one.

    Args:
        found: what each `Station.about` says.
        names: of models, featurizers and descriptors.

    Raises:
        UserError: naming the first machine with other versions.
    """
    here = {**relevant(names), "device": processor()}
    for there in found:
        other = {k: f"{k} {v} here, {there.get(k, 'absent')} there" for k, v in here.items() if there.get(k) != v}
        device = other.pop("device", None)
        if other:
            raise UserError(
                f"{there['machine']}: a machine of the cluster would give other numbers: {'; '.join(other.values())}. "
                "Install the same versions on all machines"
            )
        if device:
            log.warning("%s: another processor: %s; the last digits may differ", there["machine"], device)


def connect(address: str | None, workers: int | None) -> Any:
    """The library, connected to a cluster.

    Raises:
        UserError: if it is not installed or not there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: it reports home otherwise
    if address is None:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # Ray's name for: listen on loopback only
    elif any(map(os.environ.get, TOKENS)) or Path("~/.ray/auth_token").expanduser().exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError:
        raise UserError("--engine ray: Ray is not installed; install it with: pip install 'drugml[ray]'") from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": workers, "include_dashboard": False}
    else:
        _check_there(address)
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, ValueError, RuntimeError, SystemExit) as error:
        where = f"--address {address}" if address else "--engine ray"
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{where}: no Ray cluster could be reached or started: {first}; is it of Ray {ray.__version__}, and does "
            "this machine have its token?"
        ) from None
    return ray


def _check_there(address: str) -> None:
    """Ray itself tries for minutes and then ends the process."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address {address}: expected HOST:PORT of the head of a Ray cluster")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise UserError(f"--address {address}: no Ray cluster answers there: {error}") from None
