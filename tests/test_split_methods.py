"""What each method of splitting promises, against RDKit, scikit-learn and the papers."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.ML.Cluster import Butina
from rdkit.SimDivFilters.rdSimDivPickers import LeaderPicker, MaxMinPicker

from drugml.config.base import Spec
from drugml.config.splits import (
    ClusterSplit,
    KennardStoneSplit,
    KMeansSplit,
    MaxMinSplit,
    PerimeterSplit,
    RandomSplit,
    ScaffoldSplit,
    StratifiedSplit,
)
from drugml.data.columns import find_smiles
from drugml.data.prints import BITS, Fingerprints, fingerprints
from drugml.data.splits import cluster as cluster_module
from drugml.data.splits import folds, split
from drugml.data.splits.cluster import butina, leader
from drugml.data.splits.diverse import spread
from drugml.data.splits.draw import largest_first
from drugml.data.splits.fingerprints import Tanimoto, distinct, nearest, neighbours
from drugml.data.splits.pairs import farthest_pair, farthest_pairs
from drugml.data.splits.scaffold import generic
from drugml.data.table import Table, locate
from drugml.errors import UserError
from tests.conftest import SMILES
from tests.test_split_columns import with_column
from tests.test_splitters import taken

ALL = taken(list(range(60)))
PRINTS = fingerprints(SMILES)
GENERATOR = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
VECTORS = [GENERATOR.GetFingerprint(Chem.MolFromSmiles(s)) for s in SMILES]
MATRIX = np.array([DataStructs.BulkTanimotoSimilarity(v, VECTORS) for v in VECTORS])


# fingerprints


def test_similarities_are_those_of_rdkit() -> None:
    tanimoto = Tanimoto(PRINTS)
    ours = np.array([tanimoto(PRINTS.on(i)) for i in range(60)])
    np.testing.assert_array_equal(ours, MATRIX)


def test_more_than_255_bits_in_common_do_not_overflow() -> None:
    packed = np.full((2, BITS // 8), 255, np.uint8)
    packed[1, 0] = 0
    both = Fingerprints(packed)
    np.testing.assert_allclose(Tanimoto(both)(both.on(1)), [2040 / 2048, 1.0])


def test_nearest_and_neighbours_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drugml.data.splits.fingerprints.BLOCK", 7)
    np.testing.assert_array_equal(nearest(PRINTS[:20], PRINTS[20:]), MATRIX[:20, 20:].max(1))
    for distance in (0.5, 0.8, 0.9):
        np.testing.assert_array_equal(neighbours(PRINTS, distance), (distance >= 1 - MATRIX).sum(1))


def test_similarities_to_what_stands_behind() -> None:
    np.testing.assert_array_equal(Tanimoto(PRINTS)(PRINTS.on(7), after=40), MATRIX[7, 41:])


# clusters


@pytest.mark.parametrize("distance", [0.3, 0.65, 0.9])
def test_leaders_are_those_of_rdkit_and_every_molecule_has_its_nearest(distance: float) -> None:
    found = leader(PRINTS, distance)
    leaders = list(LeaderPicker().LazyBitVectorPick(VECTORS, 60, distance))
    assert sorted(set(found.tolist())) == sorted(leaders)
    nearest_leader = MATRIX[:, sorted(leaders)].max(1)
    np.testing.assert_array_equal(MATRIX[np.arange(60), found], nearest_leader)


@pytest.mark.parametrize("distance", [0.3, 0.65, 0.8, 0.9])
def test_butina_clusters_are_those_of_rdkit(distance: float) -> None:
    below = [1 - MATRIX[i, j] for i in range(60) for j in range(i)]
    expected = Butina.ClusterData(below, 60, distance, isDistData=True)
    found = butina(PRINTS, distance)
    assert {frozenset(c) for c in expected} == {frozenset(np.flatnonzero(found == c).tolist()) for c in set(found)}


def test_no_cluster_is_on_two_sides() -> None:
    for method in ("leader", "butina"):
        plan = split(ClusterSplit(method=method, distance=0.8), ALL)  # type: ignore[arg-type]
        smiles, member = distinct(ALL)
        groups = getattr(cluster_module, method)(fingerprints(smiles), 0.8)[member]
        assert len({*zip(groups.tolist(), plan.fold.tolist(), strict=True)}) == len(set(groups.tolist()))


def test_butina_of_too_many_molecules_names_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "MOST", 50)
    with pytest.raises(UserError) as error:
        split(ClusterSplit(method="butina"), ALL)
    assert str(error.value) == (
        "split 'cluster' compares every molecule with every other, which is done for up to 50 different molecules; "
        "found 60; use data.split.method=leader"
    )


def test_more_clusters_than_molecules_are_refused() -> None:
    with pytest.raises(UserError, match="split 'kmeans': 61 clusters of 60 different molecules cannot be; set data"):
        split(KMeansSplit(clusters=61), ALL)


# diversity


@pytest.mark.parametrize("first", [0, 17, 59])
def test_the_most_diverse_molecules_are_those_of_rdkits_maxmin(first: int) -> None:
    ours = spread(PRINTS, [first], np.ones(60, np.int64), 20)
    theirs = list(MaxMinPicker().LazyBitVectorPick(VECTORS, 60, 20, [first]))
    distance = 1 - MATRIX
    for n in range(1, 20):  # the same distances; ties may be broken differently, so that each is held to its own past
        assert distance[ours[n], ours[:n]].min() == distance[:, ours[:n]].min(1).max()
    assert ours[:5].tolist() == theirs[:5]


def test_a_pool_that_shrinks_chooses_the_same() -> None:
    rng = np.random.default_rng(0)
    many = Fingerprints(np.packbits(rng.random((1500, BITS)) < 0.02, axis=1, bitorder="little"))
    chosen = spread(many, [3], np.ones(1500, np.int64), 700)
    assert len(set(chosen.tolist())) == 700
    tanimoto = Tanimoto(many)
    like = np.full(1500, -1.0)
    for n in range(699):
        like = np.maximum(like, tanimoto(many.on(int(chosen[n]))))
        like[chosen[: n + 1]] = 2
        assert like[chosen[n + 1]] == like.min()


@pytest.mark.parametrize("spec", [KennardStoneSplit, MaxMinSplit, PerimeterSplit])
def test_too_many_molecules_are_refused_with_a_faster_way(
    spec: type[KennardStoneSplit | MaxMinSplit | PerimeterSplit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drugml.data.splits.diverse.MOST", 59)
    with pytest.raises(UserError) as error:
        split(spec(), ALL)
    assert str(error.value) == (
        f"split {spec().kind!r} compares every molecule with every other, which is done for up to 59 different "
        "molecules; found 60; use data.split=random or data.split=cluster"
    )


@pytest.mark.parametrize("spec", [KennardStoneSplit, MaxMinSplit])
def test_training_molecules_are_farther_apart_than_the_rest_is_from_them(
    spec: type[KennardStoneSplit | MaxMinSplit],
) -> None:
    plan = split(spec(sizes=(0.5, 0.2, 0.3)), ALL)
    train, rest = plan.indices("train"), np.flatnonzero(plan.fold != 0)
    apart = (MATRIX[np.ix_(train, train)] - 2 * np.eye(len(train))).max()
    assert MATRIX[np.ix_(rest, train)].max(1).min() >= apart


def test_the_seed_divides_what_kennard_stone_leaves() -> None:
    plans = [split(KennardStoneSplit(seed=s), ALL) for s in (0, 1)]
    np.testing.assert_array_equal(plans[0].indices("train"), plans[1].indices("train"))
    assert plans[0].hash != plans[1].hash


def test_the_perimeter_extrapolates_and_kennard_stone_interpolates() -> None:
    """On real data of one kind, B3DB: how like is what is tested to what was trained on?"""
    table = Table(locate("drugml:b3db-logbb"))
    at, _ = find_smiles(table, None)
    smiles = [r.cells[at] for r in islice(table, 600)]
    molecules = with_column([""] * 600, smiles)._replace(smiles=smiles)

    def similarity(spec: Spec) -> float:
        plan = split(spec, molecules)
        prints = fingerprints(smiles)
        return float(np.median(nearest(prints[plan.indices("test")], prints[plan.indices("train")])))

    chance = similarity(RandomSplit())
    assert similarity(PerimeterSplit()) < chance - 0.05
    assert similarity(KennardStoneSplit()) > chance + 0.05


def greedy(similarity: np.ndarray) -> list[tuple[int, int]]:
    """The least similar pair of what is left, the slow way; of equal ones the first."""
    left = np.where(np.triu(np.ones(similarity.shape, bool), 1), similarity, 3.0)
    pairs = []
    while left.min() < 3:
        a, b = map(int, np.unravel_index(left.argmin(), left.shape))
        pairs.append((a, b))
        left[[a, b]] = left[:, [a, b]] = 3
    return pairs


def test_pairs_at_the_perimeter_are_taken_one_by_one() -> None:
    plan = split(PerimeterSplit(sizes=(0.5, 0.25, 0.25)), ALL)
    smiles, member = distinct(ALL)
    order = [SMILES.index(s) for s in smiles]
    inside = np.ones(60, bool)
    inside[np.ravel(greedy(MATRIX[np.ix_(order, order)])[:15])] = False
    np.testing.assert_array_equal(plan.fold == 0, inside[member])


@given(
    bits=st.lists(st.sets(st.integers(0, 9), max_size=6), min_size=2, max_size=40),
    kept=st.integers(1, 4),
    step=st.sampled_from([0.02, 0.5]),
)
def test_the_least_similar_pairs_are_those_of_the_slow_way(bits: list[set[int]], kept: int, step: float) -> None:
    """Few bits, so that most similarities are tied."""
    packed = np.zeros((len(bits), BITS // 8), np.uint8)
    for i, on in enumerate(bits):
        for bit in on:
            packed[i, bit // 8] |= 1 << bit % 8
    few = Fingerprints(packed)
    tanimoto = Tanimoto(few)
    expected = greedy(np.array([tanimoto(few.on(i)) for i in range(len(few))]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drugml.data.splits.pairs.KEPT", kept)
        patch.setattr("drugml.data.splits.pairs.STEP", step)
        assert list(farthest_pairs(few)) == expected
    assert farthest_pair(few) == expected[0]


# scaffolds


def test_the_order_largest_first_is_that_of_deepchem() -> None:
    groups = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 4])
    # 4 + 2 to train; group 1 before it would make the same size, but the later one of equal size comes first
    assert largest_first(groups, (0.6, 0.2, 0.2)).tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 2, 2]


@pytest.mark.parametrize(
    ("smiles", "same"),
    [
        ("c1ccccc1CCN", "C1CCCCC1"),
        ("O=C1CCCCC1", "C1CCCCC1"),  # an exocyclic double bond is no part of the framework
        ("O=S1(=O)CCCC1", "C1CCCC1"),
        ("c1ccc2[nH]ccc2c1", "C1CCC2CCCC2C1"),
        ("c1ccccc1CCc1ccncc1", "C1CCCCC1CCC1CCCCC1"),
        ("FS1(F)(F)(F)CCCC1", "C1CCCC1"),
        ("[Na+].c1ccccc1", "C1CCCCC1"),
    ],
)
def test_a_generic_framework_knows_rings_and_linkers_only(smiles: str, same: str) -> None:
    assert generic(smiles) == generic(same)


def test_a_generic_framework_joins_what_murcko_tells_apart() -> None:
    both = [split(ScaffoldSplit(framework=f), ALL) for f in ("murcko", "generic")]  # type: ignore[arg-type]
    assert both[0].hash != both[1].hash
    assert generic("c1ccccc1") == generic("C1CCNCC1") != generic("C1CCNC1")


# labels


@given(
    labels=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=60, max_size=200),
    seed=st.integers(0, 3),
)
def test_every_fold_has_its_share_of_each_class(labels: list[tuple[bool, ...]], seed: int) -> None:
    molecules = with_column([""] * len(labels))._replace(labels=np.array(labels, float)[:, :1])
    plan = split(StratifiedSplit(seed=seed, sizes=(0.7, 0.1, 0.2)), molecules)
    for value in (0, 1):
        there = molecules.labels[:, 0] == value
        for f, share in enumerate((0.7, 0.1, 0.2)):
            assert abs((there & (plan.fold == f)).sum() - share * there.sum()) <= 2


def test_rare_classes_of_many_targets_reach_every_fold() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((1000, 8)) < 0.02).astype(float)
    labels[rng.random(labels.shape) < 0.3] = np.nan
    molecules = with_column([""] * 1000)._replace(labels=labels)
    plans = folds(StratifiedSplit(), molecules, 5, 1)
    for t in range(8):
        positives = [int((labels[p.indices("test"), t] == 1).sum()) for p in plans]
        assert max(positives) - min(positives) <= 1


def test_a_number_is_stratified_by_its_quantiles() -> None:
    values = np.random.default_rng(0).lognormal(size=500)
    plan = split(StratifiedSplit(bins=5), with_column([""] * 500)._replace(labels=values[:, None]))
    edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    counts = np.bincount(np.searchsorted(edges, values[plan.indices("test")], side="right"))
    assert counts.tolist() == [10] * 5


def test_no_target_cannot_be_stratified() -> None:
    with pytest.raises(UserError, match="split 'stratified' needs a target with labels; name one"):
        split(StratifiedSplit(), with_column([""] * 9))
