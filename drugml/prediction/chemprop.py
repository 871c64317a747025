"""Models of Chemprop 2 as predictors of ours: the same network under other names.

Batch norm and the divisor of norm pooling are affine and stand before the head, into whose first layer they go. The
scaling of descriptors is affine too and stays apart: where a mean is a million, 32-bit weights would lose it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor

from drugml.config.data import DataSpec
from drugml.config.featurizers import ChempropV2Spec
from drugml.config.models import DmpnnSpec, HeadSpec
from drugml.config.tasks import ClassificationSpec, RegressionSpec
from drugml.errors import UserError
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.descriptors import LARGE
from drugml.featurizers.featurizer import DESCRIPTORS, LARGEST, digest
from drugml.models.readout import NORM
from drugml.prediction.chemprop_settings import DESCRIBED, POOLINGS, TASKS, faults, scaled
from drugml.prediction.ensemble import TrainedEnsemble
from drugml.prediction.inert import Read, name_of, read
from drugml.prediction.predictor import Predictor
from drugml.prediction.spec import BundleSpec, Member
from drugml.prediction.trained import restore
from drugml.prediction.versions import used
from drugml.tasks.task import Scaling

PACKAGES = ("chemprop", "lightning", "pytorch_lightning", "torchmetrics", "torch.nn.modules")
"""Whose classes such a file names."""
BATCH_NORM_EPSILON = 1e-5
"""torch's default, which Chemprop keeps."""
UNUSED = re.compile(r"metrics\.\d+\.task_weights|predictor\.criterion\..*|bn\.num_batches_tracked")
"""Tensors that no prediction depends on."""


class Imported(NamedTuple):
    """One file in our terms."""

    read: Read
    task: RegressionSpec | ClassificationSpec
    featurizer: ChempropV2Spec
    model: DmpnnSpec
    head: HeadSpec
    columns: tuple[str, ...] | None
    """Names of the targets, where the file has them."""
    scaling: Scaling
    tensors: dict[str, Tensor]

    @property
    def provenance(self) -> dict[str, str]:
        """Where it came from."""
        with_ = self.read.values.get("pytorch-lightning_version")
        return {
            "imported_from": "chemprop 2",  # which 2.x, the file does not say
            "file": self.read.path.name,
            "file_sha256": self.read.sha256,
            **({"lightning": str(with_)} if with_ else {}),
        }


def load(paths: Sequence[Path], targets: Sequence[str] = (), descriptors: Sequence[str] = ()) -> Predictor:
    """Model files of Chemprop 2, `.pt` or `.ckpt`, as one predictor; several files are an ensemble.

    Args:
        paths: of the files.
        targets: names of the predicted columns, in the model's order; those in the file if empty.
        descriptors: which descriptors the models get beside the molecule (X_d), in Chemprop's order.

    Raises:
        UserError: if a file is damaged or holds more than a model, has what our network has not, the files do not
            belong together, or targets have no names.
    """
    if strange := [d for d in descriptors if d not in DESCRIBED]:
        raise UserError(
            f"--descriptors {strange[0]}: expected rdkit, which Chemprop calls rdkit_2d, morgan_binary or "
            "morgan_count; models with other extra molecule descriptors (X_d) cannot be imported, predict with Chemprop"
        )
    found = [_imported(read(p, PACKAGES, "Chemprop 2"), descriptors) for p in paths]
    first = found[0]
    for other in found[1:]:
        _check_alike(first, other)
    names = _names(found, targets)
    features = FEATURIZERS.build(first.featurizer).describe()
    several = len(found) > 1
    spec = BundleSpec(
        targets=names,
        units={},
        positive=dict.fromkeys(names, "1") if isinstance(first.task, ClassificationSpec) else {},
        task=first.task,
        featurizer=first.featurizer,
        model=first.model,
        head=first.head,
        # above it, some of RDKit's descriptors are undefined
        max_atoms=LARGE if "rdkit" in descriptors else DataSpec.model_fields["max_atoms"].default,
        shift=first.scaling.shift,
        scale=first.scaling.scale,
        members=tuple(
            Member(shift=f.scaling.shift, scale=f.scaling.scale, provenance=f.provenance) for f in found if several
        ),
        features=features,
        features_hash=digest(features),
        versions=used(()),
        config={},
        provenance={"imported_from": first.provenance["imported_from"]} if several else first.provenance,
    )
    trained = [restore(f.model, f.head, f.featurizer, f.task, f.scaling, f.tensors) for f in found]
    return Predictor(spec, TrainedEnsemble(trained) if several else trained[0])


def _imported(file: Read, descriptors: Sequence[str]) -> Imported:
    path = file.path
    settings, weights = file.values.get("hyper_parameters"), file.values.get("state_dict")
    if not isinstance(settings, dict) or not isinstance(weights, dict):
        why = "hyper_parameters and state_dict are not both there"
        raise UserError(f"{path}: not a model file of Chemprop 2: {why}; expected best.pt or a .ckpt of its training")
    parts = {k: settings.get(k) for k in ("message_passing", "agg", "predictor")}
    if missing := [k for k, v in parts.items() if not isinstance(v, dict)]:
        why = f"hyper_parameters has no {missing[0]}"
        raise UserError(
            f"{path}: not a model of molecules by Chemprop 2: {why}; atom and bond models are not supported"
        )
    try:
        against = [*faults(settings, parts, descriptors)]  # type: ignore[arg-type]
    except (TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: its settings are of no kind that Chemprop 2 writes: {_said(error)}") from None
    if against:
        head = f"{path}: this Chemprop model cannot be imported:"
        raise UserError("\n".join([head, *(f"  {f}" for f in against), "train it without, or predict with Chemprop"]))
    message, agg, predictor = (dict(p or {}) for p in parts.values())
    beside = tuple(DESCRIBED[d] for d in descriptors)
    featurizer = ChempropV2Spec(descriptors=beside, descriptor_scale="standard" if beside else "rank")
    pooling = POOLINGS[name_of(agg["cls"])]
    try:
        left = {k: _number(v, k) for k, v in weights.items() if not UNUSED.fullmatch(k)}
        heads = [k for k in left if re.fullmatch(r"predictor\.ffn\.\d+\.\d\.weight", k)]
        scaling, layers = _scaling(left, len(left[heads[-1]])), len(heads)
        width = len(left["predictor.ffn.0.0.weight"]) if layers > 1 else HeadSpec().hidden_dim
        task = TASKS[name_of(predictor["cls"])]
        dropout = message.get("dropout", 0.0)
        model = DmpnnSpec(hidden_dim=message["d_h"], depth=message["depth"], dropout=dropout, pooling=pooling)  # type: ignore[arg-type]
        head_spec = HeadSpec(hidden_dim=width, layers=layers - 1, dropout=predictor.get("dropout", 0.0))
        norm = float(agg.get("norm", NORM)) if pooling == "norm" else NORM
        scores = _scores(left, scaled(settings.get("X_d_transform")), descriptors) if beside else {}
        tensors = _renamed(_folded(left, norm, model.hidden_dim)) | scores
        restore(model, head_spec, featurizer, task, scaling, tensors)
    except (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"{path}: its weights do not fit its settings: {_said(error)}; copy the file again") from None
    return Imported(file, task, featurizer, model, head_spec, _columns(file), scaling, tensors)


def _number(value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.layout != torch.strided:
        raise ValueError(f"{name} is no tensor of real numbers")
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} is not finite")
    return value.detach().double()


def _scaling(weights: dict[str, Tensor], targets: int) -> Scaling:
    """Take the output's scaling out of the weights."""
    names = [f"predictor.output_transform.{n}" for n in ("mean", "scale")]
    if names[0] not in weights:
        return Scaling.none(targets)
    mean, scale = (weights.pop(n).expand(1, targets)[0].tolist() for n in names)
    return Scaling(tuple(mean), tuple(scale))


def _scores(weights: dict[str, Tensor], scales: bool, descriptors: Sequence[str]) -> dict[str, Tensor]:
    """Take the scaling of descriptors out of the weights, as buffers of our normalizer; without one it changes nothing.

    Chemprop puts 0 for an undefined value before it scales, and has no limits. RDKit has Ipc and AvgIpc of every
    molecule, we have them neither of large ones nor beyond a size: there we have no prediction either.
    """
    names = [name for d in descriptors for name in DESCRIPTORS.build(DESCRIBED[d]).names]
    zero, one = torch.zeros(len(names)), torch.ones(len(names))
    mean, sd = zero, one
    if scales:
        mean, sd = (weights.pop(f"X_d_transform.{n}").reshape(len(names)) for n in ("mean", "scale"))
    found = {"mean": mean, "sd": sd, "low": -math.inf * one, "high": math.inf * one, "cut": LARGEST * one}
    found["fill"] = torch.tensor([math.nan if n in ("Ipc", "AvgIpc") else 0.0 for n in names])
    return {f"normalizer.{k}": v.float() for k, v in found.items()}


def _folded(weights: dict[str, Tensor], norm: float, embedding: int) -> dict[str, Tensor]:
    """Weights whose first layer of the head takes what our encoder gives, `embedding` columns before descriptors."""
    out = dict(weights)
    first = out["predictor.ffn.0.0.weight"]
    factor, shift = torch.full((embedding,), NORM / norm).double(), torch.zeros(embedding).double()
    if "bn.weight" in out:
        weight, bias, mean, var = (out.pop(f"bn.{n}") for n in ("weight", "bias", "running_mean", "running_var"))
        slope = weight / torch.sqrt(var + BATCH_NORM_EPSILON)
        factor, shift = factor * slope, bias - mean * slope
    ours, beside = first[:, :embedding], first[:, embedding:]
    out["predictor.ffn.0.0.bias"] = out["predictor.ffn.0.0.bias"] + ours @ shift
    out["predictor.ffn.0.0.weight"] = torch.cat([ours * factor, beside], dim=1)
    return out


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By our names; a name that is not Chemprop's stays as it is, and fits nothing."""
    out = {}
    for name, tensor in weights.items():
        ours = name.replace("message_passing.", "encoder.", 1)
        if found := re.fullmatch(r"predictor\.ffn\.(\d+)\.[02]\.(weight|bias)", name):
            ours = f"head.{3 * int(found[1])}.{found[2]}"
        out[ours] = tensor.float()
    return out


def _columns(file: Read) -> tuple[str, ...] | None:
    columns = file.values.get("output_columns")
    return tuple(map(str, columns)) if isinstance(columns, list | tuple) else None


def _names(found: Sequence[Imported], targets: Sequence[str]) -> tuple[str, ...]:
    first, count = found[0], len(found[0].scaling.shift)
    names = tuple(targets) or first.columns
    if names is None:
        raise UserError(f"{first.read.path}: does not name what it predicts; name it with --target, {count} times")
    if len(names) != count or len({*names}) != count:
        raise UserError(f"{first.read.path}: predicts {count} targets; expected as many different names, not {names}")
    return names


def _check_alike(first: Imported, other: Imported) -> None:
    pairs = {
        "task": (first.task.kind, other.task.kind),
        "model": (first.model, other.model),
        "head": (first.head, other.head),
        "targets": (first.columns, other.columns),
        "number of targets": (len(first.scaling.shift), len(other.scaling.shift)),
    }
    if differ := [f"  {k}: {a}; {b}" for k, (a, b) in pairs.items() if a != b]:
        head = f"{first.read.path} and {other.read.path} are no members of one ensemble, they differ in:"
        raise UserError("\n".join([head, *differ, "import them one by one"]))


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
