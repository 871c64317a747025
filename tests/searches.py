"""A study on which several processes work, and processes that kill themselves on the way."""

import logging
import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.data.worker import warm_up
from drugml.runs.tune import tune
from drugml.runs.tune.trial import Reporter
from drugml.training.listener import Silent


def at_work(place: Path, storage: str, dies_at: int | None) -> BaseProcess:
    """A process that works on the study of `run.yaml` and `search.yaml`.

    It kills itself with SIGKILL when it has the second epoch of its network of so many behind it; never if None.
    """
    warm_up(["tests.searches"])  # this process has threads and cannot be forked
    arguments = (place, storage, dies_at)
    process = multiprocessing.get_context("forkserver").Process(target=_work, args=arguments)
    process.start()
    return process


def _work(place: Path, storage: str, dies_at: int | None) -> None:
    os.chdir(place)
    logging.basicConfig(
        filename=place / f"{os.getpid()}.log", level=logging.INFO, format="%(relativeCreated)d %(message)s"
    )
    epoch, networks = Reporter.epoch, 0

    def wrapped(self: Reporter, number: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        nonlocal networks
        networks += number == 0
        epoch(self, number, epochs, metrics, best)
        if networks == dies_at and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    Reporter.epoch = wrapped  # type: ignore[method-assign]
    config = load(RunSpec, Path("run.yaml"))
    tune(config, "search.yaml", trials=None, study=None, storage=storage, report=False, listener=Silent())
