"""Settings in a model file of Chemprop 2: what our network has not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drugml.config.descriptors import DescriptorSpec, MorganBinarySpec, MorganCountSpec, RdkitDescriptorsSpec
from drugml.config.featurizers import ChempropV2Spec
from drugml.config.tasks import ClassificationSpec, RegressionSpec
from drugml.prediction.inert import name_of
from drugml.prediction.trained import layout_of

TASKS: dict[str, RegressionSpec | ClassificationSpec] = {
    "RegressionFFN": RegressionSpec(),
    "BinaryClassificationFFN": ClassificationSpec(),
}
POOLINGS = {"MeanAggregation": "mean", "SumAggregation": "sum", "NormAggregation": "norm"}
WIDTHS = {133: "V1", 44: "ORGANIC", 52: "RIGR"}
"""Columns of an atom to the featurizer mode that makes them."""
DESCRIBED: dict[str, DescriptorSpec] = {
    "rdkit": RdkitDescriptorsSpec(),
    "morgan_binary": MorganBinarySpec(),
    "morgan_count": MorganCountSpec(),
}
"""What extra molecule descriptors may be; the file does not say which they are."""


def faults(
    settings: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], descriptors: Sequence[str]
) -> Iterator[str]:
    """What our network has not, each with what it has.

    Args:
        settings: of the model.
        parts: those of `message_passing`, `agg` and `predictor`.
        descriptors: what the user says that the extra molecule descriptors are.
    """
    message, agg, predictor = (parts[k] for k in ("message_passing", "agg", "predictor"))
    yield from _of_messages(message)
    for what, section, supported in (("agg", agg, POOLINGS), ("predictor", predictor, TASKS)):
        if (found := name_of(section.get("cls"))) not in supported:
            yield f"{what}: {found}; supported: {', '.join(supported)}"
    if (found := _activation(predictor.get("activation"))) != "relu":
        yield f"predictor.activation: {found}; supported: relu"
    widths = predictor.get("hidden_dim")
    if isinstance(widths, list | tuple) and len({*widths}) > 1:
        yield f"predictor.hidden_dim: {[*widths]}; supported: hidden layers of one width"
    if "d_h" in message and "input_dim" in predictor:
        yield from _beside(settings.get("X_d_transform"), message["d_h"], predictor["input_dim"], descriptors)


def _beside(transform: Any, embedding: int, columns: int, descriptors: Sequence[str]) -> Iterator[str]:
    """Of the extra molecule descriptors (X_d), which stand after the embedding."""
    extra = columns - embedding
    found = f"{columns} columns where messages give {embedding}, {extra} extra molecule descriptors (X_d)"
    said, width = " ".join(f"--descriptors {d}" for d in descriptors), sum(DESCRIBED[d].width for d in descriptors)
    if extra and not descriptors:
        own = "the 217 of Chemprop's rdkit_2d, if you say so: --descriptors rdkit"
        if extra == MorganBinarySpec.width:
            own = "Morgan bits or counts, if you say which: --descriptors morgan_binary or morgan_count"
        yield f"predictor.input_dim: {found}; supported: {own}"
    elif extra != width:
        yield f"predictor.input_dim: {found}; supported: {width}, as {said} says"
    if scaled(transform) and (not descriptors or name_of(transform) != "ScaleTransform"):
        yield f"X_d_transform: {name_of(transform)}; supported: ScaleTransform of what --descriptors names"


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
        if scaled(message.get(transform)):
            yield f"message_passing.{transform}: scaled extra features or descriptors; supported: none"


def _activation(value: Any) -> str:
    """Written as a text, as a member of Chemprop's enumeration or as a module."""
    if isinstance(value, str):
        return value.lower()
    args = getattr(value, "args", ())
    return str(args[0]).lower() if args else name_of(value).lower()


def scaled(transform: Any) -> bool:
    """Whether a transform changes its input; that of a graph has two within."""
    if transform is None or name_of(transform) == "Identity":
        return False
    inner = getattr(transform, "state", {}).get("_modules", {})
    return name_of(transform) != "GraphTransform" or any(name_of(m) != "Identity" for m in inner.values())
