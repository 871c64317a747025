"""Models in MLflow: logged as pyfunc from code, registered with aliases, found again by any reference."""

import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from drugml.errors import UserError, nearest
from drugml.prediction.probes import PROBES
from drugml.prediction.spec import BundleSpec
from drugml.prediction.versions import LIBRARIES
from drugml.tracking.stopping import unstopped
from drugml.tracking.store import Store

import mlflow  # isort: skip
import pandas as pd  # isort: skip
from mlflow.entities import LoggedModelStatus  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip
from mlflow.models import ModelSignature  # isort: skip
from mlflow.types import ColSpec, Schema  # isort: skip

SERVED = Path(__file__).parent / "served.py"
CANDIDATE, CHAMPION = "candidate", "champion"
FORMER = "drugml.former_champions"
"""Tag of a registered model: the versions that were champion before, the last one last."""
BUNDLE = "drugml.bundle"
"""Tag of a logged model: the hash of its bundle."""
NEEDED = ("drugml", "rdkit", "torch", "numpy", "scipy")
"""Packages of the bundle's versions that serving needs, besides libraries of extras."""
log = logging.getLogger(__name__)


class Version(NamedTuple):
    """A registered model version."""

    name: str
    version: str
    aliases: tuple[str, ...]
    run_id: str
    tags: Mapping[str, str] = MappingProxyType({})
    text: str = ""
    """Its description, as Markdown."""

    @property
    def uri(self) -> str:
        """How to load it."""
        return f"models:/{self.name}/{self.version}"


class About(NamedTuple):
    """What is said of a version when it is registered."""

    tags: Mapping[str, str]
    text: str
    """Its description, as Markdown; MLflow's databases hold 5000 characters."""


def registered(store: Store, run_id: str, bundle: Path, spec: BundleSpec, name: str, about: About) -> Version:
    """Log a bundle as the model of a run and register it, where that is not done already.

    Args:
        store: where to.
        run_id: of the run.
        bundle: its folder.
        spec: of the bundle.
        name: of the registered model.
        about: the version.
    """
    uri = None
    for model in _logged(store, run_id):
        if model.status == LoggedModelStatus.READY and model.tags.get(BUNDLE) == spec.hash:
            uri = f"models:/{model.model_id}"
        elif model.status != LoggedModelStatus.READY:
            store.client.delete_logged_model(model.model_id)  # what is left of an upload that failed
    uri = uri or log_model(store, run_id, bundle, spec)
    return register(store, name, uri, run_id, about)


def log_model(store: Store, run_id: str, bundle: Path, spec: BundleSpec) -> str:
    """Log a bundle as a model of the run, return its `models:/m-…` URI."""
    outputs = [ColSpec("double", t, required=False) for t in (*spec.targets, *spec.spreads)]
    texts = [ColSpec("string", "status"), ColSpec("string", "reason", required=False)]
    signature = ModelSignature(Schema([ColSpec("string", "smiles")]), Schema([*outputs, *texts]))
    libraries = chain(*(LIBRARIES.get(name, ()) for name in spec.names))
    needed = (*NEEDED, *libraries, *spec.plugins)
    pins = [f"{p}=={spec.versions[p].split('+')[0]}" for p in needed if p in spec.versions]
    with warnings.catch_warnings(), unstopped():
        warnings.simplefilter("ignore")
        mlflow.start_run(run_id=run_id)
        try:
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(SERVED),
                artifacts={"bundle": str(bundle)},
                pip_requirements=pins,
                signature=signature,
                input_example=pd.DataFrame({"smiles": list(PROBES[:2])}),
                tags={BUNDLE: spec.hash},
            )
        finally:
            mlflow.end_run("RUNNING")  # the run goes on; its end is told elsewhere
    return f"models:/{info.model_id}"


def register(store: Store, name: str, model_uri: str, run_id: str, about: About) -> Version:
    """Make the next version of a registered model, where this model has none yet, and call it the candidate."""
    client, model_id = store.client, model_uri.removeprefix("models:/")
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = {int(v.version): v for v in client.search_model_versions(f"name='{name}'")}
    source = client.get_logged_model(model_id).artifact_location
    made = next((v for v in known.values() if v.source == source), None)
    if made is None:
        tags, text = dict(about.tags), about.text or None
        made = client.create_model_version(name, source, run_id, tags=tags, description=text, model_id=model_id)
    elif int(made.version) < max(known):  # registered before, and another is the candidate by now
        return Version(name, str(made.version), (), run_id)
    client.set_registered_model_alias(name, CANDIDATE, made.version)
    # the link from a model to its version in the UI is this tag, which only the fluent API sets
    link = [{"name": name, "version": str(made.version)}]
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": json.dumps(link)})
    return Version(name, str(made.version), (CANDIDATE,), run_id)


def versions(store: Store) -> Iterator[Version]:
    """All registered versions, by name, the newest first."""
    for model in sorted(_registered(store), key=lambda m: m.name):
        yield from _versions(store, model)


def choose(store: Store, name: str, version: str | None, *, preferred: Sequence[str] = (CANDIDATE,)) -> Version:
    """A version of a registered model.

    Args:
        store: where it is registered.
        name: of the model.
        version: its number or an alias.
        preferred: where `version` is None: the first of these aliases that the model has.

    Raises:
        UserError: if there is no such model, version or alias.
    """
    known = _known(store, name)
    wanted = (version,) if version else preferred
    for one in wanted:
        for v in known:
            if v.version == one or one in v.aliases:
                return v
    what = f"no version {version}" if version else f"no {' or '.join(preferred)}; name one with --version"
    raise UserError(f"{name}: {what} (versions: {', '.join(v.version for v in known)})")


def champion(store: Store, name: str) -> Version | None:
    """The version that is the champion now."""
    return next((v for v in _known(store, name) if CHAMPION in v.aliases), None)


def former_champion(store: Store, name: str) -> Version | None:
    """The version that was champion before the one of now, and still exists."""
    known = {v.version: v for v in _known(store, name) if CHAMPION not in v.aliases}
    return next((known[v] for v in reversed(_former(store, name)) if v in known), None)


def crown(store: Store, chosen: Version, tags: Mapping[str, str]) -> Version:
    """Make a version the champion, remember the one before it, and set tags on it."""
    before = champion(store, chosen.name)
    tag(store, chosen, tags)
    if before is not None:  # remembered first: a crash in between leaves a name too many, which `former_champion` skips
        _remember(store, chosen.name, [*_former(store, chosen.name), before.version])
    return _crowned(store, chosen)


def uncrown(store: Store, chosen: Version) -> Version:
    """Make a former champion the champion again, and forget those that came after it."""
    out = _crowned(store, chosen)
    former = _former(store, chosen.name)
    _remember(store, chosen.name, former[: len(former) - 1 - former[::-1].index(chosen.version)])
    return out


def tag(store: Store, version: Version, tags: Mapping[str, str]) -> None:
    """Set or replace tags of a version."""
    for key, value in tags.items():
        store.client.set_model_version_tag(version.name, version.version, key, value)


def fetch(store: Store, reference: str) -> Path:
    """The bundle behind `models:/name@alias`, `models:/name/3`, `models:/m-…` or a run id, as a local folder.

    Raises:
        UserError: if the reference leads nowhere.
    """
    registered = reference.startswith("models:/")
    name = re.split(r"[@/]", reference.removeprefix("models:/"))[0]
    try:
        if registered and re.fullmatch(r"m-[0-9a-f]{32}", name):
            uri = store.client.get_logged_model(name).artifact_location
        else:
            uri = reference if registered else _model_of_run(store, reference)
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"{uri}/artifacts/bundle"))
    except (MlflowException, OSError) as error:
        raise UserError(
            f"{reference}: no such model in {store.uri}: {str(error).splitlines()[0]}; {_names(store, name)}"
        ) from None
    return folder


def _model_of_run(store: Store, run_id: str) -> str:
    """Where the model of a run is kept."""
    try:
        run = store.client.get_run(run_id)
    except MlflowException:
        raise UserError(
            f"{run_id!r} is no bundle folder and no run of {store.uri}; expected a folder, models:/NAME@ALIAS, "
            "models:/NAME/VERSION or a run id"
        ) from None
    found = [m for m in _logged(store, run_id) if m.status == LoggedModelStatus.READY]
    if not found:
        raise UserError(f"run {run_id}: has no model; its status is {run.info.status}")
    return str(found[0].artifact_location)


def _logged(store: Store, run_id: str) -> list[Any]:
    """The logged models of a run, also those whose upload failed; the newest first."""
    experiment = store.client.get_run(run_id).info.experiment_id
    return [*store.client.search_logged_models([experiment], filter_string=f"source_run_id='{run_id}'")]


def _names(store: Store, wanted: str) -> str:
    names = [m.name for m in _registered(store)]
    return nearest(wanted, names) if names else "no model is registered there"


def _registered(store: Store) -> Iterator[Any]:
    """All registered models; the store gives them page by page."""
    token = None
    while True:
        page = store.client.search_registered_models(page_token=token)
        yield from page
        if not (token := page.token):
            return


def _known(store: Store, name: str) -> list[Version]:
    """The versions of a model, the newest first."""
    try:
        model = store.client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise UserError(f"there is no registered model {name!r}; {_names(store, name)}") from None
    return [*_versions(store, model)]


def _versions(store: Store, model: Any) -> Iterator[Version]:
    by_version: dict[str, list[str]] = {}
    for alias, version in model.aliases.items():
        by_version.setdefault(str(version), []).append(alias)
    found = store.client.search_model_versions(f"name='{model.name}'")
    for v in sorted(found, key=lambda v: -int(v.version)):
        aliases = tuple(sorted(by_version.get(str(v.version), [])))
        yield Version(model.name, str(v.version), aliases, str(v.run_id or ""), dict(v.tags), v.description or "")


def _crowned(store: Store, chosen: Version) -> Version:
    store.client.set_registered_model_alias(chosen.name, CHAMPION, chosen.version)
    return chosen._replace(aliases=tuple(sorted({*chosen.aliases, CHAMPION})))


def _former(store: Store, name: str) -> list[str]:
    kept = store.client.get_registered_model(name).tags.get(FORMER, "")
    return kept.split(",") if kept else []


def _remember(store: Store, name: str, former: Sequence[str]) -> None:
    store.client.set_registered_model_tag(name, FORMER, ",".join(former[-100:]))
