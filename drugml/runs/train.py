"""`train` and `resume`: one run from table to registered model."""

import logging
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from drugml.config.dump import to_yaml
from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.runs.checks import check_config, check_dataset
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.inputs import CONFIG, INPUTS, check_writable, write_inputs
from drugml.runs.lock import sole
from drugml.runs.outcome import BUNDLE, fit_and_test, hashes
from drugml.runs.stopping import stop_signals
from drugml.tasks import TASKS
from drugml.tracking import models
from drugml.tracking.run import KIND, TRAIN, TrackedRun, find, start, tracked
from drugml.tracking.store import Store, connect
from drugml.training.listener import Listener

log = logging.getLogger(__name__)


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
            write_inputs(dataset, folder, [dataset.training.plan])
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
        run_id, tags, status = find(store, reference, TRAIN)
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
    check_config(config)
    dataset = prepare(config)
    check_dataset(dataset)
    log.info("%s", dataset.summary())
    return dataset


def _finish(dataset: Dataset, store: Store, run: TrackedRun, folder: Path, listener: Listener) -> Result:
    outcome = fit_and_test(dataset, run, folder, listener, f"drugml train --resume {run.run_id}")
    uri = models.log_model(store, run.run_id, folder / BUNDLE, outcome.spec)
    name = dataset.config.tracking.register_as or model_name(dataset)
    version = models.register(store, name, uri, run.run_id, _version_tags(dataset, outcome.metrics))
    return Result(run.run_id, folder, version, outcome.metrics, store.uri)


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
    return {**hashes(dataset.judged, dataset.training.plan.hash), KIND: TRAIN}


def _version_tags(dataset: Dataset, metrics: dict[str, float]) -> dict[str, str]:
    head = TASKS.build(dataset.config.task).metrics[0]
    return {**_tags(dataset), "model": dataset.config.model.name, f"test_{head}": f"{metrics[f'test/{head}']:.6g}"}
