"""Runs looked up: by id, folder, registered model, experiment, or as the newest one."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from drugml.errors import UserError, nearest
from drugml.tracking.run import CV, KIND, PARENT, TRAIN, VERBS, user
from drugml.tracking.store import Store

from mlflow.exceptions import MlflowException  # isort: skip


class Found(NamedTuple):
    """A run as it is recorded."""

    run_id: str
    tags: dict[str, str]
    status: str
    name: str
    params: dict[str, str]
    experiment: str
    """Its name."""
    store: Store


def find(store: Store, run: str, kind: str) -> Found:
    """A run of one kind given by id, or by `last`: the newest one that this user started.

    Raises:
        UserError: if there is none, or it is of another kind.
    """
    found = _newest(store, kind) if run == "last" else lookup(store, run)
    if (other := found.tags.get(KIND, kind)) != kind:
        raise UserError(f"run {found.run_id}: was made by `{VERBS.get(other, other)}`, not by `{VERBS[kind]}`")
    return found


def lookup(store: Store, reference: str) -> Found:
    """A run given by its id, its folder, or a registered model that it made (`models:/NAME/VERSION` or `@ALIAS`).

    Raises:
        UserError: if there is none.
    """
    run_id = Path(reference).resolve().name if Path(reference).is_dir() else reference
    try:
        if reference.startswith("models:/"):
            name, at, version = re.fullmatch(r"models:/([^@/]+)([@/]?)(.*)", reference).groups()  # type: ignore[union-attr]
            client = store.client
            one = (
                client.get_model_version_by_alias(name, version)
                if at == "@"
                else client.get_model_version(name, version)
            )
            run_id = str(one.run_id)
        return _found(store, store.client.get_run(run_id))
    except MlflowException as error:
        raise UserError(f"run {reference!r}: not found in {store.uri}: {str(error).splitlines()[0]}") from None


def finished(store: Store, experiment: str) -> list[Found]:
    """The complete cross-validations of an experiment, or its training runs where it has none; the oldest first.

    Raises:
        UserError: if there is no such experiment.
    """
    entity = store.client.get_experiment_by_name(experiment)
    if entity is None:
        known = [e.name for e in store.client.search_experiments()]
        raise UserError(f"there is no experiment {experiment!r} in {store.uri}; {nearest(experiment, known)}")
    for kind in (CV, TRAIN):
        tag = f"tags.`{KIND}` = '{kind}' AND attributes.status = 'FINISHED'"
        if runs := _search(store, [entity.experiment_id], tag):
            return runs
    return []


def children(store: Store, run_id: str) -> list[Found]:
    """The runs nested in a run, the oldest first."""
    experiment = [store.client.get_run(run_id).info.experiment_id]
    return _search(store, experiment, f"tags.`{PARENT}` = '{run_id}'")


def download(run: Found, name: str, folder: Path) -> Path:
    """Copy a file of a run into a folder.

    Raises:
        UserError: if the run has no such file.
    """
    try:
        return Path(run.store.client.download_artifacts(run.run_id, name, str(folder)))
    except (MlflowException, OSError) as error:
        raise UserError(f"run {run.run_id} ({run.name}): has no file {name}: {str(error).splitlines()[0]}") from None


def _newest(store: Store, kind: str) -> Found:
    experiments = [e.experiment_id for e in store.client.search_experiments()]
    mine = f"tags.`{KIND}` = '{kind}' AND tags.`mlflow.user` = '{user()}'"
    runs = store.client.search_runs(experiments, mine, order_by=["attributes.start_time DESC"], max_results=1)
    if not runs:
        raise UserError(f"there is no run of {user()} by `{VERBS[kind]}` in {store.uri}; name it by its id or folder")
    return _found(store, runs[0])


def _search(store: Store, experiments: list[str], query: str) -> list[Found]:
    token, runs = None, []
    while True:
        page = store.client.search_runs(experiments, query, order_by=["attributes.start_time"], page_token=token)
        runs += [_found(store, r) for r in page]
        if not (token := page.token):
            return runs


def _found(store: Store, entity: Any) -> Found:
    info, data = entity.info, entity.data
    experiment = store.client.get_experiment(info.experiment_id).name
    return Found(
        str(info.run_id), dict(data.tags), str(info.status), str(info.run_name), dict(data.params), experiment, store
    )
