"""An ensemble: each member a run nested in that of the whole, all of them joined to one model.

Shape letters: K members, I molecules, T targets.
"""

import csv
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drugml.data.elements import bits_of_symbols, together
from drugml.data.splits.file import write as write_split
from drugml.errors import UserError
from drugml.prediction import bundle
from drugml.prediction.ensemble import TrainedEnsemble
from drugml.prediction.predictor import Predictor
from drugml.prediction.spec import Member
from drugml.runs.dataset import Dataset
from drugml.runs.inputs import SPLIT
from drugml.runs.members import members_of
from drugml.runs.opening import Opened, nested, start_nested
from drugml.runs.outcome import BUNDLE, METRICS, Outcome, fit_and_test, hashes, tested
from drugml.runs.source import lineage
from drugml.tasks import TASKS
from drugml.tasks.metrics import evaluate
from drugml.tracking.find import Found, children
from drugml.tracking.run import KIND, MEMBER
from drugml.training.data import TrainingData
from drugml.training.listener import Listener

log = logging.getLogger(__name__)
NUMBER, MEMBERS_CSV = "drugml.member", "members.csv"


class Done(NamedTuple):
    """A member that was trained and tested."""

    number: int
    run_id: str
    folder: Path
    metrics: dict[str, float]
    seconds: float
    """That its training took."""


def fit_run(dataset: Dataset, opened: Opened, listener: Listener, again: str) -> Outcome:
    """Train, or go on with, what a config asks for: a model, or all members of an ensemble joined to one.

    Args:
        dataset: what to learn.
        opened: the run.
        listener: told of the progress.
        again: the command that goes on after a failure, for messages.

    Raises:
        UserError: as `fit_and_test`; names the member.
    """
    if not dataset.config.ensemble.whole:
        return fit_and_test(dataset, opened.run, opened.folder, listener, again)
    members = members_of(dataset)
    begun = _begun(opened)
    runs = {n: begun[n].run_id if n in begun else _start(n, m, opened) for n, m in enumerate(members, 1)}
    done: list[Done] = []
    for number, member in enumerate(members, 1):
        kept = _kept(number, begun.get(number), opened)
        done.append(kept or _train(number, member, runs[number], opened, listener, again))
        log.info("member %d of %d%s: %s", number, len(members), " was done" if kept else "", _headline(done[-1]))
    return _join(dataset, [m.training for m in members], done, opened)


def _begun(opened: Opened) -> dict[int, Found]:
    found = children(opened.store, opened.run.run_id)
    return {int(r.tags[NUMBER]): r for r in found if NUMBER in r.tags}


def _kept(number: int, found: Found | None, opened: Opened) -> Done | None:
    """A member that is complete."""
    folder = opened.folder / f"m{number}"
    if found is None or found.status != "FINISHED" or not (folder / METRICS).is_file():
        return None
    metrics = json.loads((folder / METRICS).read_text("utf-8"))
    return Done(number, found.run_id, folder, metrics, found.metrics.get("train_seconds", 0.0))


def _start(number: int, dataset: Dataset, opened: Opened) -> str:
    of = hashes(dataset.judged, dataset.training.plan.hash) | lineage(dataset.training.source)
    tags = of | {KIND: MEMBER, NUMBER: str(number)}
    name, folder = f"{dataset.config.model.name} m{number}", opened.folder / f"m{number}"
    return start_nested(opened.store, opened.run.run_id, name, tags, folder)


def _train(number: int, dataset: Dataset, run_id: str, opened: Opened, listener: Listener, again: str) -> Done:
    config, plan, folder = dataset.config, dataset.training.plan, opened.folder / f"m{number}"
    try:
        with nested(opened.store, run_id, config, folder) as run:
            write_split(folder / SPLIT, config.data.split, [plan], {"ensemble": config.ensemble.model_dump()})
            outcome = fit_and_test(dataset, run, folder, listener, again)
    except UserError as error:
        raise UserError(f"member {number}: {error}") from error
    return Done(number, run_id, folder, *outcome)


def _join(dataset: Dataset, seen: Sequence[TrainingData], done: Sequence[Done], opened: Opened) -> Outcome:
    """Make one bundle of all, and test it."""
    run, folder = opened.run, opened.folder
    own = [bundle.load(d.folder / BUNDLE) for d in done]
    members = tuple(Member(shift=p.spec.shift, scale=p.spec.scale, provenance=p.spec.provenance) for p in own)
    of = hashes(dataset.judged, dataset.training.plan.hash) | lineage(dataset.training.source)
    about = {**of, "run": run.run_id}
    met = [bits_of_symbols(e) for p in own if (e := p.spec.elements) is not None]
    written = {
        "members": members,
        "config": dataset.config.model_dump(mode="json"),
        "provenance": about,
        "elements": tuple(together(np.stack(met))) if len(met) == len(own) else None,  # a member of older code has none
    }
    joined = Predictor(own[0].spec.model_copy(update=written), TrainedEnsemble([p.trained for p in own]))
    bundle.save(joined, folder / BUNDLE)
    predictor = bundle.load(folder / BUNDLE)  # what is tested is what was saved
    metrics = {f"best/val/{k}": v for k, v in _validated(dataset, seen, predictor).items()}
    names = dict.fromkeys(n for d in done for n in d.metrics if n.startswith(("best/val/", "test/")))
    metrics |= {f"members/{n}": float(np.mean([d.metrics.get(n, np.nan) for d in done])) for n in names}
    _write(done, folder)
    run.file(folder / MEMBERS_CSV)
    seconds = sum(d.seconds for d in done)
    return Outcome(tested(dataset, run, folder, predictor, metrics, seconds), seconds)


def _validated(dataset: Dataset, seen: Sequence[TrainingData], predictor: Predictor) -> dict[str, float]:
    """Metrics of the molecules that members validated on, each predicted by the mean of those members only."""
    data, config = dataset.training, dataset.config
    mine = np.stack([np.isin(np.arange(len(data.low)), d.plan.indices("val")) for d in seen])  # (K, M)
    at = np.flatnonzero(mine.any(axis=0))
    each = predictor.trained.each(data.store, at, predictor.batch)
    share = mine[:, at, None] / mine[:, at, None].sum(axis=0)
    predicted = (each * share).sum(axis=0)
    return evaluate(TASKS.build(config.task).metrics, data.targets, data.exact(at), predicted)


def _write(done: Sequence[Done], folder: Path) -> None:
    names = [*dict.fromkeys(k for d in done for k in d.metrics)]
    with (folder / MEMBERS_CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["member", "run", *names])
        writer.writerows([d.number, d.run_id, *(d.metrics.get(n, "") for n in names)] for d in done)


def _headline(done: Done) -> str:
    name = next(n for n in done.metrics if n.startswith("test/"))
    return f"{name} {done.metrics[name]:.4f}"
