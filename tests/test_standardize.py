"""Standard molecules: what each level makes of what chemists write, and the laws that hold for both."""

import random

import pytest
from chembl_structure_pipeline import get_parent_mol, standardize_mol
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from drugml.config.standardize import ChemblStandardization, FastStandardization, NoStandardization
from drugml.data.molecule import identity
from drugml.data.standardize import STANDARDIZERS, Standard
from tests.conftest import SMILES

Spec = FastStandardization | ChemblStandardization
LEVELS = (FastStandardization, ChemblStandardization)

FAST = [
    # salts of bases
    ("CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1.Cl", "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1", "stripped: Cl"),
    ("C[NH2+]CCc1ccccc1.[Cl-]", "CNCCc1ccccc1", "stripped: [Cl-]; neutralized"),
    ("NCCc1ccc(O)c(O)c1.Br", "NCCc1ccc(O)c(O)c1", "stripped: Br"),
    ("CN1CCCC1c1cccnc1.OC(=O)C(O)C(O)C(=O)O", "CN1CCCC1c1cccnc1", "stripped: O=C(O)C(O)C(O)C(=O)O"),
    ("CN1CCCC1c1cccnc1.O=S(=O)(O)O", "CN1CCCC1c1cccnc1", "stripped: O=S(=O)(O)O"),
    ("NC(=[NH2+])N.[Cl-]", "N=C(N)N", "stripped: [Cl-]; neutralized"),
    (
        "[O-]S(=O)(=O)c1ccc(C)cc1.[NH3+]CCCCc1ccccc1",
        "NCCCCc1ccccc1",
        "stripped: Cc1ccc(S(=O)(=O)[O-])cc1; neutralized",
    ),
    ("O=Cl(=O)(=O)[O-].c1cc[nH+]cc1", "c1ccncc1", "stripped: [O-][Cl+3]([O-])([O-])[O-]; neutralized"),
    # salts of acids, metals
    ("CC(=O)[O-].[Na+]", "CC(=O)O", "stripped: [Na+]; neutralized"),
    ("[Na]OC(=O)c1ccccc1", "O=C(O)c1ccccc1", "metal disconnected; stripped: [Na+]; neutralized"),
    ("CC(C)Cc1ccc(C(C)C(=O)[O-])cc1.[K+]", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "stripped: [K+]; neutralized"),
    ("[Ca+2].CC(=O)[O-].CC(=O)[O-]", "CC(=O)O", "stripped: CC(=O)[O-], [Ca+2]; neutralized"),
    ("CP(=O)([O-])[O-].[Na+].[Na+]", "CP(=O)(O)O", "stripped: [Na+], [Na+]; neutralized"),
    ("[NH4+].[O-]C(=O)c1ccccc1O", "O=C(O)c1ccccc1O", "stripped: [NH4+]; neutralized"),
    ("CC(=O)NO.[Zn+2]", "CC(=O)NO", "stripped: [Zn+2]"),
    ("CC(=O)[CH-]C(C)=O.[Na+]", "CC(=O)CC(C)=O", "stripped: [Na+]; neutralized"),
    # nothing but salt or solvent
    ("[Na+].[Cl-]", "[Cl-].[Na+]", "2 fragments kept"),
    ("[Na+].[OH-]", "[Na+].[OH-]", "2 fragments kept"),
    ("O", "O", ""),
    # hydrates, solvates, mixtures
    ("O.CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", "stripped: O"),
    ("O.O.NC(=O)c1cccnc1", "NC(=O)c1cccnc1", "stripped: O, O"),
    ("OCCN1CCNCC1.CCO", "OCCN1CCNCC1", "stripped: CCO"),
    ("c1ccncc1.c1ccncc1", "c1ccncc1", "stripped: c1ccncc1"),
    (
        "CC(=O)Oc1ccccc1C(=O)O.Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "stripped: CC(=O)Oc1ccccc1C(=O)O",
    ),
    # charges: acids, bases, zwitterions, and those that cannot go
    ("[O-]c1ccccc1", "Oc1ccccc1", "neutralized"),
    ("[NH3+][C@@H](Cc1ccccc1)C(=O)[O-]", "N[C@@H](Cc1ccccc1)C(=O)O", "neutralized"),
    ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]", ""),
    ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO", "stripped: [Cl-]"),
    ("C[n+]1ccccc1.[I-]", "C[n+]1ccccc1", "stripped: [I-]"),
    ("C[P+](C)(C)C.[Br-]", "C[P+](C)(C)C", "stripped: [Br-]"),
    ("[O-][N+](=O)c1ccc([O-])cc1.[Na+]", "O=[N+]([O-])c1ccc(O)cc1", "stripped: [Na+]; neutralized"),
    ("[O-]C(=O)CS(=O)(=O)O", "O=C(O)CS(=O)(=O)O", "reionized; neutralized"),
    # functional groups drawn in two ways
    ("c1ccccc1N(=O)=O", "O=[N+]([O-])c1ccccc1", ""),
    ("CN=N#N", "CN=[N+]=[N-]", ""),
    ("O=n1ccccc1", "[O-][n+]1ccccc1", ""),
    ("CS(C)=O", "C[S+](C)[O-]", "functional groups normalized"),
    ("C[S+](C)[O-]", "C[S+](C)[O-]", ""),
    ("CS(=O)(=O)c1ccccc1", "CS(=O)(=O)c1ccccc1", ""),
    ("C[S+2]([O-])([O-])c1ccccc1", "CS(=O)(=O)c1ccccc1", "functional groups normalized"),
    # boron
    ("OB(O)c1ccccc1", "OB(O)c1ccccc1", ""),
    ("F[B-](F)(F)c1ccccc1.[K+]", "F[B-](F)(F)c1ccccc1", "stripped: [K+]"),
    # isotopes and stereo
    ("[2H]C([2H])([2H])Oc1ccccc1", "COc1ccccc1", "isotope removed"),
    ("[13CH3]C(=O)O", "CC(=O)O", "isotope removed"),
    ("[2H]O[2H]", "O", "isotope removed"),
    ("[2H][C@H](C)O", "CCO", "isotope removed"),
    ("C[C@H](N)C(=O)O", "C[C@H](N)C(=O)O", ""),
    ("F/C=C\\F.Cl", "F/C=C\\F", "stripped: Cl"),
]
HARD = [s for s, _, _ in FAST] + [
    "N[Pt](N)(Cl)Cl",
    "C[Hg]Cl",
    "[Fe+2].[CH-]1C=CC=C1.[CH-]1C=CC=C1",
    "COC(=O)C=C1SC([C-](C(=O)OC)[n+]2ccc3ccccc3c2)=NC1=O",  # an ylide that RDKit's reionizer turns to and fro
    "I.OCCN(C1=NCCN1)[N+](=Cc1ccccc1O)[CH-]c1ccccc1O",  # and one that depends on the order of atoms
    "[H]/N=C(/N)c1ccccc1",
    "[H][H]",
    "[Na]",
    "[Xe]",
]


def mol(smiles: str) -> Chem.Mol:
    found = Chem.MolFromSmiles(smiles)
    assert found is not None, smiles
    return found


def standard(smiles: str, spec: Spec) -> Standard:
    (found,) = STANDARDIZERS.build(spec).standardize([mol(smiles)])
    assert isinstance(found, Standard), found
    return found


def smiles_of(smiles: str, spec: Spec) -> str:
    return str(Chem.MolToSmiles(standard(smiles, spec).mol))


@pytest.mark.parametrize(("smiles", "expected", "notes"), FAST)
def test_fast_gives_the_molecule_a_chemist_means(smiles: str, expected: str, notes: str) -> None:
    found = standard(smiles, FastStandardization())
    assert Chem.MolToSmiles(found.mol) == Chem.CanonSmiles(expected)
    assert "; ".join(found.notes) == notes


@pytest.mark.parametrize(
    ("smiles", "expected", "notes"),
    [
        ("CC(=O)[O-].[Na+]", "CC(=O)[O-].[Na+]", "2 fragments kept"),
        ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO.[Cl-]", "2 fragments kept"),
        ("[NH4+].[O-]C(=O)c1ccccc1O", "N.O=C(O)c1ccccc1O", "neutralized; 2 fragments kept"),
        ("C[NH2+]CCc1ccccc1.[Cl-]", "CNCCc1ccccc1", "neutralized; stripped: Cl"),
        ("CC(C)Cc1ccc(C(C)C(=O)[O-])cc1.[K+]", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "stripped: [K+]; neutralized"),
        ("c1ccccc1[N-][N+]#N", "[N-]=[N+]=Nc1ccccc1", "functional groups normalized"),
        ("N[Pt](N)(Cl)Cl", "N[Pt](N)(Cl)Cl", "metal or boron cluster, not standardized by ChEMBL's rule"),
        (
            "CC(=O)Oc1ccccc1C(=O)O.Cn1c(=O)c2c(ncn2C)n(C)c1=O",
            "CC(=O)Oc1ccccc1C(=O)O.Cn1c(=O)c2c(ncn2C)n(C)c1=O",
            "2 fragments kept",
        ),
        ("[2H][C@H](C)O", "CCO", "isotope removed"),
        ("[13CH3][NH3+]", "CN", "neutralized; isotope removed"),
    ],
)
def test_chembl_has_rules_of_its_own(smiles: str, expected: str, notes: str) -> None:
    found = standard(smiles, ChemblStandardization())
    assert Chem.MolToSmiles(found.mol) == Chem.CanonSmiles(expected)
    assert "; ".join(found.notes) == notes


def direct(smiles: str) -> str:
    """As the authors of ChEMBL's pipeline call it."""
    parent, _ = get_parent_mol(standardize_mol(mol(smiles)))
    Chem.SanitizeMol(parent)
    parent = Chem.RemoveHs(parent)
    Chem.AssignStereochemistry(parent, cleanIt=True, force=True)
    return str(Chem.MolToSmiles(parent))


SALTS = [
    f"{s}.{ion}" for s, ion in zip(SMILES, ["Cl", "[Na+]", "OS(=O)(=O)O", "O", "OC(=O)C=CC(=O)O"] * 12, strict=True)
]


def test_chembl_equals_calling_its_pipeline() -> None:
    smiles = [*SMILES, *SALTS, *HARD]
    found = [smiles_of(s, ChemblStandardization()) for s in smiles]
    assert found == [direct(s) for s in smiles]


def step_by_step(smiles: str) -> str:
    """The steps of `fast`, every one of them for every molecule."""
    found = mol(smiles)
    for atom in found.GetAtoms():
        atom.SetIsotope(0)
    found = rdMolStandardize.Cleanup(Chem.RemoveHs(found))
    if any(a.GetAtomicNum() == 6 for a in found.GetAtoms()):
        found = rdMolStandardize.LargestFragmentChooser(preferOrganic=True).choose(found)
    found = rdMolStandardize.Uncharger().uncharge(found)
    Chem.SanitizeMol(found)
    Chem.AssignStereochemistry(found, cleanIt=True, force=True)
    return str(Chem.MolToSmiles(found))


CARBANION = Chem.MolFromSmarts("[#6-]")


def test_fast_equals_calling_rdkit_step_by_step() -> None:
    for text in [*SMILES, *SALTS, *HARD]:
        if not mol(text).HasSubstructMatch(CARBANION):
            assert smiles_of(text, FastStandardization()) == step_by_step(text), text


@pytest.mark.parametrize("level", LEVELS)
def test_standardising_twice_is_standardising_once_and_the_result_is_a_molecule_as_if_read(level: type[Spec]) -> None:
    standardizer = STANDARDIZERS.build(level())
    for text in [*SMILES, *SALTS, *HARD]:
        once = standard(text, level())
        (twice,) = standardizer.standardize([once.mol])
        assert isinstance(twice, Standard)
        written = Chem.MolToSmiles(once.mol)
        assert Chem.MolToSmiles(twice.mol) == written
        assert identity(twice.mol) == identity(once.mol)
        assert [n for n in twice.notes if "fragments kept" not in n and "not standardized" not in n] == []
        assert once.mol.GetNumAtoms() > 0
        again = mol(written)
        assert Chem.MolToSmiles(again) == written
        for name in ("GetIsAromatic", "GetHybridization", "GetTotalNumHs", "IsInRing", "GetNumRadicalElectrons"):
            read = sorted(str(getattr(a, name)()) for a in again.GetAtoms())
            assert sorted(str(getattr(a, name)()) for a in once.mol.GetAtoms()) == read, (text, name)


@pytest.mark.parametrize(
    ("complex", "ligand"),
    [
        ("CC[N+]1(CC)CCC(=O)[Pd-2]1(Cl)NCCO", "CCN(CC)CCC=O"),
        ("CC(=O)O[Hg]CC(O)Cn1cnc2c1c(=O)n(C)c(=O)n2C", "Cn1c(=O)c2c(ncn2CC(O)C[Hg+])n(C)c1=O"),
    ],
)
def test_hydrogens_take_the_place_of_a_metal_however_the_complex_is_written(complex: str, ligand: str) -> None:
    bracketed = Chem.MolToSmiles(mol(complex))
    assert "[C](=O)[Pd" in bracketed or "[O][Hg]" in bracketed
    assert smiles_of(complex, FastStandardization()) == Chem.CanonSmiles(ligand)
    assert smiles_of(bracketed, FastStandardization()) == Chem.CanonSmiles(ligand)


@pytest.mark.parametrize("level", LEVELS)
@given(st.sampled_from([*SMILES, *SALTS[:20], *HARD]), st.integers(0, 10**6))
def test_the_order_of_atoms_does_not_matter(level: type[Spec], smiles: str, seed: int) -> None:
    whole = mol(smiles)
    order = list(range(whole.GetNumAtoms()))
    random.Random(seed).shuffle(order)
    outcomes = STANDARDIZERS.build(level()).standardize([whole, Chem.RenumberAtoms(whole, order)])
    written = {Chem.MolToSmiles(o.mol) if isinstance(o, Standard) else o for o in outcomes}
    assert len(written) == 1


@pytest.mark.parametrize("spec", [NoStandardization(), FastStandardization(), ChemblStandardization()])
@given(st.lists(st.sampled_from([*SMILES[:10], *HARD]), max_size=12))
def test_every_molecule_has_one_outcome_in_its_place_and_is_not_changed(spec: Spec, smiles: list[str]) -> None:
    mols = [mol(s) for s in smiles]
    before = [Chem.MolToCXSmiles(m) for m in mols]
    outcomes = STANDARDIZERS.build(spec).standardize(mols)
    assert len(outcomes) == len(mols)
    assert [Chem.MolToCXSmiles(m) for m in mols] == before
    for text, outcome in zip(smiles, outcomes, strict=True):
        (alone,) = STANDARDIZERS.build(spec).standardize([mol(text)])
        assert isinstance(outcome, Standard)
        assert isinstance(alone, Standard)
        assert Chem.MolToSmiles(outcome.mol) == Chem.MolToSmiles(alone.mol)
        assert outcome.notes == alone.notes
