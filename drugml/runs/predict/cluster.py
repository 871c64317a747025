"""Pieces predicted on the machines of a Ray cluster, in order.

Each of Ray's workers keeps a local worker process, so that a molecule that breaks something is found there and costs
what it costs on one machine. A worker that is lost, whatever the cause, is started again and its piece with it.
"""

import logging
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from drugml.data.crew import Crew
from drugml.data.isolate import settle
from drugml.errors import UserError
from drugml.prediction.bundle import SPEC, TENSORS
from drugml.prediction.predictor import Predictions
from drugml.prediction.versions import processor, relevant
from drugml.prediction.work import Predict, join_predictions, make_predict

log = logging.getLogger(__name__)
MODULES = ["drugml.prediction.work"]
AHEAD = 2
"""Pieces per worker that are begun; the second is on its way while the first is predicted."""
LOST = 3
"""Times that a piece may lose its worker; then it is the piece."""

Files = Sequence[dict[str, bytes]]
"""The files of each bundle, name to content."""


class Station:
    """What Ray starts on some machine: one worker process on the CPU, and the answers to pieces."""

    def __init__(self, files: Files, hashes: Sequence[str], timeout: float) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the same numbers on machines with a GPU and without
        self._timeout = timeout
        self._crew = Crew(partial(make_from_bytes, files, hashes), 1, MODULES).__enter__()

    def about(self) -> dict[str, str]:
        """What its numbers depend on, and where it is."""
        return {**relevant(), "device": processor(), "machine": os.uname().nodename, "pid": str(os.getpid())}

    def predict(self, piece: list[str]) -> list[Predictions]:
        """One answer of each model."""
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
    bundles: Sequence[tuple[Path, str]], workers: int | None, timeout: float, address: str | None
) -> Iterator[Callable[[Iterator[list[str]]], Iterator[list[Predictions]]]]:
    """Start workers, on this machine or where `address` says.

    Args:
        bundles: folders and hashes.
        workers: how many; one per CPU of the cluster otherwise.
        timeout: seconds that a molecule may take.
        address: of a cluster's head, as Ray takes it; a cluster of this machine alone is started otherwise.

    Raises:
        UserError: if Ray is not installed or its cluster not there, or a machine has other versions.
    """
    ray = _connected(address, workers)
    try:
        count = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        files = ray.put([{n: (f / n).read_bytes() for n in (SPEC, TENSORS)} for f, _ in bundles])
        start = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=LOST)(Station)
        stations = [start.remote(files, [h for _, h in bundles], timeout) for _ in range(count)]
        _check_alike(ray.get([s.about.remote() for s in stations]))
        yield partial(_predicted, ray, stations)
    finally:
        ray.shutdown()


def _predicted(ray: Any, stations: Sequence[Any], pieces: Iterator[list[str]]) -> Iterator[list[Predictions]]:
    """Answers in the order of the pieces; a piece goes to whichever worker has least to do."""
    begun: deque[Any] = deque()
    running: dict[Any, int] = {}
    load = [0] * len(stations)
    for piece in pieces:
        while len(running) >= AHEAD * len(stations):
            _free(ray, running, load)
        least = load.index(min(load))
        answer = stations[least].predict.remote(piece)
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


def _check_alike(found: Sequence[dict[str, str]]) -> None:
    here = {**relevant(), "device": processor()}
    for there in found:
        other = [f"{k} {v} here, {there.get(k, 'absent')} there" for k, v in here.items() if there.get(k) != v]
        machine = [o for o in other if not o.startswith("device")]
        if machine:
            raise UserError(
                f"{there['machine']}: a machine of the cluster would give other numbers: {'; '.join(machine)}. "
                "Install the same versions on all machines"
            )
        if other:
            log.warning("%s: another processor: %s; the last digits may differ", there["machine"], other[0])


def _connected(address: str | None, workers: int | None) -> Any:
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: it reports home otherwise
        import ray
    except ImportError:
        raise UserError("--engine ray: Ray is not installed; install it with: pip install 'drugml[ray]'") from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"--address {address}" if address else "--engine ray"
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"{where}: no Ray cluster could be reached or started: {first}") from None
    return ray
