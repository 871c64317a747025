"""Epochs on their way to MLflow, to metrics.csv beside the run, and to whoever watches."""

import csv
from pathlib import Path

from drugml.tracking.run import TrackedRun
from drugml.training.listener import Listener


class Recorder:
    """A listener that writes every epoch down and passes it on; MLflow counts epochs from 1.

    A run that was killed between its checkpoint and its log call has an epoch that MLflow does not know;
    it is logged when the run is resumed.
    """

    def __init__(self, listener: Listener, run: TrackedRun, path: Path) -> None:
        self.listener, self.run, self.path = listener, run, path
        self.history: list[dict[str, float]] = []

    def begin(self, history: list[dict[str, float]]) -> None:
        self.history = list(history)
        if history:
            known = self.run.logged_steps("train/loss")
            for step, metrics in enumerate(history, 1):
                if step not in known:
                    self.run.metrics(metrics, step)
            self._write()
        self.listener.begin(history)

    def batch(self, epoch: int, done: int, total: int) -> None:
        self.listener.batch(epoch, done, total)

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        self.history.append(dict(metrics))
        self._write()
        self.run.metrics(metrics, epoch + 1)
        self.listener.epoch(epoch, epochs, metrics, best)

    def end(self) -> None:
        self.listener.end()

    def _write(self) -> None:
        with self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *self.history[0]])
            writer.writeheader()
            writer.writerows({"epoch": n, **m} for n, m in enumerate(self.history, 1))
