"""What our network has not of a model of Chemprop is refused with all that stands against it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from drugml.errors import UserError
from drugml.prediction.chemprop import PACKAGES, load
from drugml.prediction.inert import Inert, read
from tests.conftest import Cli
from tests.test_import_chemprop import DESCRIBED, NUMBERS

Change = Callable[[dict[str, Any]], object]
Altered = Callable[..., Path]
"""A change, and the file that it is made to."""


def inside(value: Any) -> Iterator[Any]:
    """All that a nested dictionary holds."""
    yield value
    if isinstance(value, dict):
        for v in value.values():
            yield from inside(v)


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Altered:
    """A file of Chemprop with something else in it; classes are written under the names that they stand for."""

    def write(change: Change, source: Path = NUMBERS[0]) -> Path:
        values = read(source, PACKAGES, "").values
        for part in ("message_passing", "predictor"):
            values["hyper_parameters"][part]["activation"] = torch.nn.ReLU()
        values["hyper_parameters"]["message_passing"]["graph_transform"] = None
        change(values)
        for v in inside(values):
            kind = v if isinstance(v, type) else type(v)
            if issubclass(kind, Inert):
                parts = kind.__module__.split(".")
                for name in (".".join(parts[: n + 1]) for n in range(len(parts))):
                    monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
                monkeypatch.setattr(sys.modules[kind.__module__], kind.__name__, kind, raising=False)
        torch.save(values, tmp_path / "best.pt")
        return tmp_path / "best.pt"

    return write


def kind(name: str) -> type[Inert]:
    """A class of another program, whose objects are written as what they are made of."""
    module, _, short = name.rpartition(".")
    return type(short, (Inert,), {"__module__": module, "__reduce__": lambda self: (type(self), self.args)})


def setting(where: str, value: Any) -> Change:
    """Sets `section.option`."""

    def change(values: dict[str, Any]) -> None:
        *sections, option = where.split(".")
        found = values["hyper_parameters"]
        for s in sections:
            found = found[s]
        found[option] = value

    return change


SCALE = kind("chemprop.nn.transforms.ScaleTransform")()
ATOMS = kind("chemprop.nn.message_passing.base.AtomMessagePassing")
SEVERAL = kind("chemprop.nn.message_passing.multi.MulticomponentMessagePassing")
HEADS = ("MveFFN", "EvidentialFFN", "QuantileFFN", "SpectralFFN", "BinaryDirichletFFN", "MulticlassClassificationFFN")
REFUSED: list[tuple[str, Any, str]] = [
    ("message_passing.cls", ATOMS, "AtomMessagePassing; supported: BondMessagePassing"),
    ("message_passing.cls", SEVERAL, "supported: BondMessagePassing of single molecules"),
    ("message_passing.activation", "tanh", "message_passing.activation: tanh; supported: relu"),
    ("message_passing.activation", kind("chemprop.nn.utils.Activation")("PRELU"), "activation: prelu; supported: relu"),
    ("message_passing.undirected", True, "undirected: True; supported: False"),
    ("message_passing.bias", True, "bias: True; supported: False"),
    (
        "message_passing.d_v",
        133,
        "133 columns per atom and 14 per bond (V1); supported: 72 and 14, the featurizer mode",
    ),
    ("message_passing.d_v", 44, "(ORGANIC)"),
    ("message_passing.d_v", 75, "(another featurizer, extra features or reactions)"),
    ("message_passing.d_vd", 3, "3 extra atom descriptors (V_d); supported: none"),
    ("message_passing.V_d_transform", SCALE, "V_d_transform: scaled extra features or descriptors; supported: none"),
    ("message_passing.graph_transform", SCALE, "graph_transform: scaled extra features or descriptors; supported"),
    ("X_d_transform", SCALE, "X_d_transform: ScaleTransform; supported: ScaleTransform of what --descriptors names"),
    ("predictor.activation", torch.nn.SELU(), "predictor.activation: selu; supported: relu"),
    (
        "predictor.input_dim",
        233,
        "233 columns where messages give 16, 217 extra molecule descriptors (X_d); supported: the 217 of Chemprop's "
        "rdkit_2d, if you say so: --descriptors rdkit",
    ),
    ("predictor.hidden_dim", [16, 8], "predictor.hidden_dim: [16, 8]; supported: hidden layers of one width"),
    ("agg.cls", kind("chemprop.nn.agg.AttentiveAggregation"), "agg: AttentiveAggregation; supported: MeanAggregation,"),
    *(("predictor.cls", kind(f"chemprop.nn.predictors.{n}"), f"{n}; supported: RegressionFFN, Binary") for n in HEADS),
]


@pytest.mark.parametrize(("where", "value", "said"), REFUSED)
def test_what_the_network_has_not_is_refused(altered: Altered, where: str, value: Any, said: str) -> None:
    path = altered(setting(where, value))
    with pytest.raises(UserError) as refused:
        load([path])
    text = str(refused.value)
    assert text.startswith(f"{path}: this Chemprop model cannot be imported:\n")
    assert said in text


def test_all_that_is_missing_is_said_at_once(altered: Altered) -> None:
    def change(values: dict[str, Any]) -> None:
        values["hyper_parameters"]["message_passing"] |= {"undirected": True, "bias": True}

    with pytest.raises(UserError, match=r"undirected: True; supported: False\n  message_passing\.bias"):
        load([altered(change)])


def test_settings_of_another_kind_are_no_accident(altered: Altered) -> None:
    with pytest.raises(UserError, match="its settings are of no kind that Chemprop 2 writes: unhashable type"):
        load([altered(setting("predictor.hidden_dim", [[16], [8]]))])


def test_weights_must_fit(altered: Altered) -> None:
    load([altered(lambda values: None)])
    first = "message_passing.W_i.weight"
    changes: dict[str, Change] = {
        "size mismatch for encoder.W_i.weight": lambda v: v["state_dict"].update({first: torch.zeros(16, 85)}),
        f"{first} is not finite": lambda v: v["state_dict"][first].fill_(torch.nan),
        "predictor.ffn.0.0.bias is missing": lambda v: v["state_dict"].pop("predictor.ffn.0.0.bias"),
        'Unexpected key(s) in state_dict: "more"': lambda v: v["state_dict"].update({"more": torch.zeros(1)}),
        "depth: Input should be less than or equal to 20": setting("message_passing.depth", 21),
        "float division by zero": setting("agg.norm", 0),
    }
    for said, change in changes.items():
        with pytest.raises(UserError) as refused:
            load([altered(change)])
        assert "its weights do not fit its settings" in str(refused.value)
        assert said in str(refused.value)


def test_descriptors_are_named_by_the_user(altered: Altered, cli: Cli) -> None:
    done = cli("models", "import", "chemprop", *DESCRIBED, "--name", "a")
    assert done.code == 2
    assert "if you say so: --descriptors rdkit\n  X_d_transform: ScaleTransform; supported: " in done.err
    with pytest.raises(UserError, match=r"16 columns .* 16, 0 extra .*\(X_d\); supported: 217, as --descriptors rdkit"):
        load(NUMBERS, descriptors=["rdkit"])
    with pytest.raises(UserError, match=r", 200 extra .*\(X_d\); supported: 217, as --descriptors rdkit says"):
        load([altered(setting("predictor.input_dim", 216))], descriptors=["rdkit"])
    with pytest.raises(UserError, match=r"^--descriptors v1_rdkit_2d: expected rdkit, which Chemprop calls rdkit_2d, "):
        load(DESCRIBED, descriptors=["v1_rdkit_2d"])
    with pytest.raises(UserError, match=r"2048 extra .*Morgan bits or counts, if you say which: --descr"):
        load([altered(setting("predictor.input_dim", 16 + 2048))])
    with pytest.raises(UserError, match=r"supported: 2265, as --descriptors rdkit --descriptors morgan_count says"):
        load(DESCRIBED, descriptors=["rdkit", "morgan_count"])


def test_descriptors_are_scaled_as_the_settings_say(altered: Altered) -> None:
    def unscaled(values: dict[str, Any]) -> None:
        values["hyper_parameters"]["X_d_transform"] = None

    def lost(values: dict[str, Any]) -> None:
        del values["state_dict"]["X_d_transform.mean"]

    for change, said in ((unscaled, "X_d_transform.mean"), (lost, "X_d_transform.mean is missing")):
        with pytest.raises(UserError, match=f"its weights do not fit its settings: .*{said}"):
            load([altered(change, DESCRIBED[0])], descriptors=["rdkit"])
