"""`reproduce`: train a recorded run again from what is recorded of it, and say how far the numbers are apart.

Shape letters: M molecules, T targets.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.config.tasks import ClassificationSpec
from drugml.errors import Stopped, UserError
from drugml.prediction.versions import changed, surroundings
from drugml.runs.candidates import SAME, Candidate
from drugml.runs.ensemble import fit_run
from drugml.runs.inputs import CONFIG
from drugml.runs.joint import together
from drugml.runs.opening import begun
from drugml.runs.outcome import METRICS, PREDICTIONS, hashes
from drugml.runs.source import lineage
from drugml.runs.train import prepared
from drugml.tracking.find import Found, children, download, lookup
from drugml.tracking.journal import unsent
from drugml.tracking.run import CV, FOLD, KIND, MADE_WITH, MEMBER, REPRODUCTION, RESUMED_WITH, TRAIN
from drugml.tracking.stopping import stop_signals
from drugml.tracking.store import Store, connect
from drugml.training.listener import Listener

ROUNDING = 1e-3
"""Largest difference of a prediction that is called rounding, in standard deviations of the labels: other
instruction sets and numbers of threads add in another order, and training carries that on."""


class Verdict(Enum):
    """How far a reproduction is from the original."""

    IDENTICAL = "identical"
    ROUNDING = "within rounding"
    DIFFERENT = "different"


class Apart(NamedTuple):
    """Predictions of a target."""

    target: str
    largest: float
    """Difference over the test molecules; of a target learned as log10, of its log10."""
    scale: float
    """Standard deviation of the labels; 1 for probabilities."""

    @property
    def relative(self) -> float:
        """The largest difference in units of the scale."""
        return self.largest / self.scale


@dataclass(frozen=True)
class Reproduction:
    """A run beside the one that it reproduces."""

    original: str
    run_id: str
    changed: list[str]
    """Code, packages and hardware that are not what they were, with both values."""
    metrics: list[tuple[str, float, float]]
    """Name, value there, value here."""
    predictions: list[Apart]
    unsent: int = 0

    @property
    def verdict(self) -> Verdict:
        """By metrics and predictions."""
        if all(a == b or (np.isnan(a) and np.isnan(b)) for _, a, b in self.metrics) and not any(
            p.largest for p in self.predictions
        ):
            return Verdict.IDENTICAL
        near = all(p.relative <= ROUNDING for p in self.predictions)  # NaN is not near
        return Verdict.ROUNDING if near else Verdict.DIFFERENT

    def summary(self) -> str:
        """What follows the table of metrics."""
        changed = "; ".join(self.changed) or "nothing: code, packages and processor are the same"
        apart = [f"{p.target} {p.largest:.3g} ({p.relative:.2g} SD of the labels)" for p in self.predictions]
        lines = [f"changed   {changed}", f"largest difference of a test prediction: {', '.join(apart)}"]
        return "\n".join(
            [*lines, f"run       {self.run_id} reproduces {self.original}", f"verdict   {self.verdict.value}"]
        )


def reproduce(reference: str, listener: Listener, data: str | None = None, uri: str | None = None) -> Reproduction:
    """Train a run again, as a run of its own that makes no model version.

    Args:
        reference: of a run of `train`, or of a fold or member of one of `cv` or an ensemble.
        listener: told of the progress.
        data: where the table is now, if it was moved.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such run, it is not complete, or table, split or metrics are not what they were.
        Stopped: on Ctrl-C or SIGTERM.
    """
    with stop_signals(), TemporaryDirectory() as files:
        store = connect(uri)
        found = lookup(store, reference)
        _check(store, found)
        dataset = prepared(_config(found, Path(files), data))
        tags = hashes(dataset.judged, dataset.training.plan.hash) | lineage(dataset.training.source)
        _check_same(found, tags, dataset.config.data.path)
        for name in (METRICS, PREDICTIONS):
            download(found, name, Path(files))
        tags |= {KIND: REPRODUCTION, "drugml.reproduces": found.run_id}
        again = f"drugml reproduce {found.run_id}"
        try:
            with (
                together(dataset.config.train),
                begun(dataset, [dataset.training.plan], f"{found.name} again", tags, {}) as opened,
            ):
                metrics = fit_run(dataset, opened, listener, again).metrics
                (Path(files) / CONFIG).write_bytes((opened.folder / CONFIG).read_bytes())
                pair = [Candidate(found, f) for f in (Path(files), opened.folder)]
                done = Reproduction(
                    original=found.run_id,
                    run_id=opened.run.run_id,
                    changed=changed_since(found.tags),
                    metrics=_beside(json.loads((Path(files) / METRICS).read_text("utf-8")), metrics),
                    predictions=_apart(*pair),
                )
                opened.run.tags({"drugml.reproduction": done.verdict.value})
        except Stopped as stopped:
            raise Stopped(stopped.exit_code, again) from None
        return Reproduction(**{**vars(done), "unsent": unsent(opened.folder)})


def changed_since(tags: Mapping[str, str]) -> list[str]:
    """What else was used at its beginning, or when it was resumed, than now."""
    if MADE_WITH not in tags:
        return ["the run does not say what it was made with"]
    now, then = surroundings(), [json.loads(tags[t]) for t in (MADE_WITH, RESUMED_WITH) if t in tags]
    return [*dict.fromkeys(line for made in then for line in changed(made, now))]


def _check(store: Store, found: Found) -> None:
    kind = found.tags.get(KIND)
    if kind == CV:
        folds = ", ".join(f"{r.run_id[:12]} ({r.name})" for r in children(store, found.run_id)[:3])
        raise UserError(f"run {found.run_id}: is a cross-validation; reproduce one of its folds, such as {folds}")
    if kind not in (TRAIN, FOLD, MEMBER, REPRODUCTION):
        raise UserError(f"run {found.run_id}: is a {kind or 'run of another program'}, expected one of `drugml train`")
    if found.status != "FINISHED":
        raise UserError(f"run {found.run_id}: is {found.status}, not FINISHED; there are no numbers to come to")


def _config(found: Found, files: Path, data: str | None) -> RunSpec:
    """That of the run, recorded where and under the name that the run is."""
    own = Path(found.tags.get("drugml.folder", "")) / CONFIG
    nested = found.tags.get(KIND) in (FOLD, MEMBER)
    if nested and not own.is_file():
        raise UserError(f"run {found.run_id}: its config {str(own)!r} is gone; reproduce it where it was trained")
    config = load(RunSpec, own if nested else download(found, CONFIG, files))
    where = config.tracking.model_copy(update={"uri": found.store.uri, "experiment": found.experiment, "run": None})
    table = config.data.model_copy(update={"path": data}) if data else config.data
    return config.model_copy(update={"tracking": where, "data": table})


def _check_same(found: Found, now: Mapping[str, str], table: str) -> None:
    differing = [
        f"  {what}: found {now[tag]}, expected {found.tags.get(tag)}"
        for tag, what in SAME.items()
        if tag in now and now[tag] != found.tags.get(tag)
    ]
    if differing:
        raise UserError(
            "\n".join(
                [
                    f"run {found.run_id} cannot be reproduced from {table}, these hashes differ:",
                    *differing,
                    "use the table as it was then (--data), and the drugml that it was trained with "
                    f"({found.tags.get('drugml.version')})",
                ]
            )
        )


def _beside(there: dict[str, float], here: dict[str, float]) -> list[tuple[str, float, float]]:
    return [(n, there.get(n, np.nan), here.get(n, np.nan)) for n in dict.fromkeys([*there, *here])]


def _apart(there: Candidate, here: Candidate) -> list[Apart]:
    """Differences of the predictions, target by target; infinite where other molecules were tested."""
    lines, labels, predicted = there.tested
    now, _, again = here.tested
    targets, classes = there.config.data.targets, isinstance(there.config.task, ClassificationSpec)
    scales = np.ones(len(targets)) if classes else np.maximum(np.nanstd(labels, axis=0), 1e-12)
    apart = np.abs(again - predicted).max(axis=0) if lines == now else np.full(len(targets), np.inf)
    return [Apart(*row) for row in zip(targets, apart.tolist(), scales.tolist(), strict=True)]
