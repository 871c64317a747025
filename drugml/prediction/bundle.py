"""The bundle on disk: `spec.json` and `model.safetensors`. No pickle, on writing or loading."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from pydantic import ValidationError
from safetensors import SafetensorError

from drugml.config.geometry import from_file
from drugml.config.leaves import flatten
from drugml.errors import UserError
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.featurizer import digest
from drugml.prediction.ensemble import restored
from drugml.prediction.predictor import Predictor
from drugml.prediction.probes import PLACED, PROBES
from drugml.prediction.spec import FORMAT, BundleSpec, Probe
from drugml.prediction.versions import changed, versions

SPEC = "spec.json"
TENSORS = "model.safetensors"
MADE_OF = {"standardize", "featurizer", "model", "head", "task"}
"""What of a spec decides what a molecule is predicted to be, the numbers apart."""
TOLERANCE = 1e-4
"""Largest probe deviation, in units of the target's scale, that another machine's arithmetic explains."""


def save(predictor: Predictor, folder: Path) -> BundleSpec:
    """Write a bundle; the probes are predicted now.

    Raises:
        OSError: if it cannot be written, whichever library finds that out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        safetensors.torch.save_file(predictor.trained.tensors(), folder / TENSORS)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    spec = predictor.spec.model_copy(update={"probes": _probes(predictor), "tensors_sha256": _sha256(folder / TENSORS)})
    spec = spec.model_copy(update={"hash": _hash(spec.model_dump(mode="json"))})
    (folder / SPEC).write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    return spec


def load(folder: Path, *, check_probes: bool = True) -> Predictor:
    """Read a bundle and check it: format, completeness, vocabulary, and its own probe predictions.

    Raises:
        UserError: if anything is missing, newer, changed or gives other numbers than at training.
    """
    data = _read(folder)
    try:
        spec = BundleSpec.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        unknown = [repr(e["ctx"]["tag"]) for e in errors if e["type"] == "union_tag_invalid"]
        if unknown and (absent := _absent(data)):
            raise UserError(
                f"{folder}: {' and '.join(unknown)} of a plug-in that is not installed; the model was made with "
                f"{', '.join(absent)}"
            ) from None
        first = errors[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{folder / SPEC}: {where}: {first['msg']}; no bundle that this drugml can read") from None
    now = digest(FEATURIZERS.build(spec.featurizer).describe())
    if now != spec.features_hash:
        raise UserError(
            f"{folder}: featurizer {spec.featurizer.name!r} has another vocabulary now than when the model was "
            f"trained (hash {now[:12]}, bundle {spec.features_hash[:12]}); use drugml {spec.versions.get('drugml')}"
        )
    try:
        tensors = safetensors.torch.load_file(folder / TENSORS)
        trained = restored(spec, tensors)
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise UserError(f"{folder / TENSORS}: the tensors do not fit the model of {SPEC}: {error}") from None
    predictor = Predictor(spec, trained)
    if check_probes:
        _check_probes(predictor, folder, data)
    return predictor


def _absent(data: dict[str, Any]) -> list[str]:
    """Packages that a bundle was made with and that are not here."""
    now = versions()
    return [f"{package} {version}" for package, version in data.get("versions", {}).items() if package not in now]


def _read(folder: Path) -> dict[str, Any]:
    for name in (SPEC, TENSORS):
        if not (folder / name).is_file():
            raise UserError(f"{folder}: no bundle, {name} is missing; expected a folder with {SPEC} and {TENSORS}")
    try:
        data = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / SPEC}: damaged: {error}; copy the bundle again") from None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise UserError(f"{folder / SPEC}: not a drugml bundle: no `format` number")
    if data["format"] > FORMAT:
        made = data.get("versions", {}).get("drugml", "a newer version")
        raise UserError(
            f"{folder}: bundle format {data['format']} is newer than this drugml reads ({FORMAT}); it was made by "
            f"drugml {made}, update drugml"
        )
    if data.get("hash") != _hash(data):
        raise UserError(
            f"{folder / SPEC}: was changed after it was written (its hash does not fit); use the original bundle"
        )
    if (found := _sha256(folder / TENSORS)) != data["tensors_sha256"]:
        raise UserError(
            f"{folder / TENSORS}: changed or cut short (SHA-256 {found[:12]}, expected {data['tensors_sha256'][:12]}); "
            "use the original bundle"
        )
    return data


def _probes(predictor: Predictor) -> list[Probe]:
    probes = PLACED if from_file(predictor.spec.featurizer) else PROBES
    values, rejects, *_ = predictor.predict(probes)
    return [
        Probe(smiles=s, prediction=None if i in rejects else v.tolist())
        for i, (s, v) in enumerate(zip(probes, values, strict=True))
    ]


def _check_probes(predictor: Predictor, folder: Path, data: dict[str, Any]) -> None:
    spec = predictor.spec
    values, rejects, *_ = predictor.predict([p.smiles for p in spec.probes])
    for i, probe in enumerate(spec.probes):
        found = None if i in rejects else values[i]
        if (found is None) != (probe.prediction is None) or (
            found is not None
            and probe.prediction is not None
            and (np.abs(found - probe.prediction) > TOLERANCE * (np.array(spec.scale) + np.abs(found))).any()
        ):
            others = changed(spec.versions, {k: v for k, v in versions().items() if k in spec.versions})
            shown = "a reject" if found is None else [round(float(v), 5) for v in found]
            raise UserError(
                f"{folder}: the model does not give the predictions it was saved with: {probe.smiles} gives {shown}, "
                f"expected {probe.prediction}. {'; '.join(others) or 'No package version changed'}" + _later(spec, data)
            )


def _later(spec: BundleSpec, data: dict[str, Any]) -> str:
    """What to add where this drugml has options of the model that the bundle does not say: the defaults taken."""
    said = flatten({k: v for k, v in data.items() if k in MADE_OF})
    taken = flatten(spec.model_dump(mode="json", include=MADE_OF))
    if not (later := ", ".join(f"{k}={v!r}" for k, v in taken.items() if k not in said)):
        return ""
    what = f"; options that came after it was saved may do otherwise by default: {later}"
    return f"{what}; use the drugml that saved it, or train anew"


def _hash(data: dict[str, Any]) -> str:
    rest = {k: v for k, v in data.items() if k != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
