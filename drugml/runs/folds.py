"""The folds of one cross-validation, each trained as a run nested in that of the whole."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drugml.config.ensemble import EnsembleSpec
from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.config.splits import FileSplit
from drugml.config.training import TrainSpec
from drugml.data.splits import SplitPlan, folds
from drugml.data.splits.file import whole_hash
from drugml.errors import UserError
from drugml.runs.checks import check_config, check_dataset
from drugml.runs.dataset import Curated, Dataset, learnable, molecules_of, with_plan
from drugml.runs.ensemble import fit_run
from drugml.runs.inputs import CONFIG, SPLIT
from drugml.runs.opening import Opened, check_same, nested, start_nested
from drugml.runs.outcome import METRICS, hashes
from drugml.runs.source import lineage
from drugml.tracking.find import Found, children
from drugml.tracking.run import CV, FOLD, KIND
from drugml.tracking.store import Store
from drugml.training.listener import Listener

REPEAT, NUMBER, COUNTS = "drugml.repeat", "drugml.fold", "cv.json"


class Place(NamedTuple):
    """Which fold of which repeat, counted from 1."""

    repeat: int
    number: int

    @property
    def folder(self) -> str:
        """Its folder in that of the whole."""
        return f"r{self.repeat}f{self.number}"


class Fold(NamedTuple):
    """A fold that was trained and tested."""

    place: Place
    run_id: str
    folder: Path
    metrics: dict[str, float]
    """Such as best/val/rmse and test/rmse."""


@dataclass(frozen=True)
class Folds:
    """A curated table with the plans of a cross-validation."""

    curated: Curated
    plans: dict[Place, SplitPlan]

    @property
    def config(self) -> RunSpec:
        """Of the whole, with every `auto` replaced."""
        return self.curated.judged.config

    @cached_property
    def tags(self) -> dict[str, str]:
        """Of the whole: what it can be compared with."""
        of = hashes(self.curated.judged, whole_hash([*self.plans.values()]))
        return {**of, **lineage(self.curated.source), KIND: CV}

    @property
    def test_share(self) -> float:
        """Molecules for test over those for training, averaged over the folds."""
        return float(np.mean([p.sizes["test"] / p.sizes["train"] for p in self.plans.values()]))

    def dataset(self, place: Place, folder: Path | None = None) -> Dataset:
        """One fold as a run sees it; its config names the split file in `folder`, so that it can be trained alone."""
        judged = self.curated.judged
        if folder is not None:
            alone = FileSplit(path=str(folder / SPLIT), repeat=place.repeat, number=place.number)
            data = judged.config.data.model_copy(update={"split": alone})
            judged = replace(judged, config=judged.config.model_copy(update={"data": data}))
        return with_plan(replace(self.curated, judged=judged), self.plans[place])

    def done(self, store: Store, run_id: str, folder: Path) -> list[Fold]:
        """The folds that are complete."""
        return [
            Fold(p, r.run_id, folder / p.folder, json.loads((folder / p.folder / METRICS).read_text("utf-8")))
            for p, r in sorted(_begun(store, run_id).items())
            if r.status == "FINISHED" and (folder / p.folder / METRICS).is_file()
        ]

    def begin(self, store: Store, parent: str, folder: Path) -> dict[Place, str]:
        """Make the runs of all folds, so that none needs an answering store later; returns their ids.

        Args:
            store: where they are recorded.
            parent: run id of the whole.
            folder: of the whole.
        """
        runs = {p: r.run_id for p, r in _begun(store, parent).items()}
        for place, plan in self.plans.items():
            if place not in runs:
                tags = {KIND: FOLD, **dict(zip((REPEAT, NUMBER), map(str, place), strict=True))}
                tags |= {**hashes(self.curated.judged, plan.hash), **lineage(self.curated.source)}
                name = f"{self.config.model.name} {place.folder}"
                runs[place] = start_nested(store, parent, name, tags, folder / place.folder)
        return runs

    def train(self, place: Place, store: Store, run_id: str, whole: Path, listener: Listener) -> Fold:
        """Train and test one fold, or go on with it.

        Args:
            place: which one.
            store: where it is recorded.
            run_id: of the fold.
            whole: folder of the cross-validation.
            listener: told of the progress.

        Raises:
            UserError: as `fit_and_test`; names the fold.
        """
        dataset, folder = self.dataset(place, whole), whole / place.folder
        try:
            with nested(store, run_id, dataset.config, folder) as run:
                opened = Opened(store, run, folder)
                metrics = fit_run(dataset, opened, listener, f"drugml cv --resume {whole.name}").metrics
        except UserError as error:
            raise UserError(f"repeat {place.repeat}, fold {place.number}: {error}") from error
        return Fold(place, run_id, folder, metrics)


def _begun(store: Store, parent: str) -> dict[Place, Found]:
    """The runs of the folds that were begun."""
    return {Place(int(r.tags[REPEAT]), int(r.tags[NUMBER])): r for r in children(store, parent)}


def draw_folds(config: RunSpec, k: int, repeats: int) -> Folds:
    """Read a table and draw its folds.

    Raises:
        UserError: for whatever would stop the run.
    """
    check_config(config)
    _check_devices(config.train)
    _check_ensemble(config.ensemble)
    curated = learnable(config)
    plans = folds(curated.judged.config.data.split, molecules_of(curated), k, repeats)
    drawn = Folds(curated, {Place(p.repeat, p.number): p for p in plans})
    for place in drawn.plans:
        check_dataset(drawn.dataset(place))
    return drawn


def _check_devices(spec: TrainSpec) -> None:
    if spec.devices * spec.nodes > 1:
        raise UserError(
            f"train.devices = {spec.devices}, train.nodes = {spec.nodes}: drugml cv trains folds side by side, each on "
            "one device; use 1 of both, and --jobs"
        )


def _check_ensemble(spec: EnsembleSpec) -> None:
    """Refuse an ensemble that a fold would train in another way than `drugml train`, or not at all."""
    if spec.by == "fold":
        raise UserError(
            "ensemble.by = 'fold': within drugml cv the groups of the split are not known in a fold, so that members "
            "would not be those of drugml train; use ensemble.by=seed or ensemble.by=bagging"
        )
    if spec.member is not None:
        raise UserError(f"ensemble.member = {spec.member}: drugml cv trains all members; leave it out")


def open_folds(folder: Path, expected: dict[str, str]) -> Folds:
    """The folds of a cross-validation that has begun.

    Raises:
        UserError: if data or split are not the same any more.
    """
    counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    again = draw_folds(load(RunSpec, folder / CONFIG), counts["folds"], counts["repeats"])
    check_same(folder.name, expected, again.tags)
    return again
