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


def at_work(place: Path, storage: str, *, dies: bool) -> BaseProcess:
    """A process that works on the study of `run.yaml` and `search.yaml`.

    One that dies kills itself with SIGKILL when it has the second epoch of its first network behind it.
    """
    warm_up(["tests.searches"])  # this process has threads and cannot be forked
    arguments = (place, storage, dies)
    process = multiprocessing.get_context("forkserver").Process(target=_work, args=arguments)
    process.start()
    return process


def _work(place: Path, storage: str, dies: bool) -> None:
    os.chdir(place)
    logging.basicConfig(
        filename=place / f"{os.getpid()}.log", level=logging.INFO, format="%(relativeCreated)d %(message)s"
    )
    epoch = Reporter.epoch

    def wrapped(self: Reporter, number: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        epoch(self, number, epochs, metrics, best)
        if dies and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    Reporter.epoch = wrapped  # type: ignore[method-assign]
    config = load(RunSpec, Path("run.yaml"))
    tune(config, "search.yaml", trials=None, study=None, storage=storage, report=False, listener=Silent())
