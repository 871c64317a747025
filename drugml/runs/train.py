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
from drugml.runs.ensemble import fit_run
from drugml.runs.inputs import CONFIG
from drugml.runs.joint import together
from drugml.runs.judged import Judging
from drugml.runs.lock import sole
from drugml.runs.members import members_of
from drugml.runs.model_card import MODEL_CARD, write_model_card
from drugml.runs.opening import Opened, begun, check_same, found_again, resumed
from drugml.runs.outcome import BUNDLE, hashes
from drugml.runs.report import REPORT, dispensable, examined, write_report
from drugml.runs.source import lineage, test_keys, unseen
from drugml.tasks import TASKS
from drugml.tracking import models
from drugml.tracking.journal import unsent
from drugml.tracking.run import KIND, TRAIN, TrackedRun, tracked
from drugml.tracking.stopping import stop_signals
from drugml.training.listener import Listener

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """A finished run."""

    run_id: str
    folder: Path
    name: str
    """Of the registered model."""
    version: models.Version | None
    """None where it could not be registered yet."""
    metrics: dict[str, float]
    """Such as best/val/rmse and test/rmse."""
    store: str
    unsent: int = 0
    """Entries that are kept in the folder until the store answers again."""

    def summary(self) -> str:
        """What a user wants to know at the end."""
        rows = [f"  {k:<28}{v:10.4f}" for k, v in self.metrics.items() if k.count("/") < 3]
        where = [f"run       {self.run_id}", f"folder    {self.folder}"]
        if self.version is None:
            where.append(f"model     {self.name} is not registered yet: the store does not answer")
            model = shlex.quote(str(self.folder / BUNDLE))
        else:
            where.append(f"model     {self.version.uri} (alias candidate)")
            model = shlex.quote(f"models:/{self.name}@{models.CANDIDATE}")
        where.append(f"predict   drugml predict {model} INPUT --out FILE")
        if self.unsent:
            where.append(
                f"unsent    {self.unsent} entries; send them with: drugml sync {shlex.quote(str(self.folder))}"
            )
        return "\n".join([*rows, *where])


def plan(config: RunSpec, judging: Judging | None = None) -> str:
    """Check config, data and model without training; what would be done, as text.

    Args:
        config: of a run.
        judging: its table, if that is being judged already.

    Raises:
        UserError: for whatever would stop the run.
    """
    dataset = prepared(config, judging)
    _unseen(dataset)
    data, plan = dataset.judged.hash[:12], dataset.training.plan.hash[:12]
    return f"{dataset.summary()}\ndata {data}, split {plan}\n\n{to_yaml(dataset.config)}"


def train(config: RunSpec, listener: Listener, judging: Judging | None = None) -> Result:
    """Train, track and register.

    Args:
        config: of a run.
        listener: told of the progress.
        judging: its table, if that is being judged already.

    Raises:
        UserError: for a mistake in data or config, before anything is recorded.
        Stopped: on Ctrl-C or SIGTERM; the run is then KILLED and can be resumed.
    """
    with stop_signals():
        dataset = prepared(config, judging)
        plans, tags = [dataset.training.plan], {**_tags(dataset), **_unseen(dataset)}
        with (
            together(config.train),
            begun(dataset, plans, _name(dataset.config), tags, {}) as opened,
        ):
            metrics = _finish(dataset, opened, listener)
        return _result(dataset, opened.run, metrics)


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
        store, found, folder = found_again(reference, TRAIN, CONFIG, uri)
        if found.status == "FINISHED":
            raise UserError(f"run {found.run_id} is complete (FINISHED); there is nothing to resume")
        dataset = prepared(load(RunSpec, folder / CONFIG))
        check_same(found.run_id, found.tags, _tags(dataset))
        with together(dataset.config.train), sole(folder), tracked(store, found.run_id, folder) as run:
            run.begin()
            resumed(run, found.tags)
            metrics = _finish(dataset, Opened(store, run, folder), listener)
        return _result(dataset, run, metrics)


def prepared(config: RunSpec, judging: Judging | None = None) -> Dataset:
    """The table of a config, checked, in the folds that the run sees; arguments as in `plan`.

    Raises:
        UserError: for whatever would stop the run.
    """
    check_config(config)
    dataset = prepare(config, judging)
    if (member := config.ensemble.member) is not None:
        dataset = members_of(dataset)[member - 1]
    check_dataset(dataset)
    log.info("%s", dataset.summary())
    return dataset


def _name(config: RunSpec) -> str:
    """Of a run."""
    spec = config.ensemble
    more = f" m{spec.member}" if spec.member else " ensemble" if spec.whole else ""
    return f"{config.model.name}{more}"


def _finish(dataset: Dataset, opened: Opened, listener: Listener) -> dict[str, float]:
    metrics = fit_run(dataset, opened, listener, f"drugml train --resume {opened.run.run_id}").metrics
    text = _told(dataset, opened, metrics)
    opened.run.model(opened.folder / BUNDLE, _registered_as(dataset), _version_tags(dataset, metrics), text)
    return metrics


def _told(dataset: Dataset, opened: Opened, metrics: dict[str, float]) -> str:
    """Write report and model card; returns the card in short, or nothing where it could not be made."""
    text, run, folder = "", opened.run, opened.folder
    with dispensable(f"{REPORT} and {MODEL_CARD}"):
        seen = examined(dataset, folder)
        with dispensable(REPORT):
            write_report(dataset, run, folder, seen)
        with dispensable(MODEL_CARD):
            text = write_model_card(dataset, run, folder, seen, metrics)
    return text


def _result(dataset: Dataset, run: TrackedRun, metrics: dict[str, float]) -> Result:
    name, left = _registered_as(dataset), unsent(run.folder)
    return Result(run.run_id, run.folder, name, run.version, metrics, run.store.uri, left)


def _registered_as(dataset: Dataset) -> str:
    return dataset.config.tracking.register_as or model_name(dataset)


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
    of = hashes(dataset.judged, dataset.training.plan.hash)
    return {**of, **lineage(dataset.training.source), KIND: TRAIN}


def _unseen(dataset: Dataset) -> dict[str, str]:
    data = dataset.training
    return unseen(data.source, test_keys(data.store, [data.plan]), dataset.config.tracking.uri)


def _version_tags(dataset: Dataset, metrics: dict[str, float]) -> dict[str, str]:
    head = TASKS.build(dataset.config.task).metrics[0]
    several = {"members": str(dataset.config.ensemble.members)} if dataset.config.ensemble.whole else {}
    return {
        **_tags(dataset),
        "model": dataset.config.model.name,
        **several,
        f"test_{head}": f"{metrics[f'test/{head}']:.6g}",
    }
