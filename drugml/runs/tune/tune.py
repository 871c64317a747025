"""`tune`: search for the config that is best on the validation fold, with as many processes as work on the study."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from optuna.trial import TrialState

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.config.search import SearchSpec, load_search
from drugml.errors import Stopped, UserError, nearest
from drugml.models import ENCODERS
from drugml.runs.checks import check_config, check_library
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.tune.check import checked_space
from drugml.runs.tune.claims import DIED, NUMBER, REASON, Claim, Claims
from drugml.runs.tune.data import Tables
from drugml.runs.tune.report import BEST, Standing, shown, standing_alone
from drugml.runs.tune.space import Space, model_of
from drugml.runs.tune.storage import JOURNAL, kept
from drugml.runs.tune.study import Joined, Plan, join
from drugml.runs.tune.trial import Ended, Trials
from drugml.tasks import TASKS
from drugml.tasks.metrics import METRICS, evaluate
from drugml.tracking.run import TrackedRun, tracked
from drugml.tracking.stopping import stop_signals
from drugml.training.fit import check_monitor, check_validation
from drugml.training.listener import Listener

log = logging.getLogger(__name__)
STUDIES = "studies"
"""Folder of the journals, in that of the runs."""
WAIT = 2
"""Seconds between two looks at trials that run elsewhere."""
IN_A_ROW = 5
"""Failures one after the other, without any complete trial, that end the search: it is not the settings."""


@dataclass(frozen=True)
class Tuned:
    """A study after this command."""

    name: str
    run_id: str
    folder: Path
    standing: Standing

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the best trials."""
        return self.standing.table()

    def summary(self) -> str:
        """What a user wants to know at the end."""
        s = self.standing
        same = ", ".join(f"{k} {shown(v)}" for k, v in s.same().items())
        parts = ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed"), (TrialState.RUNNING, "running"))
        counts = "".join(f", {n} {what}" for state, what in parts if (n := s.count(state)))
        lines = [
            *([f"  in all of them: {same}"] if same and len(s.ranked) > 1 else []),
            f"study     {self.name}: {s.count(TrialState.COMPLETE)} trials complete{counts}",
            f"run       {self.run_id} (a run per trial nested in it)",
            f"folder    {self.folder}",
        ]
        if s.ranked:
            best = self.folder / BEST
            lines += [f"best      {best}", f"test it   drugml train {best}"]
        return "\n".join(lines)


def tune(
    config: RunSpec,
    search: str,
    *,
    trials: int | None,
    study: str | None,
    storage: str | None,
    report: bool,
    listener: Listener,
) -> Tuned:
    """Work on a study until it has all its trials; several commands with one study share the work.

    Args:
        config: of a run; the search sets some of its keys.
        search: file, or `drugml:gnn`.
        trials: of the whole study; those of the file if None.
        study: its name; table and that of the file if None.
        storage: as in `kept`; a journal in the folder of the runs if None.
        report: only write what the study comes to so far.
        listener: told of the progress within trials.

    Raises:
        UserError: for a mistake in config, search or data, before the first trial; if no trial is complete.
        Stopped: on Ctrl-C or SIGTERM; the trial under way is given back.
    """
    with stop_signals():
        spec, where = load_search(search)
        spec = spec if trials is None else SearchSpec.model_validate({**spec.model_dump(), "trials": trials})
        check_config(config)
        _check_alone(config)
        space = checked_space(config, spec, where)
        for branch in space.branches():
            check_library(model_of(branch))
        plan = _plan(spec, space, study)
        url = storage or str(Path(config.tracking.folder) / STUDIES / f"{plan.name}{JOURNAL}")
        with kept(url, plan.name) as place:
            joined = join(place, plan, create=not report)
            claims = Claims(joined.study, place.locks, plan.space, spec, spec.trials)
            again = f"the same command (study {plan.name})"
            log.info("study %s in %s: %d of %d trials have ended", plan.name, place.shown, claims.ended, claims.asked)
            work = Trials(plan.tables, joined.store, joined.run_id, joined.folder, plan.metric, again)
            if not report:
                try:
                    _work(claims, work, joined, listener)
                except Stopped as stopped:
                    raise Stopped(stopped.exit_code, again) from None
            return _reported(claims, plan, joined)


def _plan(spec: SearchSpec, space: Space, study: str | None) -> Plan:
    """Read the table, and check what depends on it."""
    first = space.config(space.draw(lambda p: p.values[0] if p.values else p.distribution.low))
    dataset = prepare(first)
    log.info("%s", dataset.summary())
    task = dataset.config.task
    resolved = space.base.with_batch_size(len(dataset.smiles)).model_copy(
        update={"task": task, "data": dataset.config.data}
    )
    space = replace(space, base=standing_alone(resolved))
    metric = spec.metric or TASKS[type(task)].metrics[0]  # type: ignore[attr-defined]
    _check_metric(metric, dataset)
    for data in space.branches():
        one = check(RunSpec, data, {(): "config"})
        check_monitor(one)
        if type(one.model) in ENCODERS:
            check_validation(one, dataset.training)
    direction = "maximize" if METRICS[metric].higher_is_better else "minimize"
    log.info("search for the best val/%s over", metric)
    for line in space.lines():
        log.info("%s", line)
    if (size := space.size) is not None and size < spec.trials:
        log.info(
            "the space has %d points, fewer than the %d trials that were asked for: %d trials", size, spec.trials, size
        )
    name = study or f"{dataset.judged.name}-{spec.study}"
    return Plan(name, spec, space, dataset, Tables(dataset), metric, direction)


def _check_alone(config: RunSpec) -> None:
    """Refuse what a trial is not.

    Raises:
        UserError: for several devices, or an ensemble.
    """
    if config.train.devices * config.train.nodes > 1:
        raise UserError(
            f"train.devices = {config.train.devices}, train.nodes = {config.train.nodes}: a trial is trained by one "
            "process; use 1 of both, and run `drugml tune` on each device"
        )
    if config.ensemble.members > 1:
        raise UserError(
            f"ensemble.members = {config.ensemble.members}: a search trains single models; leave it out here, and set "
            "it for `drugml train best.yaml`"
        )


def _check_metric(metric: str, dataset: Dataset) -> None:
    """Refuse a metric that the task does not have, or that the validation fold leaves undefined.

    Raises:
        UserError: with what to use instead.
    """
    known = TASKS[type(dataset.config.task)].metrics  # type: ignore[attr-defined]
    if metric not in known:
        raise UserError(f"metric {metric!r} is no {dataset.config.task.kind} metric; {nearest(metric, known)}")
    _, labels = dataset.training.fold("val")
    if math.isnan(evaluate((metric,), dataset.training.targets, labels, labels)[metric]):
        raise UserError(
            f"metric {metric!r} is undefined on the validation fold, whatever a model predicts; choose another one, or "
            "a split with a larger validation fold"
        )


@contextmanager
def _run(claims: Claims, joined: Joined) -> Iterator[TrackedRun]:
    """The study's run; while others work on it, it stays RUNNING."""

    def last() -> bool:
        with claims.alone():
            return not claims.others()

    with tracked(joined.store, joined.run_id, joined.folder, last=last) as run:
        yield run


def _work(claims: Claims, work: Trials, joined: Joined, listener: Listener) -> None:
    with _run(claims, joined):
        try:
            _run_trials(claims, work, listener)
        except BaseException:
            claims.give_back()
            raise
        for entry in claims.entries():
            if entry.state == TrialState.FAIL and REASON not in entry.user_attrs:
                work.lost(entry.user_attrs[NUMBER], DIED)
        if not any(t.state == TrialState.COMPLETE for t in claims.entries()):
            raise UserError(f"none of the {len(claims.entries())} trials is complete; see their runs")


def _run_trials(claims: Claims, work: Trials, listener: Listener) -> None:
    """Until all have ended, here or elsewhere."""
    failures, told = 0, False
    while True:
        if (claim := claims.claim()) is not None:
            ended = _tried(claims, work, claim, listener)
            failures = failures + 1 if ended.state == TrialState.FAIL else 0
            if failures >= IN_A_ROW and not any(t.state == TrialState.COMPLETE for t in claims.entries()):
                raise UserError(f"{failures} trials in a row failed and none is complete; the last: {ended.reason}")
        elif claims.complete:
            return
        else:
            if not told and (others := claims.others()):
                log.info("waiting for trials that other processes run: %s", ", ".join(map(str, others)))
                told = True
            time.sleep(WAIT)


def _tried(claims: Claims, work: Trials, claim: Claim, listener: Listener) -> Ended:
    start = time.monotonic()
    ended = work.run(claim, claims.space.config(claim.point), listener)
    counted = claims.end(claim, ended.state, ended.value, ended.reason)
    work.forget(claim.number)
    if not counted:
        log.warning("trial %d was taken for lost and runs elsewhere; this result is left out", claim.number)
        return ended
    what = {TrialState.COMPLETE: "", TrialState.PRUNED: "pruned ", TrialState.FAIL: "failed: "}[ended.state]
    value = f"{work.metric} {ended.value:.4f}" if ended.value is not None else ended.reason
    settings = ", ".join(f"{k} {shown(v)}" for k, v in claims.space.readable(claim.point).items())
    seconds = time.monotonic() - start
    log.info("trial %d of %d: %s%s  %.0f s  (%s)", claim.number, claims.asked, what, value, seconds, settings)
    return ended


def _reported(claims: Claims, plan: Plan, joined: Joined) -> Tuned:
    run = TrackedRun(joined.store, joined.run_id, joined.folder)
    with claims.alone():
        standing = Standing(claims, claims.entries(), plan.metric, plan.direction == "maximize")
        files = standing.write(joined.folder, plan.name, joined.run_id, plan.tags)
        run.metrics(standing.metrics())
        for file in files:
            run.file(file)
    return Tuned(plan.name, joined.run_id, joined.folder, standing)
