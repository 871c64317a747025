"""A study opened or joined: it is bound to its data, folds, metric, config and space, and has one run in MLflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.samplers import RandomSampler

from drugml.config.dump import to_yaml
from drugml.config.leaves import flatten
from drugml.config.search import SearchSpec
from drugml.data.splits.file import write as write_split
from drugml.errors import UserError, nearest
from drugml.runs.dataset import Dataset
from drugml.runs.inputs import CONFIG, REJECTS, SPLIT, check_writable, write_rejects
from drugml.runs.tune.data import Tables
from drugml.runs.tune.propose import pruner
from drugml.runs.tune.space import Space
from drugml.runs.tune.storage import Kept
from drugml.tracking.find import lookup
from drugml.tracking.run import KIND, TUNE, start, tracked
from drugml.tracking.store import Store, connect

BOUND, RUN = "bound", "run"
"""Attributes of a study: what it is bound to, and its MLflow run."""
SEARCH = "search.yaml"


class Plan(NamedTuple):
    """What a command asks of a study."""

    name: str
    spec: SearchSpec
    space: Space
    dataset: Dataset
    tables: Tables
    metric: str
    direction: str

    @property
    def tags(self) -> dict[str, str]:
        """Hashes of data, split and metrics."""
        return self.tables.tags

    def binding(self) -> dict[str, Any]:
        """What must be the same for all who work on the study; where runs are kept and on what hardware may differ."""
        config = self.space.base.model_dump(mode="json", exclude={"data", "tracking"})
        for machine in ("accelerator", "devices", "nodes", "compile", "matmul_precision"):
            config["train"].pop(machine)
        hashes = {k.removeprefix("drugml."): v for k, v in self.tags.items() if k.endswith("_hash")}
        return {**hashes, "metric": self.metric, "space": self.space.described(), "config": config}


@dataclass(frozen=True)
class Joined:
    """A study that this process may work on."""

    study: optuna.Study
    store: Store
    run_id: str
    folder: Path


def join(kept: Kept, plan: Plan, *, create: bool) -> Joined:
    """Open the study of a plan, or begin it.

    Args:
        kept: the storage.
        plan: what is asked of it.
        create: whether it may be begun.

    Raises:
        UserError: if it is bound to something else, or was not made by drugml, or its run is not found.
    """
    store = connect(plan.space.base.tracking.uri)
    with kept.locks.alone():
        names = optuna.get_all_study_names(kept.storage)
        if not create and plan.name not in names:
            raise UserError(f"there is no study {plan.name!r} in {kept.shown}; {_known(plan.name, names)}")
        study = optuna.create_study(
            storage=kept.storage,
            study_name=plan.name,
            direction=plan.direction,
            load_if_exists=True,
            pruner=pruner(plan.spec),
            sampler=RandomSampler(),  # never asked: `proposed` is
        )
        _bind(study, plan, kept)
        if (run_id := study.user_attrs.get(RUN)) is None:
            run_id, folder = _begin(plan, kept, store)
            study.set_user_attr(RUN, run_id)
        else:
            folder = _found(plan, store, run_id)
    return Joined(study, store, run_id, folder)


def _known(name: str, names: list[str]) -> str:
    return nearest(name, names) if names else "there is none"


def _bind(study: optuna.Study, plan: Plan, kept: Kept) -> None:
    now, then = plan.binding(), study.user_attrs.get(BOUND)
    if then is None:
        if study.get_trials(deepcopy=False):
            raise UserError(
                f"study {plan.name!r} in {kept.shown} was not made by drugml; choose another name with --study"
            )
        study.set_user_attr(BOUND, json.dumps(now))
        return
    if differences := _differences(json.loads(then), now):
        raise UserError(
            "\n".join(
                [
                    f"study {plan.name!r} in {kept.shown} is another one; its trials cannot be compared with yours:",
                    *differences,
                    "begin one of its own with --study NAME",
                ]
            )
        )


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    before, after = flatten(then), flatten(now)
    lines = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            values = [_short(side.get(key, "nothing")) for side in (before, after)]
            name = key.removeprefix("config.").replace("space.", "space: ", 1)
            lines.append(f"  {name}: {values[0]} in the study, {values[1]} here")
    return lines


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text[:12] if len(text) == 64 and " " not in text else text


def _begin(plan: Plan, kept: Kept, store: Store) -> tuple[str, Path]:
    """Record the study's run, with what it searches on what; no label of any fold is written."""
    config, judged = plan.space.base, plan.dataset.judged
    experiment = config.tracking.experiment or judged.name
    root = Path(config.tracking.folder).absolute()
    check_writable(root)
    about = {KIND: TUNE, "drugml.study": plan.name, "drugml.storage": kept.shown}
    run_id = start(store, experiment, config.tracking.run or plan.name, plan.tags | about)
    folder = root / experiment / run_id
    folder.mkdir(parents=True)
    with tracked(store, run_id, folder) as run:
        run.tags({"drugml.folder": str(folder)})
        (folder / CONFIG).write_text(to_yaml(config), encoding="utf-8")
        (folder / SEARCH).write_text(to_yaml(plan.spec), encoding="utf-8")
        write_split(folder / SPLIT, config.data.split, [plan.dataset.training.plan], {})
        write_rejects(plan.dataset, folder)
        search = plan.spec.model_dump(mode="json", exclude={"space", "trials"})
        run.params({**config.model_dump(mode="json"), "search": {**search, "space": plan.space.described()}})
        run.dataset(judged.name, judged.hash, str(judged.path))
        for name in (CONFIG, SEARCH, SPLIT, f"{SPLIT}.json", REJECTS):
            run.file(folder / name)
    return run_id, folder


def _found(plan: Plan, store: Store, run_id: str) -> Path:
    """The folder of a study that was begun, made where this host does not have it."""
    try:
        run = lookup(store, run_id)
    except UserError as error:
        raise UserError(
            f"study {plan.name!r}: {error}; its runs are recorded elsewhere: name that store with tracking.uri or "
            "MLFLOW_TRACKING_URI"
        ) from None
    folder = Path(run.tags["drugml.folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(plan.space.base.tracking.folder).absolute() / run.experiment / run_id
        check_writable(folder)
    return folder
