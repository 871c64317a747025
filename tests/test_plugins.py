"""A package of another author, installed as pip does it: its models, featurizers and descriptors are as ours."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from drugml.config.featurizers import MorganSpec
from drugml.errors import UserError
from drugml.prediction import bundle
from drugml.registry import Registry
from tests.conftest import ROOT, SMILES, Cli

DRIVER = """
import contextlib, io, json, sys
from drugml.cli.main import main
for args in json.loads(sys.argv[1]):
    sys.argv, out, err = ["drugml", *args], io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
"""Several commands in one process: each alone would import torch."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would unpack."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT / "tests/plugin")
    with zipfile.ZipFile(*folder.glob("*.whl")) as file:
        file.extractall(folder)
    return folder


def test_what_a_package_adds_is_listed_shown_trained_and_missed_when_it_is_gone(
    place: Path, installed: Path, cli: Cli
) -> None:
    rows = [f"{s},{len(s)},{len(s) % 2}" for s in SMILES]
    (place / "t.csv").write_text("\n".join(["smiles,y,c", *rows]) + "\n")
    train = ["train", "t.csv", "--target", "y", "tracking.register_as=sample"]
    commands = [
        ["models", "list"],
        ["models", "show", "ridge"],
        ["featurizers", "list"],
        ["featurizers", "show", "elements"],
        [*train, "model=deepsets", "model.hidden_dim=16", "train.epochs=2", "featurizer.descriptors=[lengths]"],
        [*train, "model=ridge"],
        ["train", "t.csv", "--target", "y", "model=gcn", "--dry-run"],
        ["predict", "models:/sample/2", "t.csv", "--out", "p.csv"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"},
        capture_output=True, text=True, check=False, cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [code for code, _, _ in answers] == [0] * len(commands), answers
    models, ridge, featurizers, elements, *_ = (out for _, out, _ in answers)
    assert re.search(r"deepsets +2D graph +Sum over atoms", models)
    assert re.search(r"ridge +baseline +Ridge regression", models)
    assert models.splitlines()[-2:] == [f"{n} is added by drugml-sample 1.2.3" for n in ("deepsets", "ridge")]
    assert "model.alpha" in ridge
    assert ridge.rstrip().endswith("added by drugml-sample 1.2.3")
    assert re.search(r"elements +fingerprint +53 ", featurizers)
    assert re.search(r"lengths +descriptors +2 ", featurizers)
    assert "Greatest atomic number" in elements
    assert len((place / "p.csv").read_text().splitlines()) == len(SMILES) + 1
    told = "".join(err for _, _, err in answers)
    assert "plug-in broken (drugml.models) of drugml-sample is not used: ModuleNotFoundError: No module named " in told
    assert "plug-in gcn (drugml.models) of drugml-sample is not used: ValueError: drugml has a 'gcn' of its own" in told
    served = [*place.glob("mlartifacts/t/models/*/artifacts/requirements.txt")]
    assert ["drugml-sample==1.2.3" in file.read_text() for file in served] == [True, True]

    folder = next(f for f in place.glob("runs/t/*/bundle") if '"deepsets"' in (f / "spec.json").read_text())
    with pytest.raises(UserError) as error:
        bundle.load(folder)
    assert str(error.value) == (
        f"{folder}: 'lengths' and 'deepsets' of a plug-in that is not installed; the model was made with "
        "drugml-sample 1.2.3"
    )
    missing = cli("predict", "models:/sample/2", "t.csv", "--out", "q.csv")
    assert missing.code == 2
    assert "'elements' and 'ridge' of a plug-in that is not installed" in missing.err


def test_a_spec_without_a_class_is_named() -> None:
    with pytest.raises(UserError, match=r"nothing MorganSpec of drugml\.config\.fingerprints: no class is registered"):
        Registry("nothing").build(MorganSpec())  # type: ignore[var-annotated]
