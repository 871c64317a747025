"""`train` and `resume`: one run from table to registered model."""

import csv
import json
import logging
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drugml.config.dump import to_yaml
from drugml.config.labels import P
from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.evaluation.plots import plot
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.featurizer import digest
from drugml.models import ENCODERS
from drugml.prediction import bundle
from drugml.prediction.predictor import Predictor
from drugml.prediction.spec import BundleSpec
from drugml.prediction.versions import versions
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.inputs import CONFIG, INPUTS, check_writable, write_inputs
from drugml.runs.lock import sole
from drugml.runs.recording import Recorder
from drugml.runs.stopping import stop_signals
from drugml.tasks import TASKS
from drugml.tasks.metrics import definition_hash, evaluate
from drugml.tracking import models
from drugml.tracking.run import TrackedRun, find, metric_key, start, tracked
from drugml.tracking.store import Store, connect
from drugml.training.fit import Fitted, check_devices, check_monitor, check_validation, fit
from drugml.training.listener import Listener

log = logging.getLogger(__name__)

CHECKPOINT, BUNDLE, PREDICTIONS = "last.ckpt", "bundle", "test_predictions.csv"
PER_TARGET = 10
"""With more targets than this, single targets are in metrics.json only, so that the UI stays readable."""


@dataclass(frozen=True)
class Result:
    """A finished run."""

    run_id: str
    folder: Path
    version: models.Version
    metrics: dict[str, float]
    """Such as best/val/rmse and test/rmse."""
    store: str

    def summary(self) -> str:
        """What a user wants to know at the end."""
        rows = [f"  {k:<28}{v:10.4f}" for k, v in self.metrics.items() if k.count("/") < 3]
        where = [
            f"run       {self.run_id}",
            f"folder    {self.folder}",
            f"model     {self.version.uri} (alias candidate)",
        ]
        model = shlex.quote(f"models:/{self.version.name}@{models.CANDIDATE}")
        use = f"predict   drugml predict {model} INPUT --out FILE"
        return "\n".join([*rows, *where, use])


def plan(config: RunSpec) -> str:
    """Check config, data and model without training; what would be done, as text.

    Raises:
        UserError: for whatever would stop the run.
    """
    dataset = _prepared(config)
    data, plan = dataset.judged.hash[:12], dataset.training.plan.hash[:12]
    return f"{dataset.summary()}\ndata {data}, split {plan}\n\n{to_yaml(dataset.config)}"


def train(config: RunSpec, listener: Listener) -> Result:
    """Train, track and register.

    Raises:
        UserError: for a mistake in data or config, before anything is recorded.
        Stopped: on Ctrl-C or SIGTERM; the run is then KILLED and can be resumed.
    """
    with stop_signals():
        dataset = _prepared(config)
        store = connect(config.tracking.uri)
        experiment = config.tracking.experiment or dataset.judged.name
        folder = Path(config.tracking.folder).absolute()
        check_writable(folder)
        name = config.tracking.run or dataset.config.model.name
        run_id = start(store, experiment, name, _tags(dataset))
        folder = folder / experiment / run_id
        with tracked(store, run_id) as run:
            folder.mkdir(parents=True)
            run.tags({"drugml.folder": str(folder)})
            write_inputs(dataset, folder)
            run.params(dataset.config.model_dump(mode="json"))
            run.dataset(dataset.judged.name, dataset.judged.hash, str(dataset.judged.path))
            for file in INPUTS:
                if (folder / file).exists():
                    run.file(folder / file)
            with sole(folder):
                return _finish(dataset, store, run, folder, listener)


def resume(reference: str, listener: Listener, uri: str | None = None) -> Result:
    """Go on with a run that was interrupted, in the same MLflow run and from its last epoch.

    Args:
        reference: run id, run folder, or `last`.
        listener: told of the progress.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if the run is complete, its folder is gone, or data or split are not the same any more.
    """
    with stop_signals():
        if (Path(reference) / CONFIG).is_file():
            uri = uri or load(RunSpec, Path(reference) / CONFIG).tracking.uri
            reference = Path(reference).resolve().name
        store = connect(uri)
        run_id, tags, status = find(store, reference)
        if status == "FINISHED":
            raise UserError(f"run {run_id} is complete (FINISHED); there is nothing to resume")
        folder = Path(tags.get("drugml.folder", ""))
        if not (folder / CONFIG).is_file():
            raise UserError(
                f"run {run_id}: its folder {str(folder)!r} has no {CONFIG}; it cannot be resumed, train anew"
            )
        dataset = _prepared(load(RunSpec, folder / CONFIG))
        now = _tags(dataset)
        if changed := [k for k in now if k.endswith("_hash") and tags.get(k) != now[k]]:
            raise UserError(
                f"run {run_id}: {', '.join(changed)} changed since it was started; "
                "resuming would mix two experiments, train anew"
            )
        with sole(folder), tracked(store, run_id) as run:
            return _finish(dataset, store, run, folder, listener)


def _prepared(config: RunSpec) -> Dataset:
    check_devices(config.train)
    _check_names(config.data.targets)
    dataset = prepare(config)
    check_monitor(dataset.config)
    if type(dataset.config.model) in ENCODERS:  # a baseline has no epochs to choose from
        check_validation(dataset.config, dataset.training)
    log.info("%s", dataset.summary())
    return dataset


def _check_names(targets: Sequence[str]) -> None:
    """Refuse targets that MLflow could not tell apart: their metrics would overwrite each other."""
    by_key: dict[str, str] = {}
    for name in targets:
        other = by_key.setdefault(metric_key(name), name)
        if other != name:
            raise UserError(
                f"targets {other!r} and {name!r}: both are called {metric_key(name)!r} in MLflow, which allows "
                "letters, digits and _ - . / : only; rename one column"
            )


def _finish(dataset: Dataset, store: Store, run: TrackedRun, folder: Path, listener: Listener) -> Result:
    config = dataset.config
    recorder = Recorder(listener, run, folder / "metrics.csv")
    try:
        fitted = fit(config, dataset.training, folder / CHECKPOINT, recorder)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written: {error.strerror or error}; make room and go on with: "
            f"drugml train --resume {run.run_id}"
        ) from error
    spec = bundle.save(Predictor(_spec(dataset, fitted, run.run_id), fitted.trained), folder / BUNDLE)
    predictor = bundle.load(folder / BUNDLE)  # what is tested is what was saved
    metrics = {f"best/{k}": v for k, v in fitted.best.items() if k != "lr"}
    if fitted.best_epoch is not None:
        metrics["best/epoch"] = float(fitted.best_epoch)
    metrics |= _test(dataset, predictor, folder)
    run.metrics({**_readable(dataset, metrics), "train_seconds": fitted.seconds})
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    for file in sorted(folder.iterdir()):
        if file.name in ("metrics.json", "metrics.csv", PREDICTIONS) or file.suffix == ".png":
            run.file(file)
    uri = models.log_model(store, run.run_id, folder / BUNDLE, spec)
    name = config.tracking.register_as or model_name(dataset)
    version = models.register(store, name, uri, run.run_id, _version_tags(dataset, metrics))
    return Result(run.run_id, folder, version, metrics, store.uri)


def _test(dataset: Dataset, predictor: Predictor, folder: Path) -> dict[str, float]:
    """Predict the test fold, write it, plot it, and compute its metrics from what was written."""
    data, config = dataset.training, dataset.config
    indices, labels = data.fold("test")
    predicted = predictor.trained.predict(data.store, indices, config.train.batch_size)
    header = ["line", "smiles", *data.targets, *(f"{t}_pred" for t in data.targets)]
    with (folder / PREDICTIONS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        shown = predictor.natural(labels), predictor.natural(predicted)
        for i, y, p in zip(indices, *shown, strict=True):
            known = ["" if np.isnan(v) else repr(float(v)) for v in y]
            writer.writerow([dataset.lines[i], dataset.smiles[i], *known, *(repr(float(v)) for v in p)])
    plot(config.task.kind, data.targets, labels, predicted, folder / "test.png")
    names = TASKS.build(config.task).metrics
    return {f"test/{k}": v for k, v in evaluate(names, data.targets, labels, predicted).items()}


def _spec(dataset: Dataset, fitted: Fitted, run_id: str) -> BundleSpec:
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
        shift=fitted.scaling.shift,
        scale=fitted.scaling.scale,
        features=features,
        features_hash=digest(features),
        versions=versions(),
        config=config.model_dump(mode="json"),
        provenance={**_tags(dataset), "run": run_id},
    )


def label_units(config: RunSpec) -> dict[str, str]:
    """Target to the unit its labels are in, where the config says so."""
    units = {t: s.to or s.unit for t, s in config.data.labels.items() if s.threshold is None}
    return {t: "-log10(mol/L)" if u == P else u for t, u in units.items() if u is not None}


def model_name(dataset: Dataset) -> str:
    """Default name in the registry: table and targets, fit to be typed in a shell.

    `/` and `:` are not allowed there, quotes break searches.
    """
    targets = "-".join(dataset.training.targets)
    name = (
        f"{dataset.judged.name}-{targets}"
        if len(targets) <= 60
        else f"{dataset.judged.name}-{len(dataset.training.targets)}-targets"
    )
    return re.sub(r"[^\w.+-]", "_", name)


def _tags(dataset: Dataset) -> dict[str, str]:
    logarithmic = [t for t, s in dataset.config.data.labels.items() if s.log10]
    return {
        "drugml.data_hash": dataset.judged.hash,
        "drugml.split_hash": dataset.training.plan.hash,
        "drugml.metrics_hash": definition_hash(TASKS.build(dataset.config.task).metrics, logarithmic),
        "drugml.version": versions()["drugml"],
    }


def _version_tags(dataset: Dataset, metrics: dict[str, float]) -> dict[str, str]:
    head = TASKS.build(dataset.config.task).metrics[0]
    return {**_tags(dataset), "model": dataset.config.model.name, f"test_{head}": f"{metrics[f'test/{head}']:.6g}"}


def _readable(dataset: Dataset, metrics: dict[str, float]) -> dict[str, float]:
    """Without the metrics of single targets where there are many of them."""
    targets = dataset.training.targets
    single = {f"/{t}" for t in targets} if len(targets) > PER_TARGET else set()
    return {k: v for k, v in metrics.items() if not any(k.endswith(t) for t in single)}
