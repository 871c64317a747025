"""Models of Chemprop 2.3.1 (`scripts/make_chemprop_models.py`) give here what they gave there."""

import argparse
import csv
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from drugml.errors import UserError
from drugml.prediction import bundle
from drugml.prediction.chemprop import PACKAGES, load
from drugml.prediction.inert import Inert, read
from drugml.runs.describe import describe
from drugml.runs.promote import promote
from drugml.tracking.find import lookup
from drugml.tracking.models import choose, fetch
from drugml.tracking.store import connect
from tests.conftest import ROOT, Cli

DATA = ROOT / "tests/data/chemprop"
NUMBERS = [DATA / "regression-1.pt", DATA / "regression-2.pt"]
CLASSES = [DATA / "classification.ckpt"]
DESCRIBED = [DATA / "numbers-rdkit-1.pt", DATA / "numbers-rdkit-2.pt"]
RDKIT = ["--descriptors", "rdkit"]
Change = Callable[[dict[str, Any]], object]
Altered = Callable[..., Path]
"""A change, and the file that it is made to."""


def expected(name: str) -> tuple[list[str], np.ndarray]:
    with (DATA / f"{name}.csv").open() as file:
        rows = [*csv.reader(file)][1:]
    return [r[0] for r in rows], np.array([r[1:] for r in rows], float)


@pytest.mark.parametrize(
    ("files", "name", "options", "targets"),
    [
        (NUMBERS, "regression", [], ("logP", "weight")),
        (CLASSES, "classification", ["--target", "polar", "--target", "aromatic"], ("polar", "aromatic")),
        (DESCRIBED, "numbers-rdkit", RDKIT, ("logP", "weight")),
        ([DATA / "classes-rdkit.pt"], "classes-rdkit", RDKIT, ("polar", "aromatic")),  # not scaled
    ],
)
def test_predictions_are_chemprops(
    files: list[Path], name: str, options: list[str], targets: tuple[str, ...], tmp_path: Path, cli: Cli
) -> None:
    out = tmp_path / "bundle"
    done = cli("models", "import", "chemprop", *files, "--out", out, *options)
    assert done.code == 0, done.err
    assert str(out) in done.out
    predictor = bundle.load(out)
    assert predictor.spec.targets == targets
    assert len(predictor.spec.members) == (2 if len(files) > 1 else 0)
    smiles, values = expected(name)
    found = predictor.predict(smiles)
    assert not found.rejects
    assert (values.std(axis=0) > 0.05 * np.array(predictor.spec.scale)).all(), "constant predictions show nothing"
    assert np.abs((found.values - values) / predictor.spec.scale).max() < 1e-5
    again = cli("models", "import", "chemprop", *files, "--out", out, *options)
    assert again.code == 2
    assert "exists already" in again.err


def test_descriptors_are_named_by_the_user(altered: Altered, cli: Cli) -> None:
    done = cli("models", "import", "chemprop", *DESCRIBED, "--name", "a")
    assert done.code == 2
    assert "if you say so: --descriptors rdkit\n  X_d_transform: ScaleTransform; supported: " in done.err
    with pytest.raises(UserError, match=r"16 columns .* 16, 0 extra .*\(X_d\); supported: 217, as --descriptors rdkit"):
        load(NUMBERS, descriptors="rdkit")
    with pytest.raises(UserError, match=r", 200 extra .*\(X_d\); supported: 217, as --descriptors rdkit says"):
        load([altered(setting("predictor.input_dim", 216))], descriptors="rdkit")
    with pytest.raises(UserError, match=r"^--descriptors v1_rdkit_2d: expected rdkit, which Chemprop calls rdkit_2d; "):
        load(DESCRIBED, descriptors="v1_rdkit_2d")


def test_descriptors_are_scaled_as_the_settings_say(altered: Altered) -> None:
    def unscaled(values: dict[str, Any]) -> None:
        values["hyper_parameters"]["X_d_transform"] = None

    def lost(values: dict[str, Any]) -> None:
        del values["state_dict"]["X_d_transform.mean"]

    for change, said in ((unscaled, "X_d_transform.mean"), (lost, "X_d_transform.mean is missing")):
        with pytest.raises(UserError, match=f"its weights do not fit its settings: .*{said}"):
            load([altered(change, DESCRIBED[0])], descriptors="rdkit")


def test_a_molecule_whose_descriptors_we_do_not_know_is_rejected() -> None:
    """Of Ipc that of large molecules, and what 32 bits do not hold."""
    found = load(DESCRIBED, descriptors="rdkit").predict(["C" * 30, "C" * 151, "C1CC1" * 50])
    assert np.isfinite(found.values[0]).all()
    assert [r.reason for r in found.rejects.values()] == [
        "151 heavy atoms, more than data.max_atoms = 150",
        "the model gives no finite value of logP, weight",
    ]


def test_a_version_says_where_it_came_from(place: Path, cli: Cli) -> None:
    done = cli("models", "import", "chemprop", *NUMBERS, "--name", "esol", "--target", "a", "--target", "b")
    assert done.code == 0, done.err
    store = connect(None)
    version = choose(store, "esol", None)
    run = lookup(store, version.run_id)
    hashes = [read(p, PACKAGES, "").sha256 for p in NUMBERS]
    assert version.tags["drugml.file"] == "regression-1.pt, regression-2.pt"
    assert version.tags["drugml.file_sha256"] == ", ".join(hashes)
    assert (run.status, run.tags["drugml.kind"]) == ("FINISHED", "import")
    spec = bundle.load(fetch(store, "models:/esol@candidate")).spec
    assert spec.targets == ("a", "b")
    assert [m.provenance["file_sha256"] for m in spec.members] == hashes
    assert "imported from chemprop 2" in dict(describe("esol", None, None))["reproduce"]
    with pytest.raises(UserError, match=r"run: .*import, FINISHED; expected train") as refused:
        promote("esol", None, False, None)
    assert "bundle" not in str(refused.value)
    assert promote("esol", None, True, None).version.aliases == ("candidate", "champion")


@pytest.mark.parametrize(
    ("files", "targets", "said"),
    [
        (CLASSES, [], "does not name what it predicts; name it with --target, 2 times"),
        (NUMBERS, ["a"], "predicts 2 targets; expected as many different names"),
        (NUMBERS, ["a", "a"], "predicts 2 targets; expected as many different names"),
        ([*NUMBERS, *CLASSES], [], "no members of one ensemble, they differ in:\n  task: regression; classification"),
    ],
)
def test_names_and_members_must_fit(files: list[Path], targets: list[str], said: str) -> None:
    with pytest.raises(UserError) as refused:
        load(files, targets)
    assert said in str(refused.value)


def test_somewhere_it_must_go(cli: Cli) -> None:
    done = cli("models", "import", "chemprop", *NUMBERS)
    assert done.code == 2
    assert "--name NAME registers the model, --out FOLDER" in done.err
    done = cli("models", "import", "chemprop", *NUMBERS, "--out", NUMBERS[0] / "bundle")
    assert done.code == 2
    assert "bundle: cannot be written: " in done.err


def test_a_server_that_does_not_answer_leaves_no_folder_behind(place: Path, cli: Cli) -> None:
    out, uri = place / "esol", "http://127.0.0.1:9"
    options = ("--target", "a", "--target", "b", "--name", "esol", "--out", out, "--uri", uri)
    done = cli("models", "import", "chemprop", *NUMBERS, *options)
    assert done.code == 2
    assert f"tracking server {uri}: no answer" in done.err
    assert not out.exists()


class Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("form", ["torch", "pickle", "protocol 4"])
def test_a_file_that_would_act_is_refused_and_does_not(tmp_path: Path, form: str) -> None:
    path, trace = tmp_path / "best.pt", tmp_path / "it-acted"
    held = {"hyper_parameters": {"agg": Evil(trace)}, "state_dict": {}}
    if form == "pickle":
        path.write_bytes(pickle.dumps(held, protocol=2))
    else:
        torch.save(held, path, pickle_protocol=4 if form == "protocol 4" else 2)
    with pytest.raises(UserError, match=r"best\.pt: (names posix\.system|damaged, or not a model file)") as refused:
        load([path])
    assert ("posix.system" in str(refused.value)) == (form == "torch")
    assert not trace.exists()
    torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
    assert trace.exists(), "the file would have acted"


def test_names_of_chemprop_call_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where a module of that name can be imported."""
    (tmp_path / "chemprop.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    load(NUMBERS)
    assert not {m for m in set(sys.modules) - before if m.startswith(("chemprop", "lightning", "torchmetrics"))}


def test_other_files_are_refused(tmp_path: Path) -> None:
    whole = NUMBERS[0].read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (b"", b"SMILES,logP\nC,1\n", whole[:middle], whole[:-100], flipped):
        (tmp_path / "x.pt").write_bytes(content)
        with pytest.raises(UserError, match=r"x\.pt: damaged, or not a model file of Chemprop 2: "):
            load([tmp_path / "x.pt"])
    with pytest.raises(UserError, match=r"none\.pt: cannot be read: No such file"):
        load([tmp_path / "none.pt"])
    held = {
        "holds a list": [1],
        "hyper_parameters and state_dict are not both there": {"state_dict": {}},
        "names argparse.Namespace": {"args": argparse.Namespace(), "state_dict": {}},  # Chemprop 1
        "has no message_passing": {"state_dict": {}, "hyper_parameters": {}},
    }
    for said, values in held.items():
        torch.save(values, tmp_path / "x.pt")
        with pytest.raises(UserError) as refused:
            load([tmp_path / "x.pt"])
        assert said in str(refused.value)


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
