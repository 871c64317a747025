"""Properties of atoms and bonds in bulk: each is what RDKit's own getter says, atom by atom."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.standardize import ChemblStandardization, FastStandardization, StandardizeSpec
from drugml.data.molecule import parse_all
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject
from drugml.data.table import Table
from drugml.featurizers.properties import ATOM, RARE, properties
from tests.conftest import SMILES

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
ODD = [
    "C",
    "[H][H]",
    "[Na+].[Cl-]",
    "[13CH3]C([2H])=O",
    "[300CH4]",
    "[CH2]C[O]",
    "[O-][N+](=O)c1cc[nH]c1",
    "C[C@H](N)C(=O)[O-]",
    "F/C=C/C=C\\F",
    "N->[Pt](Cl)Cl",
    "[Pt@SP1](F)(Cl)(Br)I",
    "F[P@TB1](Cl)(Br)(I)C",
    "Cc1cccc(I)c1-n1c(C)ccc1Br |wU:7.6|",
    "C1=C/C=C/C=C/C=C\\C=C/C=C/C=C/C=C\\C=C/1",
    "[U](F)(F)(F)(F)(F)F",
    "C#[O+]",
    "C1CC1.c1ccc2ccccc2c1",
    "C:C",
    "c1ccccc1:c1ccccc1",
    "C1CCCC:CCC1",
    "c1cc2ccc3ccc(c1)n23",
]
"""One of each kind: isotopes, radicals, charges, every kind of stereo, dative bonds, rings, single atoms,
misused aromatic bonds."""
Getter = Callable[[Any], Any]
ATOM_GETTERS: dict[str, Getter] = {
    **ATOM,
    **RARE,
    "degree": Chem.Atom.GetTotalDegree,
    "neighbours": Chem.Atom.GetDegree,
}
BOND_GETTERS: dict[str, Getter] = {
    "type": Chem.Bond.GetBondType,
    "conjugated": Chem.Bond.GetIsConjugated,
    "ring": Chem.Bond.IsInRing,
    "stereo": Chem.Bond.GetStereo,
    "begin": Chem.Bond.GetBeginAtomIdx,
    "end": Chem.Bond.GetEndAtomIdx,
}


def assert_as_rdkit_says(mols: list[Chem.Mol]) -> None:
    found = properties(mols, ATOM_GETTERS)
    assert found.atoms == [m.GetNumAtoms() for m in mols]
    assert found.bonds == [m.GetNumBonds() for m in mols]
    for name, get in ATOM_GETTERS.items():
        expected = [get(a) for m in mols for a in m.GetAtoms()]
        np.testing.assert_array_equal(found.atom[name], np.array(expected, found.atom[name].dtype), err_msg=name)
    for name, get in BOND_GETTERS.items():
        expected = [get(b) for m in mols for b in m.GetBonds()]
        np.testing.assert_array_equal(found.bond[name], np.array(expected, found.bond[name].dtype), err_msg=name)


def test_odd_molecules_are_read_as_rdkit_says() -> None:
    mols = [Chem.MolFromSmiles(s) for s in ODD]
    assert_as_rdkit_says(mols)
    found = properties(mols, ATOM_GETTERS)
    assert {*found.atom["chirality"].tolist()} >= {0, 2, int(Chem.ChiralType.CHI_SQUAREPLANAR)}
    stereo = Chem.BondStereo
    kinds = (stereo.STEREONONE, stereo.STEREOE, stereo.STEREOZ, stereo.STEREOATROPCW)
    assert {*found.bond["stereo"].tolist()} >= {*map(int, kinds)}
    assert {*found.bond["type"].tolist()} >= {1, 2, 3, 12, int(Chem.BondType.DATIVE)}
    assert found.atom["radicals"].max() > 0
    assert found.atom["charge"].min() < 0


@given(st.lists(st.sampled_from([*SMILES, *ODD]), max_size=8))
def test_any_mixture_of_molecules_is(smiles: list[str]) -> None:
    assert_as_rdkit_says([Chem.MolFromSmiles(s) for s in smiles])


@pytest.mark.parametrize(
    "level",
    [
        FastStandardization(),
        FastStandardization(tautomer=True),
        FastStandardization(stereo="remove"),
        ChemblStandardization(),
    ],
    ids=["fast", "tautomer", "no stereo", "chembl"],
)
def test_standard_molecules_are_sanitized_and_read_as_rdkit_says(level: StandardizeSpec) -> None:
    mols = [Chem.MolFromSmiles(s) for s in [*SMILES, *ODD]]
    outcomes = STANDARDIZERS.build(level).standardize(mols)
    assert_as_rdkit_says([o.mol for o in outcomes if not isinstance(o, Reject)])


def test_only_what_was_asked_for_is_given() -> None:
    found = properties([Chem.MolFromSmiles("C[NH3+]")], ["charge"])
    assert found.atom["charge"].tolist() == [0, 1]
    assert not {"mass", "ring", "chirality"} & {*found.atom}


def test_a_bond_beyond_the_range_of_its_type_is_an_error() -> None:
    with pytest.raises(OverflowError):
        properties([Chem.MolFromSmiles("C." * 65_535 + "CC")], [])


@pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
def test_three_thousand_real_molecules_are_read_as_rdkit_says() -> None:
    """Metal complexes, salts, charges and stereo of the NCI's HIV screen."""
    smiles = [r.cells[0] for r in Table(DATA / "moleculenet/hiv_41127.csv.gz")][::13]
    mols = [m for m in parse_all(smiles, 1000) if isinstance(m, Chem.Mol)]
    assert len(mols) > 3_000
    assert_as_rdkit_says(mols)
