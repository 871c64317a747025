"""Runs looked up: by id, folder, registered model, experiment, or as the newest one."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from drugml.errors import UserError, nearest
from drugml.tracking.run import CV, KIND, NESTED, PARENT, TRAIN, VERBS, user
from drugml.tracking.store import Store

from mlflow.exceptions import MlflowException  # isort: skip

PAGE = 1000
"""Runs that the store is asked for at a time."""


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
    metrics: dict[str, float]
    """The last value of each."""
    started: int
    """Milliseconds since 1970."""


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
    """A run given by its id or the beginning of it, its folder, or a registered model that it made.

    Of a model: `models:/NAME/VERSION` or `models:/NAME@ALIAS`.

    Raises:
        UserError: if there is none.
    """
    run_id = Path(reference).resolve().name if reference and Path(reference).is_dir() else reference
    try:
        if reference.startswith("models:/"):
            run_id = _run_of_model(store, reference)
        elif re.fullmatch("[0-9a-f]{6,31}", run_id):
            run_id = _whole(store, run_id)
        return _found(store, store.client.get_run(run_id))
    except MlflowException as error:
        raise UserError(f"run {reference!r}: not found in {store.uri}: {str(error).splitlines()[0]}") from None


def _run_of_model(store: Store, reference: str) -> str:
    match = re.fullmatch(r"models:/([^@/]+)([@/])([^@/]+)", reference)
    if match is None:
        raise UserError(f"{reference!r}: expected models:/NAME/VERSION or models:/NAME@ALIAS")
    name, sign, which = match.groups()
    get = store.client.get_model_version_by_alias if sign == "@" else store.client.get_model_version
    return str(get(name, which).run_id)


def finished(store: Store, experiment: str) -> list[Found]:
    """The complete cross-validations of an experiment, or its training runs where it has none; the oldest first.

    Raises:
        UserError: if there is no such experiment.
    """
    only = _experiments(store, experiment)
    for kind in (CV, TRAIN):
        if runs := _search(store, only, f"tags.`{KIND}` = '{kind}' AND attributes.status = 'FINISHED'"):
            return runs
    return []


def newest(store: Store, experiment: str | None, kind: str | None, limit: int) -> list[Found]:
    """The last runs that were started, the newest first; those nested in another are left out.

    Args:
        store: where they are recorded.
        experiment: of this one; of all if None.
        kind: of this kind; of all if None.
        limit: at most so many.

    Raises:
        UserError: if there is no such experiment.
    """
    query = f"tags.`{KIND}` = '{kind}'" if kind else " AND ".join(f"tags.`{KIND}` != '{k}'" for k in NESTED)
    return _search(store, _experiments(store, experiment), query, "attributes.start_time DESC", limit)


def children(store: Store, run_id: str) -> list[Found]:
    """The runs nested in a run, the oldest first."""
    experiment = store.client.get_experiment(store.client.get_run(run_id).info.experiment_id)
    return _search(store, {experiment.experiment_id: experiment.name}, f"tags.`{PARENT}` = '{run_id}'")


def download(run: Found, name: str, folder: Path) -> Path:
    """Copy a file of a run into a folder.

    Raises:
        UserError: if the run has no such file.
    """
    try:
        return Path(run.store.client.download_artifacts(run.run_id, name, str(folder)))
    except (MlflowException, OSError) as error:
        raise UserError(f"run {run.run_id} ({run.name}): has no file {name}: {str(error).splitlines()[0]}") from None


def files(run: Found) -> set[str]:
    """Names of the files that a run has, those in folders left out."""
    return {str(f.path) for f in run.store.client.list_artifacts(run.run_id)}


def _newest(store: Store, kind: str) -> Found:
    experiments = [e.experiment_id for e in store.client.search_experiments()]
    mine = f"tags.`{KIND}` = '{kind}' AND tags.`mlflow.user` = '{user()}'"
    runs = store.client.search_runs(experiments, mine, order_by=["attributes.start_time DESC"], max_results=1)
    if not runs:
        raise UserError(f"there is no run of {user()} by `{VERBS[kind]}` in {store.uri}; name it by its id or folder")
    return _found(store, runs[0])


def _whole(store: Store, begin: str) -> str:
    """The id that begins so, or `begin` itself if there is none."""
    ids = [r.run_id for r in _search(store, _experiments(store, None), f"attributes.run_id LIKE '{begin}%'")]
    if len(ids) > 1:
        raise UserError(
            f"run {begin!r}: {len(ids)} runs begin so ({', '.join(i[:12] for i in ids[:3])}); write more of it"
        )
    return ids[0] if ids else begin


def _experiments(store: Store, name: str | None) -> dict[str, str]:
    """Id to name of one experiment, or of all."""
    token, known = None, dict[str, str]()
    while True:
        page = store.client.search_experiments(page_token=token)
        known |= {str(e.experiment_id): str(e.name) for e in page}
        if not (token := page.token):
            break
    if name is None:
        return known
    if name not in known.values():
        raise UserError(f"there is no experiment {name!r} in {store.uri}; {nearest(name, known.values())}")
    return {i: n for i, n in known.items() if n == name}


def _search(
    store: Store,
    experiments: dict[str, str],
    query: str,
    order: str = "attributes.start_time",
    limit: int | None = None,
) -> list[Found]:
    """Runs of experiments (id to name); the store gives them page by page."""
    token, runs = None, list[Found]()
    while True:
        size = PAGE if limit is None else min(PAGE, limit - len(runs))
        page = store.client.search_runs([*experiments], query, order_by=[order], max_results=size, page_token=token)
        runs += [_found(store, r, experiments[str(r.info.experiment_id)]) for r in page]
        if not (token := page.token) or len(runs) == limit:
            return runs


def _found(store: Store, entity: Any, experiment: str | None = None) -> Found:
    info, data = entity.info, entity.data
    return Found(
        run_id=str(info.run_id),
        tags=dict(data.tags),
        status=str(info.status),
        name=str(info.run_name),
        params=dict(data.params),
        experiment=experiment or str(store.client.get_experiment(info.experiment_id).name),
        store=store,
        metrics=dict(data.metrics),
        started=int(info.start_time),
    )
