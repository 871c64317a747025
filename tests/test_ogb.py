"""OGB 1.3.6 as the reference: the same feature indices of every atom and bond."""

import json

import numpy as np
from rdkit import Chem

from drugml.config.featurizers import OgbSpec
from drugml.featurizers import FEATURIZERS
from tests.conftest import ROOT

GOLDEN = json.loads((ROOT / "tests/golden/ogb.json").read_text())


def test_codes_are_ogbs_indices() -> None:
    store = FEATURIZERS.build(OgbSpec()).pack([Chem.MolFromSmiles(s) for s in GOLDEN["smiles"]])
    for level, found in (("atoms", store.atom["codes"]), ("bonds", store.bond["codes"])):
        expected = [row for molecule in GOLDEN[level] for row in molecule]
        np.testing.assert_array_equal(found, np.array(expected, np.uint8), err_msg=level)


def test_an_atropisomeric_bond_counts_as_any() -> None:
    mol = Chem.MolFromSmiles("Cc1cccc(I)c1-n1c(C)ccc1Br |wU:7.6|")
    assert Chem.BondStereo.STEREOATROPCW in {b.GetStereo() for b in mol.GetBonds()} or (
        Chem.BondStereo.STEREOATROPCCW in {b.GetStereo() for b in mol.GetBonds()}
    )
    codes = FEATURIZERS.build(OgbSpec()).pack([mol]).bond["codes"]
    assert 5 in codes[:, 1]
