"""Models of Chemprop 2 as predictors of ours: the same network under other names.

Batch norm and the divisor of norm pooling are affine and stand before the head, into whose first layer they go.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
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
from drugml.featurizers.featurizer import digest
from drugml.models.readout import NORM
from drugml.prediction.ensemble import TrainedEnsemble
from drugml.prediction.inert import Read, name_of, read
from drugml.prediction.predictor import Predictor
from drugml.prediction.spec import BundleSpec, Member
from drugml.prediction.trained import layout_of, restore
from drugml.prediction.versions import used
from drugml.tasks.task import Scaling

PACKAGES = ("chemprop", "lightning", "pytorch_lightning", "torchmetrics", "torch.nn.modules")
"""Whose classes such a file names."""
TASKS: dict[str, RegressionSpec | ClassificationSpec] = {
    "RegressionFFN": RegressionSpec(),
    "BinaryClassificationFFN": ClassificationSpec(),
}
POOLINGS = {"MeanAggregation": "mean", "SumAggregation": "sum", "NormAggregation": "norm"}
WIDTHS = {133: "V1", 44: "ORGANIC", 52: "RIGR"}
"""Columns of an atom to the featurizer mode that makes them."""
BATCH_NORM_EPSILON = 1e-5
"""torch's default, which Chemprop keeps."""
UNUSED = re.compile(r"metrics\.\d+\.task_weights|predictor\.criterion\..*|bn\.num_batches_tracked")
"""Tensors that no prediction depends on."""


class Imported(NamedTuple):
    """One file in our terms."""

    read: Read
    task: RegressionSpec | ClassificationSpec
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


def load(paths: Sequence[Path], targets: Sequence[str] = ()) -> Predictor:
    """Model files of Chemprop 2, `.pt` or `.ckpt`, as one predictor; several files are an ensemble.

    Args:
        paths: of the files.
        targets: names of the predicted columns, in the model's order; those in the file if empty.

    Raises:
        UserError: if a file is damaged or holds more than a model, has what our network has not, the files do not
            belong together, or targets have no names.
    """
    found = [_imported(read(p, PACKAGES, "Chemprop 2")) for p in paths]
    first = found[0]
    for other in found[1:]:
        _check_alike(first, other)
    names = _names(found, targets)
    features = FEATURIZERS.build(ChempropV2Spec()).describe()
    several = len(found) > 1
    spec = BundleSpec(
        targets=names,
        units={},
        positive=dict.fromkeys(names, "1") if isinstance(first.task, ClassificationSpec) else {},
        task=first.task,
        featurizer=ChempropV2Spec(),
        model=first.model,
        head=first.head,
        max_atoms=DataSpec.model_fields["max_atoms"].default,
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
    trained = [restore(f.model, f.head, ChempropV2Spec(), f.task, f.scaling, f.tensors) for f in found]
    return Predictor(spec, TrainedEnsemble(trained) if several else trained[0])


def _imported(file: Read) -> Imported:
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
        faults = [*_faults(settings, *parts.values())]  # type: ignore[arg-type]
    except (TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: its settings are of no kind that Chemprop 2 writes: {_said(error)}") from None
    if faults:
        head = f"{path}: this Chemprop model cannot be imported:"
        raise UserError("\n".join([head, *(f"  {f}" for f in faults), "train it without, or predict with Chemprop"]))
    message, agg, predictor = (dict(p or {}) for p in parts.values())
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
        tensors = _renamed(_folded(left, norm))
        restore(model, head_spec, ChempropV2Spec(), task, scaling, tensors)
    except (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"{path}: its weights do not fit its settings: {_said(error)}; copy the file again") from None
    return Imported(file, task, model, head_spec, _columns(file), scaling, tensors)


def _faults(
    settings: Mapping[str, Any], message: Mapping[str, Any], agg: Mapping[str, Any], predictor: Mapping[str, Any]
) -> Iterator[str]:
    """What our network has not, each with what it has."""
    yield from _of_messages(message)
    for what, section, supported in (("agg", agg, POOLINGS), ("predictor", predictor, TASKS)):
        if (found := name_of(section.get("cls"))) not in supported:
            yield f"{what}: {found}; supported: {', '.join(supported)}"
    if (found := _activation(predictor.get("activation"))) != "relu":
        yield f"predictor.activation: {found}; supported: relu"
    widths = predictor.get("hidden_dim")
    if isinstance(widths, list | tuple) and len({*widths}) > 1:
        yield f"predictor.hidden_dim: {[*widths]}; supported: hidden layers of one width"
    if "d_h" in message and predictor.get("input_dim") != message["d_h"]:
        extra = f"{predictor.get('input_dim')} columns where messages give {message['d_h']}"
        yield f"predictor.input_dim: {extra}; supported: no extra molecule descriptors (X_d)"
    if not _nothing(settings.get("X_d_transform")):
        yield "X_d_transform: scaled extra molecule descriptors; supported: none"


def _of_messages(message: Mapping[str, Any]) -> Iterator[str]:
    if (found := name_of(message.get("cls"))) != "BondMessagePassing":
        yield f"message_passing: {found}; supported: BondMessagePassing of single molecules"
        return
    if (found := _activation(message.get("activation"))) != "relu":
        yield f"message_passing.activation: {found}; supported: relu"
    for option in ("undirected", "bias"):
        if message.get(option):
            yield f"message_passing.{option}: {message[option]}; supported: False"
    layout = layout_of(ChempropV2Spec())
    atoms, bonds = layout.atoms.width, layout.bonds.width
    if (message.get("d_v"), message.get("d_e")) != (atoms, bonds):
        mode = WIDTHS.get(message.get("d_v", 0), "another featurizer, extra features or reactions")
        found = f"{message.get('d_v')} columns per atom and {message.get('d_e')} per bond ({mode})"
        yield f"message_passing.d_v, d_e: {found}; supported: {atoms} and {bonds}, the featurizer mode V2"
    if message.get("d_vd"):
        yield f"message_passing.d_vd: {message['d_vd']} extra atom descriptors (V_d); supported: none"
    for transform in ("V_d_transform", "graph_transform"):
        if not _nothing(message.get(transform)):
            yield f"message_passing.{transform}: scaled extra features or descriptors; supported: none"


def _activation(value: Any) -> str:
    """Written as a text, as a member of Chemprop's enumeration or as a module."""
    if isinstance(value, str):
        return value.lower()
    args = getattr(value, "args", ())
    return str(args[0]).lower() if args else name_of(value).lower()


def _nothing(transform: Any) -> bool:
    """Whether a transform leaves its input as it is; that of a graph has two within."""
    if transform is None or name_of(transform) == "Identity":
        return True
    inner = getattr(transform, "state", {}).get("_modules", {})
    return name_of(transform) == "GraphTransform" and all(name_of(m) == "Identity" for m in inner.values())


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


def _folded(weights: dict[str, Tensor], norm: float) -> dict[str, Tensor]:
    """Weights whose first layer of the head takes what our encoder gives."""
    out = dict(weights)
    first = out["predictor.ffn.0.0.weight"]
    factor, shift = torch.full((first.shape[1],), NORM / norm).double(), torch.zeros(first.shape[1]).double()
    if "bn.weight" in out:
        weight, bias, mean, var = (out.pop(f"bn.{n}") for n in ("weight", "bias", "running_mean", "running_var"))
        slope = weight / torch.sqrt(var + BATCH_NORM_EPSILON)
        factor, shift = factor * slope, bias - mean * slope
    out["predictor.ffn.0.0.bias"] = out["predictor.ffn.0.0.bias"] + first @ shift
    out["predictor.ffn.0.0.weight"] = first * factor
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
