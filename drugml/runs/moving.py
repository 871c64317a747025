"""`registry export` and `import`: a version with its run moves to another store as one file."""

import json
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from drugml.errors import UserError
from drugml.evaluation.model.card import shortened
from drugml.prediction.bundle import load
from drugml.prediction.versions import versions
from drugml.runs.archive import pack, unpack
from drugml.runs.outcome import BUNDLE
from drugml.tracking import models, moving
from drugml.tracking.models import CANDIDATE, CHAMPION, Version
from drugml.tracking.store import Store, connect

RUN, VERSION = "run.json", "version.json"
TRACES = ("drugml.promoted_", "drugml.forced_", "drugml.rolled_back_")
"""Beginnings of tags that tell what became of a version in its registry."""


class Moved(NamedTuple):
    """A version in one store and in another, or in a file."""

    version: Version
    what: str

    def summary(self) -> str:
        """For a terminal."""
        return self.what


def export(name: str, version: str | None, out: Path, uri: str | None) -> Moved:
    """Write a version, its run with all files and metrics, and its bundle into a zip file.

    Args:
        name: of the registered model.
        version: number or alias; the champion if None, or else the candidate.
        out: the file.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such version, its run is not complete, its bundle is broken or the file exists.
    """
    store = connect(uri)
    chosen = models.choose(store, name, version, preferred=(CHAMPION, CANDIDATE))
    if not chosen.run_id:
        raise UserError(f"{chosen.uri}: was registered without a run; only versions made by drugml can be exported")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = moving.taken(store, chosen.run_id, folder)
        if run["status"] != "FINISHED":
            raise UserError(
                f"{chosen.uri}: its run {chosen.run_id} is {run['status']}, not FINISHED; go on with it first"
            )
        bundle = models.fetch(store, chosen.uri)
        load(bundle)
        shutil.copytree(bundle, folder / BUNDLE)
        moving.write(run, folder / RUN)
        about = {"name": name, "version": chosen.version, "aliases": chosen.aliases, "tags": dict(chosen.tags)}
        about["text"] = chosen.text
        moving.write(about, folder / VERSION)
        origin = {"server": _without_password(store.uri), "run": chosen.run_id, "version": chosen.uri}
        found = pack(folder, out, {"origin": origin, "drugml": versions()["drugml"]})
    return Moved(chosen, f"{chosen.uri} written to {out} (content {found[:12]})")


def import_(path: Path, name: str | None, uri: str | None) -> Moved:
    """Record the version of an archive, with its run, in a store; it becomes the candidate.

    Args:
        path: the file.
        name: of the registered model; that of the archive if None.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if the archive is damaged or was changed, its bundle is broken, or the run is here already.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        manifest = unpack(path, folder)
        run, about = _read(path, folder, RUN), _read(path, folder, VERSION)
        spec = load(folder / BUNDLE).spec
        origin = {f"{moving.ORIGIN}{k}": str(v) for k, v in manifest["about"]["origin"].items()}
        store = connect(uri)
        _check_new(store, origin[moving.ORIGIN_RUN], path)
        run_id = moving.put(store, run, folder, origin)
        try:
            model = models.log_model(store, run_id, folder / BUNDLE, spec)
            tags = {f"{moving.ORIGIN}{k[7:]}" if k.startswith(TRACES) else k: v for k, v in about["tags"].items()}
            text = shortened(about.get("text", ""))  # archives of drugml before model cards have none
            version = models.About(tags | origin, text)
            made = models.register(store, name or about["name"], model, run_id, version)
        except BaseException:
            moving.failed(store, run_id)
            raise
        moving.complete(store, run_id, run)
    return Moved(made, f"{made.uri} (alias {CANDIDATE}), run {run_id}; it was {origin[f'{moving.ORIGIN}version']}")


def _check_new(store: Store, origin_run: str, path: Path) -> None:
    here = moving.here_already(store, origin_run)
    if here is not None:
        of = [v.uri for v in models.versions(store) if v.run_id == here]
        raise UserError(f"{path}: its run is here already: {here} ({', '.join(of) or 'of no version any more'})")


def _read(path: Path, folder: Path, name: str) -> dict[str, Any]:
    if not (folder / name).is_file():
        raise UserError(f"{path}: has no {name}; was not made by `drugml registry export`")
    return dict(json.loads((folder / name).read_text(encoding="utf-8")))


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)
