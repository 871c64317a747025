"""Tanimoto similarity of counts, and the neighbours it finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from sklearn.neighbors import KNeighborsRegressor

from drugml.config.featurizers import MorganSpec
from drugml.config.models import KnnSpec
from drugml.featurizers import FEATURIZERS
from drugml.models import BASELINES, tanimoto
from drugml.models.tanimoto import Kept
from tests.conftest import SMILES

MOLS = [Chem.MolFromSmiles(s) for s in SMILES]
X = np.asarray(FEATURIZERS.build(MorganSpec()).pack(MOLS).molecule["fingerprint"])
Y = np.array([[len(s) * 0.5, m.GetNumAtoms()] for s, m in zip(SMILES, MOLS, strict=True)], np.float64)
counts = arrays(np.uint8, (5, 6), elements=st.sampled_from([0, 0, 0, 1, 2, 9, 255]))


def test_the_similarity_is_rdkits() -> None:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetCountFingerprint(m) for m in MOLS]
    expected = [DataStructs.BulkTanimotoSimilarity(p, prints) for p in prints]
    np.testing.assert_allclose(Kept.of(X, [2048]).itself(), expected, rtol=1e-12)


@given(a=counts, b=counts, width=st.integers(1, 5))
def test_the_similarity_is_its_formula(a: np.ndarray, b: np.ndarray, width: int) -> None:
    def formula(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        pairs = first[:, None].astype(float), second[None].astype(float)
        low, high = np.minimum(*pairs).sum(-1), np.maximum(*pairs).sum(-1)
        return np.where(high > 0, low / np.where(high > 0, high, 1), 1.0)

    np.testing.assert_allclose(Kept.of(b, [6]).similarity(a), formula(a, b), rtol=1e-12)
    parts = formula(a[:, :width], b[:, :width]) + formula(a[:, width:], b[:, width:])
    kept = Kept.of(b, [width, 6 - width])
    np.testing.assert_allclose(kept.similarity(a), parts / 2, rtol=1e-12)
    np.testing.assert_array_equal(Kept.restored(kept.arrays()).similarity(a), kept.similarity(a))
    assert np.linalg.eigvalsh(kept.itself()).min() > -1e-9


def test_other_columns_than_those_kept_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fingerprints of 4 columns, expected 6 = 2\+4"):
        Kept.of(np.ones((1, 6), np.uint8), [2, 4]).similarity(np.ones((1, 4), np.uint8))


def fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, **options: object) -> np.ndarray:
    knn = BASELINES.build(KnnSpec(**options))
    weight = np.ones_like(y) if weight is None else weight
    knn.fit(x, y, weight, widths=[x.shape[1]], classify=False, seed=0)
    return knn.predict(X)


@pytest.mark.parametrize("weighting", ["uniform", "similarity"])
def test_the_neighbours_are_scikit_learns(weighting: str) -> None:
    """With random counts, where no two molecules are equally similar."""
    x = np.random.default_rng(0).integers(0, 9, (120, 64), np.uint8)
    y = np.random.default_rng(1).normal(size=80)
    knn = BASELINES.build(KnnSpec(k=4, weighting=weighting))
    knn.fit(x[:80], y[:, None], np.ones((80, 1)), widths=[64], classify=False, seed=0)
    similarity = Kept.of(x[:80], [64])
    weights = "uniform" if weighting == "uniform" else lambda distance: 1 - distance
    reference = KNeighborsRegressor(4, metric="precomputed", weights=weights)
    reference.fit(1 - similarity.itself(), y)
    expected = reference.predict(1 - similarity.similarity(x[80:]))
    np.testing.assert_allclose(knn.predict(x[80:])[:, 0], expected, rtol=1e-12)


def test_the_nearest_neighbour_of_a_training_molecule_is_itself() -> None:
    np.testing.assert_allclose(fitted(X, Y, k=1), Y)


def test_neither_order_nor_chunks_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.random.default_rng(0).permutation(len(X))
    whole = fitted(X, Y)
    np.testing.assert_allclose(fitted(X[order], Y[order]), whole, rtol=1e-12)
    monkeypatch.setattr(tanimoto, "CELLS", 7 * len(X))
    np.testing.assert_array_equal(fitted(X, Y), whole)


def test_missing_labels_are_no_neighbours() -> None:
    holes = Y.copy()
    holes[::3, 1] = np.nan
    known = ~np.isnan(holes[:, 1])
    found = fitted(X, holes)
    np.testing.assert_allclose(found[:, 1], fitted(X[known], Y[known])[:, 1], rtol=1e-12)
    np.testing.assert_array_equal(found[:, 0], fitted(X, Y)[:, 0])


def test_a_molecule_like_none_gets_the_mean() -> None:
    x = np.zeros((3, 2048), np.uint8)
    x[:, 2047 - X.any(axis=0)[::-1].argmin()] = 1  # a column that no molecule has
    np.testing.assert_allclose(fitted(x, Y[:3]), np.tile(Y[:3].mean(axis=0), (len(X), 1)))
