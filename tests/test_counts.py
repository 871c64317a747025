"""The featurizer of several count fingerprints."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.featurizers import CountsSpec
from drugml.config.models import ForestSpec, GpSpec, MeanSpec
from drugml.config.standardize import NoStandardization
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.pack import pack
from drugml.models import BASELINES
from drugml.prediction.bundle import load
from drugml.prediction.trained import TrainedBaseline
from tests.conftest import SMILES
from tests.test_predict import make_bundle

MORPHINE = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"


def counts(smiles: list[str], **options: object) -> np.ndarray:
    packed = pack(smiles, CountsSpec(**options), standardize=NoStandardization(), max_atoms=1000)
    assert packed.store is not None
    return np.asarray(packed.store.molecule["fingerprint"])


def test_each_part_is_rdkits() -> None:
    x, mols = counts(SMILES), [Chem.MolFromSmiles(s) for s in SMILES]
    for n, make in enumerate(
        [
            partial(rdFingerprintGenerator.GetMorganGenerator, radius=2),
            rdFingerprintGenerator.GetAtomPairGenerator,
            rdFingerprintGenerator.GetTopologicalTorsionGenerator,
        ]
    ):
        generator = make(includeChirality=True, fpSize=2048)
        expected = [generator.GetCountFingerprintAsNumPy(m) for m in mols]
        np.testing.assert_array_equal(x[:, n * 2048 : (n + 1) * 2048], expected)
    assert FEATURIZERS.build(CountsSpec(bits=64)).describe()["widths"] == [64, 64, 64]


def test_every_part_tells_enantiomers_apart_if_asked() -> None:
    pair = ["C[C@H](N)C(=O)NC", "C[C@@H](N)C(=O)NC"]
    first, second = counts(pair).reshape(2, 3, -1)
    assert (first != second).any(axis=1).all()
    first, second = counts(pair, chirality=False)
    np.testing.assert_array_equal(first, second)


@given(seed=st.integers(0, 2**31 - 1))
def test_atom_order_does_not_matter(seed: int) -> None:
    mol = Chem.MolFromSmiles(MORPHINE)
    order = np.random.default_rng(seed).permutation(mol.GetNumAtoms()).tolist()
    shuffled = Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False)
    np.testing.assert_array_equal(counts([shuffled]), counts([MORPHINE]))


def test_a_single_atom_has_no_pairs_and_many_atoms_no_overflow() -> None:
    methane, long = counts(["C", "C" * 700]).reshape(2, 3, -1)
    np.testing.assert_array_equal(methane.sum(axis=1), [1, 0, 0])
    assert (long.max(axis=1) == 255).all()


@pytest.mark.parametrize("spec", [GpSpec, ForestSpec, MeanSpec])
def test_baselines_take_them(spec) -> None:  # type: ignore[no-untyped-def]
    x, y = counts(SMILES, bits=256), np.array([[float(len(s))] for s in SMILES])
    model = BASELINES.build(spec())
    model.fit(x, y, np.ones_like(y), widths=[256] * 3, classify=False, seed=0)
    again = BASELINES.build(spec())
    again.restore(model.arrays())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_a_trained_model_knows_where_each_fingerprint_ends(tmp_path: Path) -> None:
    trained = load(make_bundle(tmp_path, "gp")).trained
    assert isinstance(trained, TrainedBaseline)
    np.testing.assert_array_equal(trained.baseline.arrays()["widths"], [2048] * 3)
