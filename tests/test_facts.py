"""What is read from structures: each fact against molecules of which it is known."""

import numpy as np
import pytest
from rdkit import Chem

from drugml.data.facts import FACTS, NON_METALS, WORTH_A_POOL, describe, elements, inspect
from drugml.data.molecule import identity, scaffold
from drugml.data.status import Status
from tests.conftest import SMILES


def fact(smiles: str, name: str) -> int:
    """One fact of one molecule."""
    names = FACTS.names
    assert names is not None
    return int(describe(Chem.MolFromSmiles(smiles))[names.index(name)])


@pytest.mark.parametrize(
    ("smiles", "name", "value"),
    [
        ("CC(O)CC", "undefined_centres", 1),
        ("C[C@H](O)CC", "undefined_centres", 0),
        ("OC1CCC(O)CC1", "undefined_centres", 2),  # cis and trans
        ("CS(=O)c1ccccc1", "undefined_centres", 1),
        ("NC12CC3CC(CC(C3)C1)C2", "undefined_centres", 0),  # amantadine: bridgeheads have no choice
        ("C1CN2CCC1CC2", "undefined_centres", 0),
        ("OC1CN2CCC1CC2", "undefined_centres", 1),  # quinuclidinol
        ("CC1(C)C2CCC1(C)C(=O)C2", "undefined_centres", 2),  # camphor: its bridgeheads do have one
        ("CC=CC", "undefined_bonds", 1),
        ("C/C=C/C", "undefined_bonds", 0),
        ("CC(C)=CC", "undefined_bonds", 0),
        ("CC(=NO)c1ccccc1", "undefined_bonds", 1),  # an oxime keeps its configuration
        ("NC(=N)c1ccccc1", "undefined_bonds", 0),  # an amidine does not
        ("NC(=NC)c1ccccc1", "undefined_bonds", 0),
        ("CC=N", "undefined_bonds", 0),
        ("N[C@@H](C)C(=O)O |&1:1|", "stereo_groups", 1),
        ("N[C@@H](C)C(=O)O |a:1|", "stereo_groups", 0),
        ("CC(=O)[O-].[Na+]", "fragments", 2),
        ("CC(=O)[O-].[Na+]", "metals", 1),
        ("CC(=O)[O-].[Na+]", "charge", 0),
        ("C[N+](C)(C)C", "charge", 1),
        ("[2H]C([2H])O", "isotopes", 2),
        ("[2H]C([2H])O", "atoms", 2),
        ("CC1(C)CCCC(C)(C)N1[O]", "radicals", 1),
        ("[Gd+3]", "radicals", 0),
        ("OB(O)c1ccccc1", "metals", 0),
        ("CNCCc1ccccc1.Cl", "mixture", 0),
        ("CNCCc1ccccc1.OC(=O)C(O)C(O)C(=O)O", "mixture", 0),  # a tartrate
        ("CNCCc1ccccc1.CNCCc1ccccc1.OS(=O)(=O)O", "mixture", 0),  # twice the same base
        ("CNCCc1ccccc1.CC(C)Cc1ccc(C(C)C(=O)O)cc1", "mixture", 1),
    ],
)
def test_a_fact_of_one_molecule(smiles: str, name: str, value: int) -> None:
    assert fact(smiles, name) == value


def test_elements_are_counted_by_molecule_the_most_frequent_first() -> None:
    texts = ["CCO", "[13CH4]", "CC(=O)[O-].[Na+]", "[2H]O[2H]", "C[Se]C", "[Og]", "[H][H]", "CCl"]
    facts = inspect(texts, max_atoms=9, identities=False, workers=1).facts
    assert elements(facts) == {"C": 5, "O": 3, "Na": 1, "Cl": 1, "Se": 1, "Og": 1}
    assert list(elements(facts)) == ["C", "O", "Cl", "Na", "Og", "Se"]
    assert elements(facts[:0]) == {}


@pytest.mark.parametrize("smiles", SMILES)
def test_queries_find_what_a_walk_over_the_atoms_finds(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    atoms = [*mol.GetAtoms()]
    assert fact(smiles, "isotopes") == sum(a.GetIsotope() > 0 for a in atoms)
    assert fact(smiles, "charge") == sum(a.GetFormalCharge() for a in atoms)
    assert fact(smiles, "metals") == sum(a.GetAtomicNum() not in NON_METALS for a in atoms)
    facts = np.array([describe(mol)], FACTS)
    assert {*elements(facts)} == {a.GetSymbol() for a in atoms} - {"H"}


def test_rows_keep_their_place_and_rejects_their_reason() -> None:
    texts = ["CCO", "", "C1CC", "c1ccccc1", "CN(C)(C)(C)C"]
    found = inspect(texts, max_atoms=1000, identities=True, workers=1)
    assert {i: r.status for i, r in found.rejects.items()} == {
        1: Status.EMPTY,
        2: Status.NOT_SMILES,
        4: Status.CHEMISTRY,
    }
    assert found.facts["atoms"].tolist() == [3, 6]
    mols = [Chem.MolFromSmiles(texts[i]) for i in (0, 3)]
    assert found.inchikeys.tolist() == [identity(m).encode() for m in mols]
    assert found.scaffolds.tolist() == [scaffold(m).encode() for m in mols]


def test_processes_give_what_one_process_gives() -> None:
    texts = ([*SMILES, "C1CC"] * (WORTH_A_POOL // len(SMILES) + 1))[: WORTH_A_POOL + 1]
    one, two = (inspect(texts, max_atoms=1000, identities=False, workers=n) for n in (1, 2))
    assert np.array_equal(one.facts, two.facts)
    assert one.rejects == two.rejects
    assert len(one.facts) + len(one.rejects) == len(texts)


def test_nothing_in_nothing_out() -> None:
    found = inspect([], max_atoms=1000, identities=True, workers=2)
    assert len(found.facts) == len(found.inchikeys) == len(found.scaffolds) == len(found.rejects) == 0
    bad = inspect(["C1CC"], max_atoms=1000, identities=True, workers=1)
    assert len(bad.facts) == 0
    assert len(bad.rejects) == 1
