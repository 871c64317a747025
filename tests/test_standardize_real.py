"""Standardisation of real tables: ChEMBL's pipeline reproduced, and the laws of both levels where chemistry is wild."""

import os
import random
from pathlib import Path

import pytest
from rdkit import Chem

from drugml.config.featurizers import MorganSpec
from drugml.config.standardize import ChemblStandardization, FastStandardization
from drugml.data.columns import find_smiles
from drugml.data.molecule import parse
from drugml.data.standardize import STANDARDIZERS, Standard
from drugml.data.table import Table
from drugml.featurizers.pack import pack
from tests.test_standardize import CARBANION, direct, step_by_step

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")


def column(name: str) -> list[str]:
    table = Table(DATA / name)
    at, _ = find_smiles(table, None)
    return [r.cells[at] for r in table]


@pytest.fixture(scope="module")
def smiles() -> list[str]:
    """Medicinal chemistry, and the salts and metal complexes of the NCI."""
    hiv = column("moleculenet/hiv_41127.csv.gz")
    found = [*column("chembl_raw/SLC6A3_Ki_raw.csv.gz")[::20], *hiv[::40], *[s for s in hiv if "." in s][::30]]
    return [s for s in found if isinstance(parse(s, 1000), Chem.Mol)]


def test_chembl_equals_its_pipeline(smiles: list[str]) -> None:
    some = [*smiles[:120], *[s for s in smiles if "." in s][:80]]
    assert len(some) >= 200
    outcomes = STANDARDIZERS.build(ChemblStandardization()).standardize([Chem.MolFromSmiles(s) for s in some])
    for text, outcome in zip(some, outcomes, strict=True):
        assert isinstance(outcome, Standard), text
        assert Chem.MolToSmiles(outcome.mol) == direct(text), text


def test_fast_equals_rdkit_step_by_step(smiles: list[str]) -> None:
    mols = [m for s in smiles if not (m := Chem.MolFromSmiles(s)).HasSubstructMatch(CARBANION)]
    for mol, outcome in zip(mols, STANDARDIZERS.build(FastStandardization()).standardize(mols), strict=True):
        assert isinstance(outcome, Standard)
        if "metal disconnected" not in outcome.notes:  # RDKit leaves radicals where `fast` adds hydrogens
            assert Chem.MolToSmiles(outcome.mol) == step_by_step(Chem.MolToSmiles(mol))


@pytest.mark.parametrize(("level", "step"), [(FastStandardization(), 1), (ChemblStandardization(), 6)])
def test_laws(smiles: list[str], level: FastStandardization | ChemblStandardization, step: int) -> None:
    """Twice is once, the order of atoms and the way of writing are nothing, what is written reads back the same."""
    standardizer, draw = STANDARDIZERS.build(level), random.Random(0)
    mols = [Chem.MolFromSmiles(s) for s in smiles[::step]]
    shuffled = [Chem.RenumberAtoms(m, draw.sample(range(m.GetNumAtoms()), m.GetNumAtoms())) for m in mols]
    first = [o for o in standardizer.standardize(mols) if isinstance(o, Standard)]
    assert len(first) == len(mols)
    written = [Chem.MolToSmiles(o.mol) for o in first]
    rewritten = [Chem.MolFromSmiles(Chem.MolToSmiles(m)) for m in mols]
    for others in map(standardizer.standardize, ([o.mol for o in first], shuffled, rewritten)):
        assert [Chem.MolToSmiles(o.mol) if isinstance(o, Standard) else o for o in others] == written
    assert [Chem.CanonSmiles(s) for s in written] == written


def test_every_row_has_one_outcome() -> None:
    rows = column("moleculenet/hiv_41127.csv.gz")[::40]
    packed = pack(rows, MorganSpec(bits=64), standardize=FastStandardization(), max_atoms=1000, identities=True)
    assert packed.store is not None
    assert len(packed.store) + len(packed.rejects) == len(rows)
    assert not {*packed.rejects} & {*packed.notes}
    assert sum("stripped" in n for n in packed.notes.values()) > 50
