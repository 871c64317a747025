"""Elements that a featurizer takes for one and the same are said, in training and for each prediction."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.descriptors import RdkitDescriptorsSpec
from drugml.config.featurizers import (
    AttentiveFpFeaturesSpec,
    ChempropOrganicSpec,
    ChempropV1Spec,
    ChempropV2Spec,
    FeaturesSpec,
    MorganSpec,
    OgbSpec,
    RigrSpec,
)
from drugml.config.standardize import NoStandardization
from drugml.data.formats.row import Row
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.elements import Elements
from drugml.featurizers.pack import pack
from drugml.prediction.bundle import load
from drugml.prediction.predictor import Predictor
from drugml.runs.predict.output import Answer
from drugml.runs.predict.report import Report
from tests.conftest import QUICK, Cli

SMILES = ["CCO", "C[Hg]C", "C[Se]C", "[Cf]", "c1ccccc1I.[Na+]", "CB(O)O"]
LEARN = [f"{'C' * n}O" for n in range(1, 40)]


@pytest.mark.parametrize(
    ("spec", "strange", "said"),
    [
        (ChempropV2Spec(), [1, 3], "H-Kr, I"),
        (ChempropV2Spec(descriptors=(RdkitDescriptorsSpec(),)), [1], "H-Kr, I"),
        (ChempropV1Spec(), [], "H-Fm"),
        (ChempropOrganicSpec(), [1, 2, 3, 4], "H, B-F, Si-Cl, Br, I"),
        (RigrSpec(), [1, 3], "H-Kr, I"),
        (AttentiveFpFeaturesSpec(), [1, 3, 4], "B-F, Si-Cl, As-Br, Te-I, At"),
        (OgbSpec(), [], "H-Og"),
        (FeaturesSpec(atoms=("charge",)), [], ""),
        (MorganSpec(), [], ""),
    ],
    ids=lambda s: s.name + str(len(s.descriptors)) if isinstance(s, Spec) else "",
)
def test_what_a_featurizer_takes_for_other(spec: Spec, strange: list[int], said: str) -> None:
    elements = Elements(FEATURIZERS.build(spec))
    smiles = [s for s in SMILES if not (spec.descriptors and s == "[Cf]")]  # type: ignore[attr-defined]
    store = pack(smiles, spec, standardize=NoStandardization(), max_atoms=100).store
    assert store is not None
    assert np.flatnonzero(elements.strange(store)).tolist() == strange
    assert elements.said == said


def test_they_are_said_in_training_and_beside_each_prediction(place: Path, cli: Cli) -> None:
    table = place / "t.csv"
    table.write_text("\n".join(["smiles,y", *(f"{s},{len(s)}" for s in [*LEARN, "C[Hg]C", "C[Pt]C"])]))
    trained = cli("train", table, "--target", "y", *QUICK, "featurizer=chemprop_v2")
    assert trained.code == 0, trained.err
    assert (
        "featurizer chemprop_v2: 2 molecules have elements that it does not tell from one another (Hg, Pt), for "
        "example line 41, C[Hg]C; it knows H-Kr, I, featurizer=ogb knows all" in trained.err
    )
    (bundle,) = (place / "runs").rglob("bundle")
    out = place / "out.csv"
    asked = place / "new.csv"
    asked.write_text("smiles\nCCC\nC[Hg]CC\nnone\nC[Se]CI\n")
    said = cli("predict", bundle, asked, "--out", out)
    assert said.code == 0
    assert "  2 values are to be trusted less, the first in line 3; see the column reason\n" in said.err + said.out
    with out.open() as file:
        rows = [(r["status"], r["reason"], r["y"] != "") for r in csv.DictReader(file)]
    assert rows[0] == ("ok", "", True)
    assert rows[1] == (
        "ok",
        "has an element that the model cannot tell from others, it knows H-Kr, I: trust it less",
        True,
    )
    assert rows[2][0] == "parse_error"
    assert rows[3] == ("ok", "has Se and I, which no training molecule has: trust it less", True)


@pytest.mark.parametrize("chosen", [["model=forest"], ["model=schnet"], ["model=gcn", "ensemble.members=2"]])
def test_an_element_that_no_training_molecule_has_is_said(place: Path, cli: Cli, chosen: list[str]) -> None:
    table = place / "t.csv"
    # only the first ones, which are those of the training fold, hold N; others hold S
    rows = [*(f"{'C' * n}N,{n},train" for n in range(1, 20)), "CCS,1,val", "CCCS,2,val", "CS,3,test", "CCCCS,4,test"]
    table.write_text("\n".join(["smiles,y,fold", *rows]))
    options = [*QUICK, *chosen, "data.split={kind: predefined, column: fold}", "data.standardize=fast"]
    trained = cli("train", table, "--target", "y", *(o for o in options if not o.startswith("model.")))
    assert trained.code == 0, trained.err
    bundle = min((place / "runs").rglob("bundle"), key=lambda p: len(p.parts))
    assert json.loads((bundle / "spec.json").read_text())["elements"] == ["C", "N"]
    out, asked = place / "out.csv", place / "new.csv"
    asked.write_text("smiles\nCCCN\nCCS\nCCN.Cl\nCCC=O\n")
    assert cli("predict", bundle, asked, "--out", out).code == 0
    with out.open() as file:
        found = [(r["status"], r["reason"]) for r in csv.DictReader(file)]
    other = "has {}, which no training molecule has: trust it less"
    assert found == [("ok", ""), ("ok", other.format("S")), ("ok", ""), ("ok", other.format("O"))]


def test_the_summary_counts_values_of_all_models_also_after_a_break() -> None:
    rows = [Row(n, [s], None) for n, s in enumerate(["CCO", "CB", "junk"], 2)]
    ok, values = ["ok", "ok", "parse_error"], np.ones((3, 1))
    answers = [Answer(values, ok, ["", "has B", "bad"]), Answer(values, ok, ["has O", "has B", "bad"])]
    whole, first, rest = (Report(Path("out.csv"), ["a", "b"], ["a", "b"]) for _ in range(3))
    whole.add(rows, 0, answers)
    assert "  3 values are to be trusted less, the first in line 2; see the reasons of each model" in whole.summary()
    first.add(rows, 0, answers)
    rest.restore(json.loads(json.dumps(first.state())))
    assert rest.summary() == whole.summary()


def test_a_bundle_that_does_not_say_what_it_learned_from_says_nothing(place: Path, cli: Cli) -> None:
    table = place / "t.csv"
    table.write_text("\n".join(["smiles,y", *(f"{s},{len(s)}" for s in LEARN)]))
    assert cli("train", table, "--target", "y", "model=mean").code == 0
    (folder,) = (place / "runs").rglob("bundle")
    predictor = load(folder)
    assert predictor.predict(["CCN"]).notes == {0: "has N, which no training molecule has: trust it less"}
    silent = Predictor(predictor.spec.model_copy(update={"elements": None}), predictor.trained)
    assert silent.predict(["CCN"]).notes == {}


def test_they_are_named_in_a_table_of_inchi(place: Path, cli: Cli) -> None:
    inchi = [Chem.MolToInchi(Chem.MolFromSmiles(s)) for s in [*LEARN, "C[Hg]C"]]
    table = place / "t.csv"
    table.write_text("\n".join(["inchi,y", *(f'"{s}",{n}' for n, s in enumerate(inchi))]))
    trained = cli("train", table, "--target", "y", "--dry-run", "featurizer=chemprop_v2", "data.split=random")
    assert trained.code == 0, trained.err
    assert "does not tell from one another (Hg), for example line 41, InChI=1S/2CH3.Hg/" in trained.err
