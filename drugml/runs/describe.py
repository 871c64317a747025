"""`registry show`: what is known of a registered version, and how to use it and make it again."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

from drugml.errors import UserError
from drugml.prediction.bundle import load
from drugml.runs.candidates import SAME
from drugml.runs.inputs import CONFIG
from drugml.runs.model_card import MODEL_CARD
from drugml.tracking.find import Found, download, files, lookup
from drugml.tracking.models import CANDIDATE, CHAMPION, Version, choose, fetch
from drugml.tracking.moving import ORIGIN
from drugml.tracking.run import IMPORT, KIND
from drugml.tracking.store import Store, connect


def describe(name: str, version: str | None, uri: str | None) -> list[tuple[str, str]]:
    """A version as pairs of what and value.

    What cannot be had, as the run of a version that was registered by another program, says why in its place.

    Args:
        name: of the registered model.
        version: number or alias; the champion if None, or else the candidate.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such version.
    """
    store, chosen = _chosen(name, version, uri)
    head = [("version", chosen.uri), ("aliases", ", ".join(chosen.aliases) or "none")]
    traces = [
        (key.removeprefix("drugml.").replace("_", " "), value)
        for key, value in sorted(chosen.tags.items())
        if key.startswith((ORIGIN, "drugml.promoted_", "drugml.forced_", "drugml.rolled_back_"))
    ]
    return [*head, *traces, *_run(store, chosen), *_bundle(store, chosen), *_use(chosen)]


def model_card(name: str, version: str | None, uri: str | None) -> str:
    """The card of a version, as Markdown; arguments as `describe`.

    Raises:
        UserError: if there is no such version, or it has no card.
    """
    store, chosen = _chosen(name, version, uri)
    if not chosen.run_id:
        raise UserError(f"{chosen.uri}: has no model card; it was registered without a run")
    with TemporaryDirectory() as folder:
        return download(lookup(store, chosen.run_id), MODEL_CARD, Path(folder)).read_text(encoding="utf-8")


def _chosen(name: str, version: str | None, uri: str | None) -> tuple[Store, Version]:
    store = connect(uri)
    return store, choose(store, name, version, preferred=(CHAMPION, CANDIDATE))


def _run(store: Store, chosen: Version) -> list[tuple[str, str]]:
    if not chosen.run_id:
        return [("run", "none; the version was registered without one")]
    try:
        run = lookup(store, chosen.run_id)
    except UserError as error:
        return [("run", str(error))]
    metrics = {k: v for k, v in run.metrics.items() if k.startswith("test/")}
    return [
        ("run", f"{run.run_id} ({run.name}, {run.tags.get(KIND, 'another program')}, {run.status})"),
        ("experiment", run.experiment),
        *((what, run.tags.get(tag, "none")) for tag, what in SAME.items() if tag != KIND),
        *((k, f"{v:.4g}") for k, v in metrics.items()),
        ("reproduce", _again(run)),
        ("model card", _card(chosen, run)),
    ]


def _bundle(store: Store, chosen: Version) -> list[tuple[str, str]]:
    try:
        spec = load(fetch(store, chosen.uri)).spec
    except UserError as error:
        return [("bundle", str(error))]
    return [
        ("model", spec.model.name + (f", {len(spec.members)} members" if spec.members else "")),
        ("featurizer", spec.featurizer.name),
        ("targets", ", ".join(f"{t} [{spec.units[t]}]" if t in spec.units else t for t in spec.targets)),
        (
            "imported with" if "imported_from" in spec.provenance else "trained with",
            ", ".join(f"{k} {v}" for k, v in spec.versions.items()),
        ),
        ("bundle", f"{spec.hash[:12]}; loads, and gives the predictions that it was saved with"),
    ]


def _use(chosen: Version) -> list[tuple[str, str]]:
    return [
        ("predict", f"drugml predict {shlex.quote(chosen.uri)} INPUT --out FILE"),
        ("load", f"mlflow.pyfunc.load_model({chosen.uri!r})"),
    ]


def _card(chosen: Version, run: Found) -> str:
    """How to read it; runs of drugml before model cards have none."""
    if MODEL_CARD not in files(run):
        return "none"
    return f"drugml registry show {shlex.quote(chosen.name)} --version {chosen.version} --card"


def _again(run: Found) -> str:
    """The command that trains it anew; the config in the run's folder, or that in MLflow where the folder is gone."""
    if run.tags.get(KIND) == IMPORT:
        return f"not here; it was imported from {run.tags.get('drugml.imported_from', 'another program')}"
    config = Path(run.tags.get("drugml.folder", "")) / CONFIG
    if config.is_file():
        return f"drugml train {shlex.quote(str(config))}"
    get = f"mlflow artifacts download --run-id {run.run_id} --artifact-path {CONFIG} --dst-path ."
    return f"{get} && drugml train {CONFIG}"
