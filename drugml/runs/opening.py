"""The beginning of a recorded run, and finding it again to go on."""

import json
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from drugml.config.dump import to_yaml
from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.data.splits import SplitPlan
from drugml.errors import UserError
from drugml.prediction.versions import changed, surroundings
from drugml.runs.dataset import Dataset
from drugml.runs.inputs import CONFIG, INPUTS, check_writable, write_inputs
from drugml.runs.lock import sole
from drugml.runs.sync import sync
from drugml.tracking.find import Found, find, lookup
from drugml.tracking.journal import Journal
from drugml.tracking.run import MADE_WITH, PARENT, RESUMED_WITH, TrackedRun, as_params, start, tracked
from drugml.tracking.store import Store, connect

log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """A run that is under way, and its own folder."""

    store: Store
    run: TrackedRun
    folder: Path


@contextmanager
def begun(
    dataset: Dataset, plans: Sequence[SplitPlan], name: str, tags: Mapping[str, str], more: Mapping[str, Any]
) -> Iterator[Opened]:
    """Record a new run, with all that says what it is trained on, and hold its folder.

    Args:
        dataset: in the folds of the first plan.
        plans: one, or those of a cross-validation.
        name: of the run, where the config has none.
        tags: of the run.
        more: parameters beside the config.

    Raises:
        UserError: if the store or the folder cannot be written; once all is recorded, only the folder matters.
    """
    config, judged = dataset.config, dataset.judged
    store = connect(config.tracking.uri)
    experiment = config.tracking.experiment or judged.name
    root = Path(config.tracking.folder).absolute()
    check_writable(root)
    run_id = start(store, experiment, config.tracking.run or name, tags)
    folder = root / experiment / run_id
    folder.mkdir(parents=True)
    with tracked(store, run_id, folder) as run:
        run.tags({"drugml.folder": str(folder)})
        write_inputs(dataset, folder, plans)
        run.params({**config.model_dump(mode="json"), **more})
        run.dataset(judged.name, judged.hash, str(judged.path))
        for file in INPUTS:
            if (folder / file).exists():
                run.file(folder / file)
        run.begin()
        with sole(folder):
            yield Opened(store, run, folder)


def start_nested(store: Store, parent: str, name: str, tags: Mapping[str, str], folder: Path) -> str:
    """Create a run inside that of the whole, return its id; it is SCHEDULED until it is trained.

    All of them are made at the beginning, so that none needs an answering store later.
    """
    inside = {PARENT: parent, "drugml.folder": str(folder)}
    return start(store, lookup(store, parent).experiment, name, {**tags, **inside}, "SCHEDULED")


@contextmanager
def nested(store: Store, run_id: str, config: RunSpec, folder: Path) -> Iterator[TrackedRun]:
    """Train in a run inside another, and hold its folder, which gets the config that trains it alone."""
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(to_yaml(config), encoding="utf-8")
    with sole(folder), tracked(store, run_id, folder, strict=False) as run:
        run.params(config.model_dump(mode="json"))
        yield run


def found_again(reference: str, kind: str, marker: str, uri: str | None) -> tuple[Store, Found, Path]:
    """A run that was begun, and its folder.

    Args:
        reference: run id, run folder, or `last`.
        kind: of run.
        marker: file that the folder of such a run has.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such run, its folder is gone, or its config is another one than at the beginning.
    """
    if (Path(reference) / marker).is_file():
        uri = uri or load(RunSpec, Path(reference) / CONFIG).tracking.uri
        reference = Path(reference).resolve().name
    store = connect(uri)
    found = find(store, reference, kind)
    folder = Path(found.tags.get("drugml.folder", ""))
    if not (folder / marker).is_file():
        raise UserError(
            f"run {found.run_id}: its folder {str(folder)!r} has no {marker}; it cannot be resumed, start anew"
        )
    if Journal(folder, found.run_id, store.uri).complete:
        raise UserError(
            f"run {found.run_id} is complete, but not all of it is recorded; send the rest with: "
            f"drugml sync {shlex.quote(str(folder))}"
        )
    _check_config(found, folder / CONFIG)
    list(sync(str(folder), store.uri))  # else nested runs that are complete but not sent would be trained again
    return store, found, folder


def resumed(run: TrackedRun, tags: Mapping[str, str]) -> None:
    """Record what a run goes on with, and say where that is not what it was begun with."""
    now = surroundings()
    run.tags({RESUMED_WITH: json.dumps(now)})
    if others := changed(json.loads(tags[MADE_WITH]), now) if MADE_WITH in tags else []:
        log.warning(
            "run %s was begun with something else, so that its numbers will be of a mixture; train anew for those of "
            "one: %s",
            run.run_id,
            "; ".join(others),
        )


def _check_config(found: Found, path: Path) -> None:
    """Refuse settings that are not those of the recorded run: changed in the file, or by defaults of another drugml."""
    then = {k: v for k, v in found.params.items() if k.split(".")[0] in RunSpec.model_fields}
    now = as_params(load(RunSpec, path).model_dump(mode="json"))
    lines = [
        f"  {key}: {then.get(key, 'nothing')} then, {now.get(key, 'nothing')} now"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and key != "data.path" and not key.startswith("tracking.")
    ]
    if lines:
        raise UserError(
            "\n".join(
                [
                    f"run {found.run_id} was begun with other settings than {path} has now:",
                    *lines,
                    "resuming would mix two experiments; put them back, use the drugml that began it, or train anew",
                ]
            )
        )


def check_same(run_id: str, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to go on with other data, folds or metrics than those in the tags of a run.

    Raises:
        UserError: names what differs.
    """
    if others := [k for k in now if k.endswith("_hash") and then.get(k) != now[k]]:
        raise UserError(
            f"run {run_id}: {', '.join(others)} changed since it was started; "
            "resuming would mix two experiments, train anew"
        )
