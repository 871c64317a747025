"""One tracked run: parameters, curves, summaries and files, and an end that tells the truth."""

import getpass
import json
import logging
import re
import shlex
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drugml.config.leaves import flatten
from drugml.errors import Stopped, UserError
from drugml.prediction.versions import surroundings
from drugml.tracking.brief import CALL, brief, why
from drugml.tracking.journal import Entry, Journal
from drugml.tracking.models import Version
from drugml.tracking.sending import DATASET, FAULTS, FILE, METRICS, MODEL, PARAMS, STATUS, TAGS, first, refused, send
from drugml.tracking.store import Store

from mlflow.entities import RunStatus  # isort: skip

log = logging.getLogger(__name__)
SHORTEST, LONGEST = 5.0, 60.0
"""Seconds for which a store that failed is left alone."""
KIND = "drugml.kind"
"""Tag that says what a run is: one of the next nine."""
TRAIN, CV, FOLD, MEMBER, COMPARE, REPRODUCTION = "train", "cv", "fold", "member", "comparison", "reproduction"
TUNE, TRIAL, IMPORT = "tune", "trial", "import"
VERBS = {
    TRAIN: "drugml train",
    CV: "drugml cv",
    FOLD: "drugml cv",
    MEMBER: "drugml train",
    COMPARE: "drugml compare",
    REPRODUCTION: "drugml reproduce",
    TUNE: "drugml tune",
    TRIAL: "drugml tune",
    IMPORT: "drugml models import",
}
NESTED = (FOLD, MEMBER, TRIAL)
"""Kinds of runs that are part of another."""
PARENT = "mlflow.parentRunId"
MADE_WITH, RESUMED_WITH = "drugml.made_with", "drugml.resumed_with"
"""Tag with code, packages and hardware of a run, as JSON."""


class TrackedRun:
    """Writes to one MLflow run. What cannot be sent is kept in the run's folder, in order, and sent later.

    Until `begin` a failure ends the run, so that wrong credentials are met before the training; afterwards none does.
    """

    def __init__(self, store: Store, run_id: str, folder: Path) -> None:
        self.store, self.run_id, self.folder = store, run_id, folder
        self.version: Version | None = None
        """That of this run, once it is registered."""
        self.why = ""
        """Of the last failure."""
        self.status = RunStatus.to_string(RunStatus.FINISHED)
        """How it ends if nothing is raised."""
        self._journal = Journal(folder, run_id, store.uri)
        self._begun = False
        self._wait, self._next = 0.0, 0.0

    @property
    def unsent(self) -> int:
        """Entries that are kept."""
        return len(self._journal.entries)

    def running(self) -> None:
        """Mark the run as RUNNING; an end that is kept from before is none any more."""
        self._journal.keep([e for e in self._journal.entries if STATUS not in e])
        self._log({STATUS: {"status": RunStatus.to_string(RunStatus.RUNNING), "end": None}})

    def begin(self) -> None:
        """From now on failures are not raised but kept; what was kept before is sent."""
        self._begun = True
        self._again()

    def killed(self) -> None:
        """It ends before its time."""
        self.status = RunStatus.to_string(RunStatus.KILLED)

    def failed(self, error: BaseException) -> None:
        """Keep why it failed; a mistake in the program with its traceback."""
        self.status = RunStatus.to_string(RunStatus.FAILED)
        self.tags({"drugml.error": str(error)[:5000]})
        if not isinstance(error, UserError):
            (self.folder / "error.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
            self.file(self.folder / "error.txt")

    def params(self, config: Mapping[str, Any]) -> None:
        """The resolved config, as `as_params`."""
        self._log({PARAMS: [*as_params(config).items()]})

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set or replace tags."""
        self._log({TAGS: [*tags.items()]})

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics; names are made legal for MLflow."""
        now = int(time.time() * 1000)
        self._log({METRICS: [(metric_key(k), float(v), now, step) for k, v in metrics.items()]})

    def logged_steps(self, name: str) -> set[int]:
        """Steps at which a metric was logged, or is kept.

        Raises:
            UserError: if the store does not answer.
        """
        key = metric_key(name)
        kept = {row[3] for e in self._journal.entries for row in e.get(METRICS, []) if row[0] == key}
        try:
            return kept | {m.step for m in self.store.client.get_metric_history(self.run_id, key)}
        except FAULTS as error:
            raise refused(self.store, error) from error

    def dataset(self, name: str, digest: str, source: str) -> None:
        """Record what the run was trained on."""
        where = json.dumps({"uri": source})
        self._log({DATASET: {"name": name, "digest": digest[:36], "source_type": "local", "source": where}})

    def file(self, path: Path) -> None:
        """Keep a file of the run's folder with the run."""
        self._log({FILE: self._inside(path)})

    def model(self, bundle: Path, name: str, tags: Mapping[str, str], text: str) -> None:
        """Log a bundle in the run's folder as its model and register it, with tags and a description in Markdown.

        The version is in `version` then.
        """
        self._log({MODEL: {"bundle": self._inside(bundle), "name": name, "tags": dict(tags), "text": text}})

    def end(self, status: str) -> None:
        """Say how the run ended, try once more to send what is kept, and say what could not be sent."""
        self._log({STATUS: {"status": status, "end": int(time.time() * 1000)}})
        self._again()
        if self.unsent:
            log.warning(
                "MLflow at %s: %s; %d entries of run %s are not sent; when it answers again: drugml sync %s",
                *(self.store.uri, self.why, self.unsent, self.run_id, shlex.quote(str(self.folder))),
            )

    def flush(self) -> bool:
        """Send what is kept, in order; returns whether all of it is sent."""
        left, before = self._journal.entries, self.unsent
        if not left:
            return True
        try:
            while left:
                entry, count = first(left)
                self.version = send(self.store, self.run_id, self.folder, entry) or self.version
                left = left[count:]
        except Exception as error:  # each artifact store has exceptions of its own
            self._failed(error)
        if len(left) < before:
            self._journal.keep(left)
        return not left

    def _log(self, entry: Entry) -> None:
        """Send an entry, behind those that are kept."""
        if not self._begun:
            self._send(entry)
        elif self._journal.entries:
            self._journal.add(entry)
            if time.monotonic() >= self._next:
                self._again()
        else:
            try:
                self.version = send(self.store, self.run_id, self.folder, entry) or self.version
            except Exception as error:  # as above
                self._journal.add(entry)
                self._failed(error)
                log.warning(
                    "MLflow at %s: %s; training goes on, what cannot be sent is kept in %s",
                    *(self.store.uri, self.why, self._journal.path),
                )

    def _again(self) -> None:
        kept = self.unsent
        if self.flush() and kept:
            log.warning("MLflow at %s answers again; %d entries that were kept are sent", self.store.uri, kept)
            self._wait = 0.0

    def _send(self, entry: Entry) -> None:
        try:
            send(self.store, self.run_id, self.folder, entry)
        except FAULTS as error:
            raise refused(self.store, error) from error

    def _failed(self, error: Exception) -> None:
        """Leave the store alone for a while, twice as long after each failure."""
        if not isinstance(error, FAULTS):
            log.warning("MLflow failed in an unexpected way", exc_info=error)
        self.why = why(error)
        self._wait = min(max(2 * self._wait, SHORTEST), LONGEST)
        self._next = time.monotonic() + self._wait

    def _inside(self, path: Path) -> str:
        """Relative to the folder, which may be moved before the file is sent."""
        return str(path.relative_to(self.folder))


@contextmanager
def tracked(
    store: Store, run_id: str, folder: Path, *, strict: bool = True, last: Callable[[], bool] = lambda: True
) -> Iterator[TrackedRun]:
    """Keep the status of a run true: RUNNING, then FINISHED, KILLED if stopped from outside, or FAILED.

    Args:
        store: where it is recorded.
        run_id: of the run.
        folder: its own, for what cannot be sent.
        strict: whether failures end the run until it says `begin`.
        last: asked at the end; where other processes go on with the run, it stays RUNNING.

    Raises:
        UserError: if the store refuses the run at its beginning.
    """
    run = TrackedRun(store, run_id, folder)
    try:
        if not strict:
            run.begin()
        run.running()
        yield run
    except (Stopped, KeyboardInterrupt, SystemExit):
        if last():
            _ended(run, RunStatus.KILLED)
        raise
    except BaseException as error:
        if last():
            _ended(run, RunStatus.FAILED, error)
        raise
    if last():
        run.end(run.status)


def _ended(run: TrackedRun, status: RunStatus, error: BaseException | None = None) -> None:
    """Record an end that nobody wished for; what goes wrong here must not hide why."""
    try:
        run.begin()
        if error is not None:
            run.failed(error)
    except Exception as other:
        log.warning("MLflow: the reason of the end could not be recorded with run %s: %s", run.run_id, why(other))
    try:
        run.end(RunStatus.to_string(status))
    except Exception as other:
        log.warning("MLflow: run %s could not be marked as %s: %s", run.run_id, RunStatus.to_string(status), why(other))


def start(store: Store, experiment: str, name: str, tags: Mapping[str, str], status: str = "RUNNING") -> str:
    """Create a run, return its id; its tags hold its kind.

    Raises:
        UserError: if the store refuses.
    """
    verb = VERBS[tags[KIND]]
    shown = {"mlflow.user": user(), "mlflow.source.name": verb, "mlflow.source.type": "LOCAL"}
    shown[MADE_WITH] = json.dumps(surroundings())
    try:
        with brief(CALL):
            created = store.client.create_run(store.experiment(experiment), run_name=name, tags={**shown, **tags})
            if status != "RUNNING":
                store.client.update_run(created.info.run_id, status=status)
    except FAULTS as error:
        raise refused(store, error) from error
    return str(created.info.run_id)


def user() -> str:
    """Login name; containers may have none."""
    try:
        return re.sub(r"['`]", "_", getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "unknown"


def metric_key(name: str) -> str:
    """A name that MLflow accepts; `logD@7.4` becomes `logD_7.4`, and `a//b`, which is no path, `a/_/b`."""
    parts = re.sub(r"[^\w\-. :/]", "_", name).split("/")
    return "/".join("_" if p in ("", ".", "..") else p for p in parts)


def as_params(config: Mapping[str, Any]) -> dict[str, str]:
    """What MLflow holds of a config: flattened to `train.lr`, values as they stand in its JSON."""
    return {k: _text(v)[:6000] for k, v in flatten(config).items()}


def _text(value: Any) -> str:
    return "null" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
