"""Elements that a featurizer takes for one and the same are said, in training and for each prediction."""

import csv
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
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.elements import Elements
from drugml.featurizers.pack import pack
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
    asked.write_text("smiles\nCCC\nC[Au]\nnone\nC[Se]C\n")
    assert cli("predict", bundle, asked, "--out", out).code == 0
    with out.open() as file:
        rows = [(r["status"], r["reason"], r["y"] != "") for r in csv.DictReader(file)]
    assert rows[0] == rows[3] == ("ok", "", True)
    assert rows[1] == (
        "ok",
        "has an element that the model cannot tell from others, it knows H-Kr, I: trust it less",
        True,
    )
    assert rows[2][0] == "parse_error"


def test_they_are_named_in_a_table_of_inchi(place: Path, cli: Cli) -> None:
    inchi = [Chem.MolToInchi(Chem.MolFromSmiles(s)) for s in [*LEARN, "C[Hg]C"]]
    table = place / "t.csv"
    table.write_text("\n".join(["inchi,y", *(f'"{s}",{n}' for n, s in enumerate(inchi))]))
    trained = cli("train", table, "--target", "y", "--dry-run", "featurizer=chemprop_v2", "data.split=random")
    assert trained.code == 0, trained.err
    assert "does not tell from one another (Hg), for example line 41, InChI=1S/2CH3.Hg/" in trained.err
