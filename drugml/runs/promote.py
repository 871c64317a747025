"""`registry promote` and `rollback`: which version is the champion, and the gate before it changes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from drugml.config.tasks import ClassificationSpec
from drugml.errors import UserError
from drugml.evaluation.comparison.verdict import Verdict
from drugml.prediction.bundle import load
from drugml.runs.candidates import Candidate, candidates, differences, fetched
from drugml.runs.compare import over_test
from drugml.tasks import TASKS
from drugml.tracking import models
from drugml.tracking.find import Found, lookup
from drugml.tracking.models import Version
from drugml.tracking.moving import ORIGIN_RUN
from drugml.tracking.run import IMPORT, KIND, TRAIN, user
from drugml.tracking.store import Store, connect

HASHES = ("drugml.data_hash", "drugml.split_hash", "drugml.metrics_hash")


class Check(NamedTuple):
    """One thing that was looked at."""

    what: str
    passed: bool | None
    """None where nothing can be said; that does not stop a promotion."""
    said: str

    def line(self) -> str:
        """For a terminal."""
        word = {True: "ok", False: "refused", None: "unknown"}[self.passed]
        return f"  {word:<9}{self.what:<12}{self.said}"


@dataclass(frozen=True)
class Promoted:
    """A version that is the champion now."""

    version: Version
    before: Version | None
    """The champion before it."""
    overruled: tuple[Check, ...] = ()
    """What was refused and forced."""

    def summary(self) -> str:
        """One line."""
        if self.before == self.version:
            return f"{self.version.uri} is {_title(self.version)} already; nothing was changed"
        was = f"; it was version {self.before.version}" if self.before else ""
        forced = " by force" if self.overruled else ""
        return f"{self.version.uri} is now {_title(self.version)}{forced}{was}"


def promote(
    name: str, version: str | None, force: bool, uri: str | None, say: Callable[[str], object] = str
) -> Promoted:
    """Make a version the champion, if it passes the gate.

    Args:
        name: of the registered model.
        version: number or alias; the candidate if None.
        force: promote all the same; who, when and what was refused stays with the version as tags.
        uri: tracking URI, as in `connect`.
        say: is told of each check.

    Raises:
        UserError: if there is no such version, or the gate refuses it.
    """
    store = connect(uri)
    chosen, before = models.choose(store, name, version), models.champion(store, name)
    if chosen == before:
        return Promoted(chosen, chosen)
    checks = []
    with TemporaryDirectory() as files:
        for check in _gate(store, chosen, before, Path(files)):
            say(check.line())
            checks.append(check)
    refused = tuple(c for c in checks if c.passed is False)
    if refused and not force:
        raise UserError(
            "\n".join([
                f"{chosen.uri} is not promoted:",
                *(f"  {c.what}: {c.said}" for c in refused),
                "mend this, or promote it all the same with --force, which leaves a trace",
            ])
        )  # fmt: skip
    tags = _trace("promoted")
    if refused:
        tags = _trace("forced") | {"drugml.forced_over": "\n".join(f"{c.what}: {c.said}" for c in refused)}
    return Promoted(models.crown(store, chosen, tags), before, refused)


def rollback(name: str, uri: str | None) -> Promoted:
    """Make the version champion that was it before.

    Raises:
        UserError: if there was none, or its bundle cannot be used any more.
    """
    store = connect(uri)
    before, former = models.champion(store, name), models.former_champion(store, name)
    if former is None:
        now = f"version {before.version} is the first" if before else "it never had one"
        raise UserError(f"{name}: there is no champion to go back to, {now}; use `drugml registry promote {name}`")
    load(models.fetch(store, former.uri))
    again = models.uncrown(store, former)
    if before is not None:
        models.tag(store, before, _trace("rolled_back"))
    return Promoted(again, before)


def _gate(store: Store, chosen: Version, before: Version | None, files: Path) -> Iterator[Check]:
    """All checks, in order; those that need a finished run are left out where there is none."""
    if not chosen.run_id:
        yield Check("run", False, "none; the version was registered without one")
        return
    try:
        found = lookup(store, chosen.run_id)
    except UserError as error:
        yield Check("run", False, str(error))
        return
    trained = found.tags.get(KIND) == TRAIN and found.status == "FINISHED"
    what = f"{found.tags.get(KIND, 'another program')}, {found.status}"
    yield Check("run", trained, f"{found.run_id} ({what}{'' if trained else '; expected train, FINISHED'})")
    yield _bundle(store, chosen, found)
    if not trained:
        return
    try:
        challenger = fetched(found, files / "challenger")
    except UserError as error:
        yield Check("files", False, str(error))
        return
    yield _finite(challenger)
    if before is None:
        yield Check("champion", True, "none yet")
    elif before.run_id == chosen.run_id:
        yield Check("champion", True, f"version {before.version} is of the same run")
    else:
        yield from _beside(store, found, before, files)


def _bundle(store: Store, chosen: Version, found: Found) -> Check:
    try:
        spec = load(models.fetch(store, chosen.uri)).spec
    except UserError as error:
        return Check("bundle", False, str(error))
    own = {"run": found.tags.get(ORIGIN_RUN, found.run_id), **{k: found.tags.get(k, "") for k in HASHES}}
    if found.tags.get(KIND) == IMPORT:  # was made before the run
        own = {}
    if other := [k for k, v in own.items() if spec.provenance.get(k) != v]:
        return Check("bundle", False, f"is not of this run, it differs in: {', '.join(other)}")
    return Check("bundle", True, f"loads, and gives the predictions of {len(spec.probes)} probes as when it was saved")


def _finite(challenger: Candidate) -> Check:
    """Means over targets; a metric of one target may be undefined, as where a test fold has one class only."""
    scores = {k: float(v[0]) for k, v in challenger.scores.items() if "/" not in k}
    shown = ", ".join(f"{k} {v:.4g}" for k, v in scores.items())
    missing = [k for k in TASKS.build(challenger.config.task).metrics if not math.isfinite(scores.get(k, math.nan))]
    undefined = f"; not finite: {', '.join(missing)}" if missing else ""
    return Check("metrics", not missing, shown + undefined)


def _beside(store: Store, found: Found, before: Version, files: Path) -> Iterator[Check]:
    """Whether the runs of challenger and champion can be compared, and if so whether the challenger is worse."""
    try:
        other = lookup(store, before.run_id)
        differing = "; ".join(d.strip() for d in differences([found, other]))
        yield Check("comparable", not differing, differing or "data, split and metrics are those of the champion")
        if not differing:
            runs = candidates([found, other], files)
            yield _not_worse(runs, before)
            yield _calibrated(runs, before)
    except UserError as error:
        yield Check("champion", False, str(error))


def _not_worse(runs: list[Candidate], before: Version) -> Check:
    metric = TASKS.build(runs[0].config.task).metrics[0]
    verdict, said = _compared(metric, runs, before)
    return Check("champion", verdict != Verdict.WORSE, said)


def _calibrated(runs: list[Candidate], before: Version) -> Check:
    """Whether probabilities are shown to be worse than the champion's, in themselves and not by their order.

    The calibration error alone favours a model that says next to nothing, so that a better Brier score outweighs it.
    """
    if not isinstance(runs[0].config.task, ClassificationSpec):
        return Check("calibration", None, "not judged: numbers without intervals (the spread of an ensemble is none)")
    (brier, said), (ece, more) = (_compared(metric, runs, before) for metric in ("brier", "ece"))
    worse = brier == Verdict.WORSE or (ece == Verdict.WORSE and brier != Verdict.BETTER)
    return Check("calibration", not worse, f"{said}; {more}")


def _compared(metric: str, runs: list[Candidate], before: Version) -> tuple[Verdict, str]:
    """What is said of the challenger, the first run, beside the champion."""
    labels = ["challenger", "champion"]
    result = over_test(metric, runs, labels, 0.0)
    own, other = map(result.names.index, labels)
    verdict, test, mean = result.verdict(own, other), result.test, result.mean
    ends = f"{test.low[own, other]:+.4g} to {test.high[own, other]:+.4g}"
    return verdict, (
        f"{metric} {mean[own]:.4g} beside {mean[other]:.4g} of version {before.version}, difference "
        f"{test.difference[own, other]:+.4g} ({ends}, {len(runs[0].tested[0])} test molecules): {verdict.value}"
    )


def _trace(event: str) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {f"drugml.{event}_by": user(), f"drugml.{event}_at": now}


def _title(version: Version) -> str:
    return f"models:/{version.name}@{models.CHAMPION}"
