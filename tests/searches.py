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

RUN = """
model: {name: dmpnn, hidden_dim: 16}
head: {hidden_dim: 16}
train: {epochs: 3, batch_size: 16, seed: 3}
data: {path: small.csv, targets: [size], split: random}
"""
SEARCH = """
study: s
trials: 6
sampler: {kind: tpe, startup_trials: 4}
space:
  model: [dmpnn, forest, knn]
  featurizer: [chemprop_v2, ogb, morgan]
  model.depth: {low: 2, high: 3}
  model.trees: [5, 10]
  model.k: {low: 1, high: 5}
  train.lr: {low: 1e-4, high: 1e-2, log: true}
"""
BASELINES = """
study: s
space:
  model: [forest, knn]
  featurizer: [morgan]
  model.trees: [5, 10]
  model.k: {low: 1, high: 5}
"""


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
