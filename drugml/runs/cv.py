"""`cv`: one model trained and tested on every fold of a cross-validation, as one parent run and a child per fold."""

import json
import logging
import os
import shlex
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import Thread

import torch

from drugml.config.run import RunSpec
from drugml.data.chunks import cores
from drugml.data.worker import FORKS, warm_up
from drugml.errors import Stopped, UserError
from drugml.evaluation.intervals import Interval
from drugml.runs.folds import COUNTS, Fold, Folds, Place, draw_folds, open_folds
from drugml.runs.lock import sole
from drugml.runs.opening import begun, found_again, resumed
from drugml.runs.outcome import readable
from drugml.runs.scores import logged, scores, shown, write_scores
from drugml.runs.source import test_keys, unseen
from drugml.tracking.journal import unsent
from drugml.tracking.run import CV, TrackedRun, tracked
from drugml.tracking.stopping import stop_signals
from drugml.tracking.store import Store, connect
from drugml.training.listener import Listener, Silent

log = logging.getLogger(__name__)
GRACE = 30
"""Seconds in which a worker may end its run after its parent is gone."""


@dataclass(frozen=True)
class CvResult:
    """A finished cross-validation."""

    run_id: str
    folder: Path
    folds: list[Fold]
    scores: dict[str, Interval]
    """Metric to its mean over folds."""
    unsent: int = 0
    """Entries of it and its folds that are kept until the store answers again."""

    def summary(self) -> str:
        """What a user wants to know at the end."""
        where = [f"run       {self.run_id} ({len(self.folds)} runs nested in it)", f"folder    {self.folder}"]
        if self.unsent:
            where.append(
                f"unsent    {self.unsent} entries; send them with: drugml sync {shlex.quote(str(self.folder))}"
            )
        return "\n".join([*shown(self.scores), *where])


@dataclass(frozen=True)
class Whole:
    """A cross-validation on its way; travels to worker processes."""

    run_id: str
    folder: Path
    uri: str
    tags: dict[str, str]
    runs: dict[Place, str]
    """Run ids of the folds."""


def cross_validate(config: RunSpec, k: int, repeats: int, jobs: int | None, listener: Listener) -> CvResult:
    """Train and test a model on all folds of all repeats, track them, and average.

    Args:
        config: of a run; its split says how folds are drawn.
        k: folds.
        repeats: of the k folds, each drawn anew.
        jobs: folds trained at a time, each in a process of its own; as many as cores or GPUs if None.
        listener: told of the progress where there is one job.

    Raises:
        UserError: for a mistake in data or config, before anything is recorded.
        Stopped: on Ctrl-C or SIGTERM; can be resumed.
    """
    with stop_signals():
        _import_ahead(jobs)
        drawn = draw_folds(config, k, repeats)
        dataset, name = drawn.dataset(Place(1, 1)), f"{drawn.config.model.name} cv"
        counts = {"folds": k, "repeats": repeats}
        test = test_keys(dataset.training.store, drawn.plans.values())
        tags = {**drawn.tags, **unseen(drawn.curated.source, test, drawn.config.tracking.uri)}
        with begun(dataset, [*drawn.plans.values()], name, tags, {"cv": counts}) as (store, run, folder):
            (folder / COUNTS).write_text(json.dumps(counts), encoding="utf-8")
            runs = drawn.begin(store, run.run_id, folder)
            whole = Whole(run.run_id, folder, store.uri, drawn.tags, runs)
            done = _finish(drawn, whole, [], run, jobs, listener)
        return replace(done, unsent=unsent(folder))


def resume_cv(reference: str, jobs: int | None, listener: Listener, uri: str | None = None) -> CvResult:
    """Go on with a cross-validation: folds that are complete are kept, one that was interrupted goes on.

    Args:
        reference: run id, run folder, or `last`.
        jobs: as in `cross_validate`.
        listener: likewise.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if it is complete, its folder is gone, or data or split are not the same any more.
    """
    with stop_signals():
        _import_ahead(jobs)
        store, found, folder = found_again(reference, CV, COUNTS, uri)
        drawn = open_folds(folder, found.tags)
        complete = drawn.done(store, found.run_id, folder)
        if found.status == "FINISHED" and len(complete) == len(drawn.plans):
            raise UserError(f"run {found.run_id} is complete (FINISHED); there is nothing to resume")
        with sole(folder), tracked(store, found.run_id, folder) as run:
            runs = drawn.begin(store, run.run_id, folder)
            run.begin()
            resumed(run, found.tags)
            whole = Whole(run.run_id, folder, store.uri, found.tags, runs)
            done = _finish(drawn, whole, complete, run, jobs, listener)
        return replace(done, unsent=unsent(folder))


def _import_ahead(jobs: int | None) -> None:
    """Begin to import, once for all, what processes need that train folds; before any others are started.

    Where there is a GPU each imports for itself: what an import does to CUDA does not outlive a fork.
    """
    if jobs != 1 and not torch.cuda.is_available():
        warm_up([__name__])


def _finish(
    drawn: Folds, whole: Whole, done: list[Fold], run: TrackedRun, jobs: int | None, listener: Listener
) -> CvResult:
    complete, start = {f.place for f in done}, time.monotonic()
    left = [p for p in drawn.plans if p not in complete]
    if done:
        log.info("%d of %d folds are done", len(done), len(drawn.plans))
    try:
        for n, fold in enumerate(_trained(drawn, whole, run.store, left, jobs, listener), 1):
            done.append(fold)
            ahead = _minutes((len(left) - n) * (time.monotonic() - start) / n)
            of = f"{len(done)} of {len(drawn.plans)} done, about {ahead} left"
            log.info("repeat %d, fold %d: %s; %s", *fold.place, _headline(fold), of)
    except Stopped as stopped:
        raise Stopped(stopped.exit_code, f"drugml cv --resume {whole.run_id}") from None
    done.sort(key=lambda f: f.place)
    found = scores(done, drawn.test_share)
    run.metrics(readable(drawn.config, logged(found)))
    for file in write_scores(done, whole.folder):
        run.file(file)
    return CvResult(whole.run_id, whole.folder, done, found)


def _trained(
    drawn: Folds, whole: Whole, store: Store, left: Sequence[Place], jobs: int | None, listener: Listener
) -> Iterator[Fold]:
    """Folds as they are done."""
    gpus = torch.cuda.device_count() if drawn.config.train.accelerator != "cpu" else 0
    lanes = min(jobs or gpus or cores(), len(left))
    if lanes <= 1:
        yield from (drawn.train(p, store, whole.runs[p], whole.folder, listener) for p in left)
        return
    context = get_context("forkserver" if FORKS and not gpus else "spawn")
    lane = context.Value("i", 0)
    pool = ProcessPoolExecutor(lanes, context, _begin, (whole, max(1, cores() // lanes), gpus, lane))
    futures = [pool.submit(_train, p) for p in left]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise UserError(
            f"a process that trained a fold was killed, perhaps for want of memory; with fewer --jobs, go on with: "
            f"drugml cv --resume {whole.run_id}"
        ) from None
    finally:
        for future in futures:
            future.cancel()
        for child in active_children():  # folds under way are marked as KILLED and can go on
            child.terminate()
        pool.shutdown()  # only once: a second call would not wait


_own: tuple[Folds, Whole, Store]
"""Of a worker process."""
_stopped = False
"""Whether a worker process was told to stop; a fold may have been handed to it before."""


def _begin(whole: Whole, threads: int, gpus: int, lane: "object") -> None:
    """Make a worker ready: the table is read again, its features come from the cache."""
    global _own  # noqa: PLW0603  a worker is made for one cross-validation
    with lane.get_lock():  # type: ignore[attr-defined]
        number = lane.value  # type: ignore[attr-defined]
        lane.value += 1  # type: ignore[attr-defined]
    if gpus > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % gpus)
    torch.set_num_threads(threads)
    Thread(target=_end_with_parent, daemon=True).start()
    _own = open_folds(whole.folder, whole.tags), whole, connect(whole.uri)


def _end_with_parent() -> None:
    """Do not outlive a parent that was killed: the pool would wait for its next task for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # the fold under way is marked as KILLED
    time.sleep(GRACE)
    os._exit(1)


def _train(place: Place) -> Fold:
    global _stopped  # noqa: PLW0603  as `_own`
    drawn, whole, store = _own
    try:
        with stop_signals():
            if _stopped:
                raise Stopped(128 + signal.SIGTERM)
            return drawn.train(place, store, whole.runs[place], whole.folder, Silent())
    except Stopped:
        _stopped = True
        raise


def _headline(fold: Fold) -> str:
    name = next(n for n in fold.metrics if n.startswith("test/"))
    return f"{name} {fold.metrics[name]:.4f}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
