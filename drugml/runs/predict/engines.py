"""Where pieces are predicted: in this process, in others of this machine, or on a Ray cluster. All give the same bytes.

On a CPU each worker process does all of a piece, network included, with one thread: that keeps every core busy with
arrays that stay where they were made. With an accelerator the workers only prepare, and this process has the models.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import torch

from drugml.data.chunks import cores
from drugml.data.crew import Case, Crew, run_here
from drugml.data.isolate import settle
from drugml.data.worker import warm_up
from drugml.featurizers.pack import WORTH_A_POOL
from drugml.prediction.predictor import ON_CPU, Predictions
from drugml.prediction.versions import processor
from drugml.prediction.work import Predict, join_packed, join_predictions, make_predict, make_prepare
from drugml.runs.predict.models import Model

TIMEOUT = 60.0
"""Seconds that one molecule may take."""
MODULES = ["drugml.prediction.work"]

Run = Callable[[Iterator[list[str]]], Iterator[list[Predictions]]]
"""Structures of pieces to predictions of all models, in order."""


class Engine(Protocol):
    """What predicts pieces."""

    def expect(self, rows: int, again: bool) -> None:
        """Get ready, while the models are loaded, for so many rows, of a job that was stopped if `again`."""
        ...

    def device(self) -> str:
        """What computes: the last digits depend on it."""
        ...

    def start(self, models: Sequence[Model]) -> AbstractContextManager[Run]:
        """Start it."""
        ...


class Local:
    """Processes of this machine.

    Args:
        workers: processes; 0 works in this one. By default one per core, and none for a small table.
        timeout: seconds that a molecule may take before it is rejected.
    """

    def __init__(self, workers: int | None = None, timeout: float = TIMEOUT) -> None:
        self._workers, self._timeout = workers, timeout

    def expect(self, rows: int, again: bool) -> None:
        """As `Engine`."""
        if self._workers is None:
            # a job left behind may have met a molecule that ended its process: only another process survives that
            self._workers = cores() if rows >= WORTH_A_POOL or again else 0
        if self._workers:
            warm_up(MODULES)

    def device(self) -> str:
        """As `Engine`."""
        return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else processor()

    @contextmanager
    def start(self, models: Sequence[Model]) -> Iterator[Run]:
        """As `Engine`."""
        predict = Predict([m.predictor for m in models])
        with ExitStack() as stack:
            if not self._workers:
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(1)  # as in a worker process: the last digits depend on it
                yield lambda pieces: run_here(predict, _cases(pieces, self._timeout, join_predictions))
            elif batch(models) > ON_CPU:
                specs = [m.predictor.spec.model_dump_json() for m in models]
                prepare = stack.enter_context(Crew(partial(make_prepare, specs), self._workers, MODULES))
                yield partial(_inferred, predict, prepare, self._timeout)
            else:
                crew = stack.enter_context(Crew(partial(make_predict, bundles(models)), self._workers, MODULES))
                yield lambda pieces: crew.run(_cases(pieces, self._timeout, join_predictions))


class Ray:
    """The machines of a Ray cluster, on their CPUs.

    Args:
        workers: of Ray; one per CPU of the cluster by default.
        timeout: seconds that a molecule may take before it is rejected.
        address: of the cluster; one of this machine alone is started by default.
    """

    def __init__(self, workers: int | None = None, timeout: float = TIMEOUT, address: str | None = None) -> None:
        self._workers, self._timeout, self._address = workers, timeout, address

    def expect(self, rows: int, again: bool) -> None:
        """As `Engine`."""

    def device(self) -> str:
        """As `Engine`."""
        return processor()

    def start(self, models: Sequence[Model]) -> AbstractContextManager[Run]:
        """As `Engine`."""
        from drugml.runs.predict.cluster import cluster

        names = {name for m in models for name in m.predictor.spec.names}
        return cluster(bundles(models), names, self._workers, self._timeout, self._address)


def bundles(models: Sequence[Model]) -> list[tuple[Any, str]]:
    """Folder and hash of each."""
    return [(m.folder.resolve(), m.predictor.spec.hash) for m in models]


def batch(models: Sequence[Model]) -> int:
    """Rows that make whole batches of every model."""
    return max(m.predictor.batch for m in models)  # one is a multiple of the other


def _inferred(predict: Predict, crew: Any, timeout: float, pieces: Iterator[list[str]]) -> Iterator[list[Predictions]]:
    """Predictions made here of what the workers prepare."""
    sizes: deque[int] = deque()

    def counted() -> Iterator[list[str]]:
        for piece in pieces:
            sizes.append(len(piece))
            yield piece

    for packed in crew.run(_cases(counted(), timeout, join_packed)):
        yield predict.infer_safely(packed, sizes.popleft())


def _cases(pieces: Iterator[list[str]], timeout: float, join: Any) -> Iterator[Case[Any, Any, Any]]:
    return (settle(piece, timeout, join) for piece in pieces)
