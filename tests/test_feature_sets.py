"""Feature sets against their originals, Chemprop 2.3.1 and the authors' code of Attentive FP, and free choices."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.featurizers import AttentiveFpFeaturesSpec, FeaturesSpec, OgbSpec
from drugml.config.graph_features import AtomFeature, BondFeature
from drugml.config.load import ConfigError, load
from drugml.config.run import RunSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.feature_sets import ATOMS, BONDS
from drugml.featurizers.pack import described
from drugml.prediction.trained import layout_of
from tests.conftest import ROOT, SMILES

GOLDEN = json.loads((ROOT / "tests/golden/features.json").read_text())
SPECS = {spec.model_fields["name"].default: spec for spec in FEATURIZERS}


def rows_of(spec: object, mols: list[Chem.Mol]) -> MoleculeBatch:
    store = FEATURIZERS.build(spec).pack(mols)  # type: ignore[arg-type]
    layout = layout_of(spec)  # type: ignore[arg-type]
    return DeviceStore(store, layout, torch.device("cpu")).batch(torch.arange(len(mols)))


def dense(rows: list[list[object]], width: int) -> np.ndarray:
    out = np.zeros((len(rows), width), np.float32)
    for full, row in zip(out, rows, strict=True):
        for entry in row:
            column, value = entry if isinstance(entry, list) else (entry, 1.0)
            full[column] = value
    return out


@pytest.mark.parametrize(
    ("name", "atoms", "bonds"),
    [("chemprop_v1", 133, 14), ("chemprop_organic", 44, 14), ("rigr", 52, 2), ("attentivefp", 39, 10)],
)
def test_one_hot_rows_are_the_originals(name: str, atoms: int, bonds: int) -> None:
    batch = rows_of(SPECS[name](), [Chem.MolFromSmiles(s) for s in GOLDEN["smiles"]])
    expected = dense(GOLDEN[name]["atoms"], atoms)
    if name == "attentivefp":  # charge and radicals stand between others there
        expected = np.concatenate([np.delete(expected, [22, 23], axis=1), expected[:, 22:24]], axis=1)
    np.testing.assert_allclose(batch.x.numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(batch.bonds.numpy(), dense(GOLDEN[name]["bonds"], bonds))


def test_what_attentive_fp_stops_at_or_takes_for_something_else() -> None:
    hexafluoride = rows_of(AttentiveFpFeaturesSpec(), [Chem.MolFromSmiles("FS(F)(F)(F)(F)F")])
    assert hexafluoride.x[1, 16:22].tolist() == [0, 0, 0, 0, 0, 1]
    mol = Chem.MolFromSmiles("CC=CC")
    mol.GetBondWithIdx(1).SetStereoAtoms(0, 3)
    mol.GetBondWithIdx(1).SetStereo(Chem.BondStereo.STEREOTRANS)
    assert rows_of(AttentiveFpFeaturesSpec(), [mol]).bonds[1].tolist() == [0, 1, *[0] * 8]


@given(st.integers(0, 2**31 - 1), st.sampled_from(GOLDEN["smiles"]))
def test_stereo_is_that_of_the_molecule_and_not_what_it_carries(seed: int, smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    order = np.random.default_rng(seed).permutation(mol.GetNumAtoms()).tolist()
    stale = Chem.RenumberAtoms(mol, order)
    for atom in stale.GetAtoms():
        atom.SetProp("_CIPCode", "R")
    spec = FeaturesSpec(atoms=("cip", "stereocentre"))
    np.testing.assert_array_equal(rows_of(spec, [stale]).x, rows_of(spec, [mol]).x[order])
    assert stale.GetAtomWithIdx(0).GetProp("_CIPCode") == "R"


def test_a_free_choice_has_a_vocabulary_for_each_name() -> None:
    assert {*get_args(AtomFeature)} == {*ATOMS, "mass"}
    assert {*get_args(BondFeature)} == {*BONDS}
    assert FEATURIZERS.build(FeaturesSpec()).describe() == FEATURIZERS.build(OgbSpec()).describe()


def test_a_free_choice_gives_what_rdkit_says() -> None:
    mols = [Chem.MolFromSmiles(s) for s in [*SMILES, "[13CH4]", "C[C@H](N)C(=O)[O-]"]]
    batch = rows_of(FeaturesSpec(atoms=("charge", "mass", "neighbours", "ring", "cip"), bonds=("ring", "type")), mols)
    atoms = [a for m in mols for a in m.GetAtoms()]
    assert batch.x.shape[1] == 12 + 12 + 2 + 2 + 1
    charge, neighbours, ring, cip, mass = batch.x.split([12, 12, 2, 2, 1], dim=1)
    assert (charge.argmax(1) - 5).tolist() == [a.GetFormalCharge() for a in atoms]
    assert neighbours.argmax(1).tolist() == [a.GetDegree() for a in atoms]
    assert ring.argmax(1).tolist() == [a.IsInRing() for a in atoms]
    assert cip[:, 1].tolist() == [a.HasProp("_CIPCode") and a.GetProp("_CIPCode") == "S" for a in atoms]
    np.testing.assert_allclose(mass[:, 0], [a.GetMass() / 100 for a in atoms], rtol=1e-6)
    assert batch.bonds[:, :2].argmax(1).tolist() == [b.IsInRing() for m in mols for b in m.GetBonds()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("atoms: [atomic_number, degre]", "`featurizer.atoms`: there is no feature 'degre'; did you mean 'degree'?"),
        ("bonds: [typ]", "`featurizer.bonds`: there is no feature 'typ'; did you mean 'type'?"),
        ("bonds: [hybrid]", "`featurizer.bonds`: there is no feature 'hybrid'; choose from: type, stereo, conjugated"),
        ("atoms: [3]", "`featurizer.atoms`: there is no feature 3; choose from: atomic_number, chirality"),
        ("atoms: [ring, ring]", "`featurizer.atoms`: 'ring' is named more than once; leave one out"),
        ("atoms: []", "`featurizer.atoms`: expected a list such as [atomic_number, degree], found []"),
        ("bonds: ring", "`featurizer.bonds`: expected a list such as [type, ring], found 'ring'"),
        ("atoms: [mass]", "`featurizer`: atoms: mass alone is not enough; add atomic_number"),
    ],
)
def test_a_wrong_choice_is_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"data: {{path: t.csv, targets: [y]}}\nfeaturizer:\n  name: features\n  {text}\n")
    with pytest.raises(ConfigError) as error:
        load(RunSpec, path)
    assert message in str(error.value)


def test_a_free_choice_is_written_in_overrides_and_said_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("data: {path: t.csv, targets: [y]}\n")
    run = load(RunSpec, path, ["featurizer=features", "featurizer.atoms=[atomic_number, cip]"])
    assert run.featurizer == FeaturesSpec(atoms=("atomic_number", "cip"))
    assert described(run.featurizer) == "features atoms=[atomic_number, cip]"
