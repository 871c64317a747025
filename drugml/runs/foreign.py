"""`models import`: models that another program trained, as bundles and registered versions."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from drugml.errors import UserError
from drugml.evaluation.model.card import LONGEST
from drugml.evaluation.model.markdown import code, cut, escape
from drugml.prediction import bundle, chemprop
from drugml.prediction.spec import BundleSpec
from drugml.prediction.versions import versions
from drugml.runs.outcome import BUNDLE
from drugml.tracking import models
from drugml.tracking.models import CANDIDATE, About, Version
from drugml.tracking.run import IMPORT, KIND, start, tracked
from drugml.tracking.store import Store, connect


class Imported(NamedTuple):
    """A model that is ours now."""

    spec: BundleSpec
    version: Version | None
    """Where it was registered."""
    folder: Path | None
    """Where its bundle was written."""

    def summary(self) -> str:
        """For a terminal."""
        spec = self.spec
        what = f"{len(spec.members)} members" if spec.members else "single"
        lines = [f"{spec.task.kind}, {what}: {', '.join(spec.targets)}"]
        if self.folder is not None:
            lines.append(f"bundle {self.folder}")
        if self.version is not None:
            lines.append(f"{self.version.uri} (alias {CANDIDATE}), run {self.version.run_id}")
        return "\n".join(lines)


def import_chemprop(
    files: Sequence[Path],
    targets: Sequence[str],
    name: str | None,
    out: Path | None,
    uri: str | None,
    descriptors: Sequence[str] = (),
) -> Imported:
    """Turn model files of Chemprop 2 into a bundle, register it, or both.

    Args:
        files: one model, or the members of an ensemble.
        targets: names of what is predicted; those in the files if empty.
        name: registered model that gets it as its next version, the candidate.
        out: folder to write.
        uri: tracking URI, as in `connect`.
        descriptors: which the models get beside the molecule, as in `chemprop.load`.

    Raises:
        UserError: if the files cannot be imported, or it is not said where to.
    """
    if name is None and out is None:
        raise UserError("say where to: --name NAME registers the model, --out FOLDER writes its bundle")
    if out is not None and out.exists():
        raise UserError(f"{out}: exists already; name another folder or remove it")
    predictor = chemprop.load(files, targets, descriptors)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / BUNDLE
        spec = bundle.save(predictor, folder)
        bundle.load(folder)  # what is kept is what was saved
        store = None if name is None else connect(uri)  # before the folder is there, which would be in the way again
        if out is not None:
            try:
                shutil.copytree(folder, out)
            except OSError as error:
                raise UserError(f"{out}: cannot be written: {error}") from None
        version = None if name is None or store is None else _registered(store, folder, spec, name)
    return Imported(spec, version, out)


def _registered(store: Store, folder: Path, spec: BundleSpec, name: str) -> Version:
    """The bundle as a version, in a run that says where it came from."""
    origin = {f"drugml.{k}": v for k, v in (*spec.provenance.items(), *_of_members(spec))}
    tags = {KIND: IMPORT, "drugml.version": versions()["drugml"], **origin}
    run_id = start(store, name, spec.provenance["imported_from"], tags)
    with tracked(store, run_id, folder.parent) as run:
        shown = {"model": spec.model, "head": spec.head, "featurizer": spec.featurizer, "task": spec.task}
        run.params({k: v.model_dump(mode="json") for k, v in shown.items()})
        return models.registered(store, run_id, folder, spec, name, About(origin, _described(spec, origin)))


def _described(spec: BundleSpec, origin: dict[str, str]) -> str:
    """All that is known of a model that was trained elsewhere, as the description of its version."""
    what = f"An ensemble of {len(spec.members)}" if spec.members else "One model"
    lines = [
        f"{what}, imported: trained by another program, which says nothing of data, split or test results. "
        "It was not tested here.",
        f"Predicts ({spec.task.kind}): {', '.join(map(code, spec.targets))}.",
        *(f"{escape(key)}: {code(value)}" for key, value in origin.items()),
    ]
    return cut("\n\n".join(lines), LONGEST)


def _of_members(spec: BundleSpec) -> list[tuple[str, str]]:
    """What members have of their own."""
    keys = dict.fromkeys(k for m in spec.members for k in m.provenance if k not in spec.provenance)
    return [(k, ", ".join(m.provenance.get(k, "unknown") for m in spec.members)) for k in keys]
