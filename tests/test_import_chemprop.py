"""Models of Chemprop 2.3.1 (`scripts/make_chemprop_models.py`) give here what they gave there."""

import argparse
import csv
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drugml.errors import UserError
from drugml.prediction import bundle
from drugml.prediction.chemprop import PACKAGES, load
from drugml.prediction.inert import read
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
        ([DATA / "numbers-morgan.pt"], "numbers-morgan", ["--descriptors", "morgan_count", *RDKIT], ("logP", "weight")),
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


def test_a_molecule_whose_descriptors_we_do_not_know_is_rejected() -> None:
    """Of Ipc that of large molecules, and what 32 bits do not hold."""
    found = load(DESCRIBED, descriptors=["rdkit"]).predict(["C" * 30, "C" * 151, "C1CC1" * 50])
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
