"""SMILES that are molecules, SMILES that are not, and which two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.data.molecule import connectivity, identity, parse, parse_all, scaffold
from drugml.data.status import Reject, Status
from tests.conftest import SMILES

PEPTIDE = "N[C@@H](C)C(=O)" * 80 + "O"


def mol(smiles: str) -> Chem.Mol:
    found = parse(smiles, 1000)
    assert isinstance(found, Chem.Mol), found
    return found


@pytest.mark.parametrize(
    "smiles", [*SMILES, "[Na+].[Cl-]", "[Fe+2]", "[Pt](Cl)(Cl)(N)N", " CCO ", "C[C@H](O)F |o1:1|", PEPTIDE]
)
def test_molecules_are_read(smiles: str) -> None:
    assert mol(smiles).GetNumAtoms() > 0


@pytest.mark.parametrize(
    ("smiles", "status", "reason"),
    [
        ("", Status.EMPTY, "no SMILES"),
        ("   ", Status.EMPTY, "no SMILES"),
        ("junk", Status.NOT_SMILES, "not a SMILES: 'junk'"),
        ("CCXN", Status.NOT_SMILES, "not a SMILES: 'CCXN'"),
        ("CC O", Status.NOT_SMILES, "text after the SMILES: 'O'"),
        ("CCO ethanol", Status.NOT_SMILES, "text after the SMILES: 'ethanol'"),
        ("C(C)(C)(C)(C)C", Status.CHEMISTRY, "Explicit valence for atom # 0 C, 5, is greater than permitted"),
        ("c1cccc1", Status.CHEMISTRY, "Can't kekulize mol"),
        (".", Status.NOT_SMILES, "not a SMILES: '.'"),
        ("*CC", Status.UNSUPPORTED, "a wildcard atom (*) stands for no element"),
    ],
)
def test_what_is_no_molecule_has_a_reason(
    smiles: str, status: Status, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = parse(smiles, 1000)
    assert isinstance(found, Reject)
    assert found.status == status
    assert reason in found.reason
    assert capfd.readouterr().err == ""  # RDKit's own messages would drown ours


def test_a_peptide_of_400_atoms_is_too_large_only_where_one_says_so() -> None:
    assert mol(PEPTIDE).GetNumAtoms() == 401
    assert parse(PEPTIDE, 300) == Reject(Status.TOO_LARGE, "401 heavy atoms, more than data.max_atoms = 300")


@given(st.sampled_from(SMILES), st.integers(0, 1000))
def test_identity_and_scaffold_do_not_depend_on_how_a_molecule_is_written(smiles: str, seed: int) -> None:
    (other,) = Chem.MolToRandomSmilesVect(mol(smiles), 1, randomSeed=seed + 1)
    assert identity(mol(other)) == identity(mol(smiles))
    assert scaffold(mol(other)) == scaffold(mol(smiles))


def test_scaffolds_ignore_substituents_stereo_and_atom_maps() -> None:
    plain = scaffold(mol("c1ccccc1CC1CCNCC1"))
    assert scaffold(mol("Cc1ccccc1C[C@H]1CCN(C)CC1")) == plain
    assert scaffold(mol("[cH:1]1[cH:2][cH:3][cH:4][cH:5][c:6]1CC1CCNCC1")) == plain
    assert scaffold(mol("c1ccccc1CC1CCOCC1")) != plain
    assert scaffold(mol("CCCO")) == ""


def test_the_identity_is_the_inchikey() -> None:
    assert identity(mol("CCO")) == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
    assert identity(mol("Oc1ccccn1")) == identity(mol("O=c1cccc[nH]1"))  # tautomers are one molecule


def test_connectivity_is_the_skeleton_alone() -> None:
    keys = [
        identity(mol(s)) for s in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC([NH3+])C(=O)[O-]", "[13CH3]C(N)C(=O)O")
    ]
    assert len({*keys}) >= 3
    assert {connectivity(k) for k in keys} == {"QNAYBMKLOCPYGJ"}
    assert connectivity(identity(mol("NCCC(=O)O"))) != "QNAYBMKLOCPYGJ"
    assert connectivity("smiles:0123456789abcdef0123") == "smiles:0123456789abcdef0123"


def test_many_are_parsed_as_one_by_one_and_rdkit_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    texts = [
        *SMILES,
        "junk",
        "c1cccc1",
        "",
        "CC O",
        "InChI=1S/CH4/h1H4",
        "InChI=1S/nothing",
        "*C",
        "C(C)(C)(C)(C)C",
    ] * 2
    many = parse_all(texts, 1000)
    assert capfd.readouterr().err == ""
    one_by_one = [parse(t, 1000) for t in texts]
    for a, b in zip(many, one_by_one, strict=True):
        assert type(a) is type(b)
        assert a == b if isinstance(a, Reject) else Chem.MolToSmiles(a) == Chem.MolToSmiles(b)


def test_every_way_to_write_a_wildcard_is_found() -> None:
    for text in ("*", "C*", "[*]C", "[0*]C", "[#0]C", "[1*]C", "[*:1]C", "CC* |$;;R1$|", "*C |$_AP1;$|"):
        assert parse(text, 1000) == Reject(Status.UNSUPPORTED, "a wildcard atom (*) stands for no element"), text
