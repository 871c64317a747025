"""One trial: a model trained on the training fold and judged on the validation fold, as a run nested in the study's."""

import gc
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from optuna.trial import TrialState

from drugml.config.run import RunSpec
from drugml.data.worker import said
from drugml.errors import UserError
from drugml.runs.opening import nested, start_nested
from drugml.runs.outcome import CHECKPOINT, HISTORY, best_metrics, fit_recorded, readable
from drugml.runs.tune.claims import Claim
from drugml.runs.tune.data import Tables
from drugml.tracking.find import Found, children
from drugml.tracking.run import KIND, TRIAL, TrackedRun, tracked
from drugml.tracking.stopping import unstopped
from drugml.tracking.store import Store
from drugml.training.listener import Listener

log = logging.getLogger(__name__)
PLACE, STATE = "drugml.trial", "drugml.state"
"""Tags: its number, and how it ended."""
SHOWN = 300
"""Characters of a reason that is no message for users."""


class Pruned(Exception):
    """The pruner ends the trial."""


class Unrecorded(Exception):
    """The study could not be reached, or the disk is full: no trial can go on."""


class Ended(NamedTuple):
    """How a trial ended."""

    state: TrialState
    value: float | None
    reason: str


class Reporter:
    """A listener that reports every epoch to the study and ends the trial when the pruner says so."""

    def __init__(self, listener: Listener, claim: Claim, metric: str) -> None:
        self.listener, self.claim, self.metric = listener, claim, metric
        self.reported = set(claim.reported)

    def begin(self, history: list[dict[str, float]]) -> None:
        for step, metrics in enumerate(history, 1):
            self._report(step, metrics)
        self.listener.begin(history)

    def batch(self, epoch: int, done: int, total: int) -> None:
        self.listener.batch(epoch, done, total)

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        self.listener.epoch(epoch, epochs, metrics, best)
        prune = self._report(epoch + 1, metrics)
        if prune and epoch + 1 < epochs:  # the last epoch is the whole trial
            raise Pruned(f"after epoch {epoch + 1} of {epochs}")

    def end(self) -> None:
        self.listener.end()

    def _report(self, step: int, metrics: dict[str, float]) -> bool:
        value = metrics[f"val/{self.metric}"]
        if step in self.reported or math.isnan(value):
            return False
        try:
            with unstopped():
                self.claim.trial.report(value, step)
                self.reported.add(step)
                return bool(self.claim.trial.should_prune())
        except Exception as error:
            raise Unrecorded(f"epoch {step} could not be reported to the study: {error}") from error


@dataclass(frozen=True)
class Trials:
    """Runs trials of one study."""

    tables: Tables
    store: Store
    parent: str
    """Run id of the study."""
    folder: Path
    """Of the study."""
    metric: str
    again: str
    """The command that goes on."""

    def run(self, claim: Claim, config: RunSpec, listener: Listener) -> Ended:
        """Train and judge; a trial that was begun before goes on from its last epoch.

        Raises:
            UserError: for what is not the trial's fault: another table, a full disk, a study that cannot be reached.
        """
        data, own = self.tables.data(config), self.folder / self.name(claim.number)
        with nested(self.store, self._child(claim.number, config, own), config, own) as run:
            run.tags({"drugml.folder": str(own)})  # which may be another host's
            try:
                reporter = Reporter(listener, claim, self.metric)
                fitted = fit_recorded(config, data, run, own, reporter, self.again)
                metrics = best_metrics(fitted)
                run.metrics({**readable(config, metrics), "train_seconds": fitted.seconds})
                ended = self._judged(metrics)
            except Pruned as pruned:
                run.killed()
                ended = Ended(TrialState.PRUNED, None, str(pruned))
            except Exception as error:
                _blame(error)
                ended = _failed(run, error)
            run.tags({STATE: ended.state.name.lower(), **({"drugml.error": ended.reason} if ended.reason else {})})
            if (own / HISTORY).exists():
                run.file(own / HISTORY)
        _clear()
        return ended

    def forget(self, number: int) -> None:
        """Remove the checkpoint of a trial that has ended."""
        (self.folder / self.name(number) / CHECKPOINT).unlink(missing_ok=True)

    def lost(self, number: int, reason: str) -> None:
        """Say of a trial's run that its processes ended without a word."""
        if (child := self._children().get(number)) is not None and child.status in ("RUNNING", "SCHEDULED"):
            own = self.folder / self.name(number)
            own.mkdir(exist_ok=True)
            with tracked(self.store, child.run_id, own) as run:
                run.tags({STATE: TrialState.FAIL.name.lower()})
                run.failed(UserError(reason))

    @staticmethod
    def name(number: int) -> str:
        """Of a trial's run and folder."""
        return f"t{number:04d}"

    def _judged(self, metrics: dict[str, float]) -> Ended:
        value = metrics[f"best/val/{self.metric}"]
        if math.isfinite(value):
            return Ended(TrialState.COMPLETE, value, "")
        raise UserError(f"val/{self.metric} is {value}: the predictions of the validation fold leave it undefined")

    def _child(self, number: int, config: RunSpec, own: Path) -> str:
        if (begun := self._children().get(number)) is not None:
            return begun.run_id
        about = {KIND: TRIAL, PLACE: str(number)}
        name = f"{config.model.name} {self.name(number)}"
        return start_nested(self.store, self.parent, name, self.tables.tags | about, own)

    def _children(self) -> dict[int, Found]:
        return {int(r.tags[PLACE]): r for r in children(self.store, self.parent) if PLACE in r.tags}


def _blame(error: Exception) -> None:
    """Pass on what would befall the next trial too.

    Raises:
        UserError: for a disk or a study that cannot be written.
    """
    if isinstance(error, Unrecorded) or (isinstance(error, UserError) and isinstance(error.__cause__, OSError)):
        raise UserError(str(error)) from error


def _failed(run: TrackedRun, error: Exception) -> Ended:
    run.failed(error)
    if isinstance(error, UserError):
        return Ended(TrialState.FAIL, None, str(error))
    return Ended(TrialState.FAIL, None, said(error)[:SHOWN])


def _clear() -> None:
    """Give back what a trial held; one that ran out of memory must not take it from the next."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
