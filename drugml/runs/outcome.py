"""One model fitted, saved, tested and logged: what a single run and each fold of a cross-validation have in common."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drugml.config.labels import P
from drugml.config.run import RunSpec
from drugml.data.elements import ELEMENTS, together
from drugml.data.memory import give_back
from drugml.data.targets import as_written
from drugml.errors import UserError
from drugml.evaluation.plots import plot
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.featurizer import digest
from drugml.prediction import bundle
from drugml.prediction.ensemble import spread
from drugml.prediction.predictor import Predictor
from drugml.prediction.spec import BundleSpec
from drugml.prediction.versions import used, versions
from drugml.runs.cost import Meter, peak_memory
from drugml.runs.dataset import Dataset
from drugml.runs.joint import joint
from drugml.runs.judged import Judged
from drugml.runs.recording import Recorder
from drugml.runs.source import lineage
from drugml.tasks import TASKS
from drugml.tasks.metrics import definition_hash, evaluate
from drugml.tracking.run import TrackedRun
from drugml.training.data import TrainingData
from drugml.training.finite import NotFinite
from drugml.training.fit import Fitted, fit
from drugml.training.listener import Listener

CHECKPOINT, BUNDLE, PREDICTIONS, METRICS = "last.ckpt", "bundle", "test_predictions.csv", "metrics.json"
HISTORY = "metrics.csv"
"""Of every epoch."""
PER_TARGET = 10
"""With more targets than this, single targets are in metrics.json only, so that the UI stays readable."""


class Outcome(NamedTuple):
    """What came out."""

    metrics: dict[str, float]
    """Such as best/val/rmse and test/rmse."""
    seconds: float
    """That training took."""


def fit_and_test(dataset: Dataset, run: TrackedRun, folder: Path, listener: Listener, again: str) -> Outcome:
    """Train, or go on from the checkpoint in `folder`; leave there the bundle, its metrics and test predictions.

    Args:
        dataset: what to learn.
        run: where it is logged.
        folder: of the run.
        listener: told of the progress.
        again: the command that goes on after a failure, for messages.

    Raises:
        UserError: if the loss is not finite or the folder cannot be written.
    """
    with _writable(folder, again):
        with joint(dataset, folder / CHECKPOINT, again), Meter() as meter:
            fitted = _fitted(dataset, folder, Recorder(listener, run, folder / HISTORY))
        run.tags(fitted.tags)
        cost = {**peak_memory(), **({} if meter.kwh is None else {"train_kwh": meter.kwh})}
        bundle.save(Predictor(spec_of(dataset, fitted, run.run_id), fitted.trained), folder / BUNDLE)
        predictor = bundle.load(folder / BUNDLE)  # what is tested is what was saved
        metrics = tested(dataset, run, folder, predictor, best_metrics(fitted), fitted.seconds)
        run.metrics(cost)  # last: the compare page of MLflow opens with the metric that was logged first
        return Outcome(metrics, fitted.seconds)


@contextmanager
def _writable(folder: Path, again: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written: {error.strerror or error}; make room and go on with: {again}"
        ) from error


def _fitted(dataset: Dataset, folder: Path, listener: Listener) -> Fitted:
    """Fit; a loss that is not finite is said with the label that may be to blame."""
    data = dataset.training
    try:
        return fit(dataset.config.with_member_seed(), data, folder / CHECKPOINT, listener)
    except NotFinite as error:
        at = np.array(error.molecules, np.int64)
        train = data.written("train")
        labels = as_written(data.low[at], data.high[at])
        apart = np.abs(labels - np.nanmean(train, axis=0)) / np.maximum(np.nanstd(train, axis=0), 1e-12)
        if not len(at) or np.isnan(apart).all():
            raise
        i, t = np.unravel_index(np.nanargmax(apart), apart.shape)
        raise UserError(
            f"{error}\nOf the {len(at)} molecules of that step the label furthest from the mean is {data.targets[t]} = "
            f"{labels[i, t]:g} (line {dataset.lines[at[i]]}), {apart[i, t]:.1f} standard deviations off"
        ) from error


def tested(
    dataset: Dataset,
    run: TrackedRun,
    folder: Path,
    predictor: Predictor,
    metrics: dict[str, float],
    seconds: float,
) -> dict[str, float]:
    """Test what was trained in `seconds`, log it with `metrics`, and keep the files; returns all metrics."""
    metrics = metrics | _test(dataset, predictor, folder)
    run.metrics({**readable(dataset.config, metrics), "train_seconds": seconds})
    (folder / METRICS).write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    for file in sorted(folder.iterdir()):
        if file.name in (METRICS, HISTORY, PREDICTIONS) or file.suffix == ".png":
            run.file(file)
    return metrics


def fit_recorded(
    config: RunSpec, data: TrainingData, run: TrackedRun, folder: Path, listener: Listener, again: str
) -> Fitted:
    """Fit on the training fold, judge on the validation fold, and record every epoch; arguments as `fit_and_test`.

    Raises:
        UserError: if the loss is not finite or the folder cannot be written.
    """
    with _writable(folder, again):
        return fit(config, data, folder / CHECKPOINT, Recorder(listener, run, folder / HISTORY))


def best_metrics(fitted: Fitted) -> dict[str, float]:
    """Metrics of the chosen epoch, such as best/val/rmse."""
    epoch = {} if fitted.best_epoch is None else {"best/epoch": float(fitted.best_epoch)}
    return {f"best/{k}": v for k, v in fitted.best.items() if k != "lr"} | epoch


def _test(dataset: Dataset, predictor: Predictor, folder: Path) -> dict[str, float]:
    """Predict the test fold, write it, plot it, and compute its metrics from what was written."""
    data, config = dataset.training, dataset.config
    indices, labels = data.fold("test")
    each = predictor.trained.each(data.store, indices, predictor.batch)
    give_back()
    predicted = np.asarray(each.mean(axis=0))
    apart = spread(each) if predictor.spec.members else np.empty((len(indices), 0))
    header = ["line", "smiles", *data.targets, *(f"{t}_pred" for t in data.targets), *predictor.spec.spreads]
    with (folder / PREDICTIONS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        shown = predictor.natural(labels), predictor.natural(predicted)
        for i, y, *said in zip(indices, *shown, apart, strict=True):
            known = ["" if np.isnan(v) else repr(float(v)) for v in y]
            writer.writerow([dataset.lines[i], dataset.smiles[i], *known, *(repr(float(v)) for s in said for v in s)])
    plot(config.task.kind, data.targets, labels, predicted, folder / "test.png")
    names = TASKS.build(config.task).metrics
    return {f"test/{k}": v for k, v in evaluate(names, data.targets, labels, predicted).items()}


def spec_of(dataset: Dataset, fitted: Fitted, run_id: str) -> BundleSpec:
    """What a bundle says of itself, for a model that was fitted in a run."""
    config, data = dataset.config, dataset.training
    features = FEATURIZERS.build(config.featurizer).describe()
    return BundleSpec(
        targets=data.targets,
        units={**getattr(config.task, "units", {}), **label_units(config)},
        log10=tuple(t for t, s in config.data.labels.items() if s.log10),
        positive=dataset.judged.positive,
        task=config.task,
        featurizer=config.featurizer,
        model=config.model,
        head=config.head,
        standardize=config.data.standardize,
        max_atoms=config.data.max_atoms,
        elements=tuple(together(data.store.molecule[ELEMENTS][data.plan.indices("train")])),
        shift=fitted.scaling.shift,
        scale=fitted.scaling.scale,
        features=features,
        features_hash=digest(features),
        versions=used([config.model.name, *config.featurizer.names]),
        config=config.model_dump(mode="json"),
        provenance={**hashes(dataset.judged, data.plan.hash), **lineage(data.source), "run": run_id},
    )


def label_units(config: RunSpec) -> dict[str, str]:
    """Target to the unit its labels are in, where the config says so."""
    units = {t: s.to or s.unit for t, s in config.data.labels.items() if s.threshold is None}
    return {t: "-log10(mol/L)" if u == P else u for t, u in units.items() if u is not None}


def hashes(judged: Judged, split: str) -> dict[str, str]:
    """Tags that say what can be compared: runs with equal hashes of data, split and metrics.

    Args:
        judged: the table.
        split: hash of the plan, or of all plans of a cross-validation.
    """
    logarithmic = [t for t, s in judged.config.data.labels.items() if s.log10]
    return {
        "drugml.data_hash": judged.hash,
        "drugml.split_hash": split,
        "drugml.metrics_hash": definition_hash(TASKS.build(judged.config.task).metrics, logarithmic),
        "drugml.version": versions()["drugml"],
    }


def readable(config: RunSpec, metrics: dict[str, float]) -> dict[str, float]:
    """Without the metrics of single targets where there are many of them."""
    targets = config.data.targets
    single = {f"/{t}" for t in targets} if len(targets) > PER_TARGET else set()
    return {k: v for k, v in metrics.items() if not any(k.endswith(t) for t in single)}
