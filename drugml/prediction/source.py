"""An encoder that was trained before, as the beginning of another run: out of a bundle or a checkpoint."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from drugml.config.base import Spec
from drugml.config.load import load as load_config
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.prediction import bundle
from drugml.prediction.trained import TrainedNetwork

PART = "encoder."
CONFIG = "config.yaml"
"""Beside a checkpoint: the config of its run."""
WEIGHTLESS = ("dropout",)
"""Options of an encoder that may differ: they change no weight and no prediction."""


class Source(NamedTuple):
    """Where an encoder starts from."""

    reference: str
    """As a later run finds it again: a path, a run, or a version of a registered model."""
    model: Spec
    featurizer: Spec
    standardize: Spec
    targets: tuple[str, ...]
    """That it was trained for; their head is not used."""
    tensors: Mapping[str, Tensor]
    """Of the encoder, by their names within it."""
    run: str | None
    """Run that made it, where that is known."""

    @property
    def hash(self) -> str:
        """SHA-256 of the encoder's tensors: the same for a bundle and the version registered from it."""
        total = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            total.update(tensor.contiguous().numpy().tobytes())
        return total.hexdigest()


def of_bundle(folder: Path, reference: str) -> Source:
    """The encoder of a bundle.

    Raises:
        UserError: if it is no bundle, or holds a baseline or several networks.
    """
    spec, trained = (found := bundle.load(folder)).spec, found.trained
    if spec.members:
        raise UserError(
            f"train.init_from = {reference!r}: is an ensemble of {len(spec.members)}; name the run or the bundle of "
            "one member"
        )
    if not isinstance(trained, TrainedNetwork):
        raise UserError(f"train.init_from = {reference!r}: is a {spec.model.name!r}, which has no encoder")
    run = spec.provenance.get("run")
    return Source(
        reference, spec.model, spec.featurizer, spec.standardize, spec.targets, _encoder(trained.tensors()), run
    )


def of_checkpoint(path: Path, reference: str) -> Source:
    """The encoder of the best epoch in the checkpoint of a run, whose config lies beside it.

    Raises:
        UserError: if it is no checkpoint of this program, or its weights are split up by adapters.
    """
    if not (path.parent / CONFIG).is_file():
        raise UserError(f"train.init_from = {reference!r}: there is no {CONFIG} beside it to say what encoder it holds")
    config = load_config(RunSpec, path.parent / CONFIG)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        weights: dict[str, Any] = held["callbacks"]["BestAndLast"]["weights"]
    except Exception as error:  # whatever torch makes of a file that is none of its own
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UserError(f"train.init_from = {reference!r}: not a checkpoint of drugml: {first[0]}") from None
    if any("parametrizations" in name for name in weights):
        raise UserError(
            f"train.init_from = {reference!r}: this run trains adapters, which are merged at its end; name its bundle"
        )
    names = (config.model, config.featurizer, config.data.standardize, config.data.targets)
    return Source(reference, *names, _encoder(weights), path.parent.name)


def check_fits(source: Source, model: Spec, featurizer: Spec) -> None:
    """Refuse an encoder other than the one that is to be trained.

    Raises:
        UserError: with every difference.
    """
    differ = []
    for what, then, now in (("model", source.model, model), ("featurizer", source.featurizer, featurizer)):
        before, after = then.model_dump(mode="json"), now.model_dump(mode="json")
        keys = [k for k in {**before, **after} if k not in WEIGHTLESS]
        if before.get("name") != after.get("name"):
            keys = ["name"]
        differ += [
            f"  {what}.{k}: {before.get(k)} there, {after.get(k)} here" for k in keys if before.get(k) != after.get(k)
        ]
    if differ:
        head = f"train.init_from = {source.reference!r} holds another encoder than this run trains:"
        raise UserError("\n".join([head, *differ, "write the same model and featurizer, or train from scratch"]))


def _encoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(PART): v for k, v in tensors.items() if k.startswith(PART)}
