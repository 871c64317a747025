"""A contract that every registered splitter keeps, on real molecules, however few and however often repeated."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drugml.config.base import Spec
from drugml.config.splits import FileSplit, GroupedSplit, KMeansSplit, PredefinedSplit, TimeSplit
from drugml.data.molecule import identity, parse, scaffold
from drugml.data.splits import FOLDS, SPLITTERS, Molecules, SplitPlan, folds, split
from drugml.data.splits.draw import wanted
from drugml.data.splits.plan import UNUSED
from drugml.errors import UserError
from tests.conftest import SMILES, write_csv

MOLS = [parse(s, 1000) for s in SMILES]
KEYS = [identity(m).encode() for m in MOLS]  # type: ignore[arg-type]
SCAFFOLDS = [scaffold(m).encode() for m in MOLS]  # type: ignore[arg-type]

NO_FOLDS = {"kennard_stone", "max_min", "perimeter", "predefined"}
FIXED = {"time", "predefined", "file"}
"""Without a seed, or one that does not move what is given."""
NEEDS = {"column": "where", "path": "split.csv"}
"""Fields without a default, and what a test says there."""


def taken(positions: list[int]) -> Molecules:
    """Some of the molecules, some of them several times."""
    return Molecules(
        [str(n) for n in range(2, len(positions) + 2)],
        np.array([KEYS[p] for p in positions]),
        np.array([SCAFFOLDS[p] for p in positions], "S20"),
        [str(p % 17) for p in positions],
        [SMILES[p] for p in positions],
        np.array([[p % 2, np.nan if p % 5 == 0 else len(SMILES[p])] for p in positions]),
    )


def spec_of(kind: type[Spec], folder: Path, molecules: Molecules, **fields: object) -> tuple[Spec, Molecules]:
    """A spec with what it requires, and the molecules with the column that it reads."""
    required = {n: NEEDS[n] for n, f in kind.model_fields.items() if f.is_required()}
    if "seed" not in kind.model_fields:
        fields.pop("seed", None)
    if "sizes" not in kind.model_fields:
        fields.pop("sizes", None)
    if kind is KMeansSplit:
        fields["clusters"] = min(20, max(3, len(set(molecules.inchikeys))))
    if kind is PredefinedSplit:
        names = [("train", "val", "test", "train")[k[0] % 4] for k in molecules.inchikeys]
        molecules = molecules._replace(column=names)
    if kind is FileSplit:
        rows = [(n, k.decode(), FOLDS[k[0] % 3]) for n, k in zip(molecules.lines, molecules.inchikeys, strict=True)]
        required["path"] = str(write_csv(folder / "split.csv", ["line", "inchikey", "fold"], rows))
    return kind(**required | fields), molecules


every = pytest.mark.parametrize("kind", list(SPLITTERS), ids=lambda s: s.model_fields["kind"].default)
positions = st.lists(st.integers(0, len(SMILES) - 1), min_size=3, max_size=90)


def drawn_or_explained(spec: Spec, molecules: Molecules, draw: Callable[[], SplitPlan]) -> SplitPlan | None:
    """The plan; None where the error says that the data cannot be split, which only few groups may bring about."""
    try:
        return draw()
    except UserError as error:
        found = ("leaves no molecule for", "has no molecule for", "different times are needed", "clusters of")
        assert any(f in str(error) for f in found), error  # noqa: PT017
        return None


@every
@given(positions=positions, seed=st.integers(0, 9), test=st.sampled_from([0.1, 0.25]))
@settings(max_examples=15)
def test_folds_are_disjoint_complete_and_of_the_wanted_size(
    tmp_path_factory: pytest.TempPathFactory, kind: type[Spec], positions: list[int], seed: int, test: float
) -> None:
    folder = tmp_path_factory.mktemp("split")
    sizes = (0.9 - test, 0.1, test)
    spec, molecules = spec_of(kind, folder, taken(positions), seed=seed, sizes=sizes)
    plan = drawn_or_explained(spec, molecules, lambda: split(spec, molecules))
    if plan is None:
        assert len(set(positions)) < 30 or isinstance(spec, GroupedSplit)
        return
    assert sum(plan.sizes.values()) == len(positions)
    assert min(plan.sizes.values()) > 0
    assert plan.leaks() == []
    again = split(spec, molecules)
    assert again.hash == plan.hash
    if hasattr(spec, "sizes"):
        largest = largest_group(spec, molecules)
        for found, want in zip(plan.sizes.values(), wanted(len(positions), sizes), strict=True):
            assert abs(found - want) <= 2 * largest


def largest_group(spec: Spec, molecules: Molecules) -> int:
    """Molecules of the largest group that the splitter keeps whole."""
    splitter = SPLITTERS.build(spec)
    if isinstance(spec, GroupedSplit):
        return int(np.bincount(splitter.groups(molecules)).max())  # type: ignore[attr-defined]
    if isinstance(spec, TimeSplit):
        assert molecules.column is not None
        return max(molecules.column.count(c) for c in set(molecules.column))
    return max(list(molecules.inchikeys).count(k) for k in set(molecules.inchikeys))


@every
@given(positions=positions, order=st.randoms(use_true_random=False))
@settings(max_examples=8)
def test_the_order_of_the_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, kind: type[Spec], positions: list[int], order: object
) -> None:
    folder = tmp_path_factory.mktemp("split")
    spec, molecules = spec_of(kind, folder, taken(positions))
    plan = drawn_or_explained(spec, molecules, lambda: split(spec, molecules))
    if plan is None:
        return
    moved = list(range(len(positions)))
    order.shuffle(moved)  # type: ignore[attr-defined]
    column = [molecules.column[i] for i in moved] if molecules.column else None
    other = taken([positions[i] for i in moved])._replace(column=column)
    np.testing.assert_array_equal(split(spec, other).fold, plan.fold[moved])


@every
def test_seeds_differ_and_the_same_seed_repeats(tmp_path: Path, kind: type[Spec]) -> None:
    def plan(seed: int) -> SplitPlan:
        spec, molecules = spec_of(kind, tmp_path, taken(list(range(60))), seed=seed)
        return split(spec, molecules)

    name = kind.model_fields["kind"].default
    assert len({plan(s).hash for s in range(4)}) == (1 if name in FIXED else 4)
    assert plan(3).hash == plan(3).hash
    if "order" in kind.model_fields and kind is not KMeansSplit:  # the seed also draws the clusters of k-means
        spec, molecules = spec_of(kind, tmp_path, taken(list(range(60))), seed=1, order="largest_first")
        other, _ = spec_of(kind, tmp_path, taken(list(range(60))), seed=2, order="largest_first")
        assert split(spec, molecules).hash == split(other, molecules).hash


@every
@given(positions=positions, k=st.integers(2, 5))
@settings(max_examples=8)
def test_cross_validation_tests_every_molecule_once_per_repeat(
    tmp_path_factory: pytest.TempPathFactory, kind: type[Spec], positions: list[int], k: int
) -> None:
    spec, molecules = spec_of(kind, tmp_path_factory.mktemp("split"), taken(positions))
    name = kind.model_fields["kind"].default
    repeats = 1 if name == "time" else 2
    if name in NO_FOLDS:
        with pytest.raises(UserError, match=f"split {name!r} has no cross-validation: "):
            folds(spec, molecules, k, repeats)
        return
    if kind is FileSplit:
        return  # test_split_file.py
    try:
        plans = folds(spec, molecules, k, repeats)
    except UserError as error:
        assert any(t in str(error) for t in ("has no molecule for", "times are needed", "clusters of"))  # noqa: PT017
        return
    assert [(p.repeat, p.number) for p in plans] == [(r + 1, n + 1) for r in range(repeats) for n in range(k)]
    for r in range(repeats):
        tests = [set(p.indices("test").tolist()) for p in plans[r * k : r * k + k]]
        assert sum(map(len, tests)) == len(set.union(*tests))
        if name != "time":
            assert len(set.union(*tests)) == len(positions)
            assert max(map(len, tests)) - min(map(len, tests)) <= largest_group(spec, molecules)
    for plan in plans:
        assert plan.leaks() == []
        assert min(plan.sizes.values()) > 0
        assert (name == "time") or (plan.fold != UNUSED).all()


@every
def test_repeats_differ_and_the_same_seed_repeats_them(tmp_path: Path, kind: type[Spec]) -> None:
    name = kind.model_fields["kind"].default
    if name in NO_FOLDS | FIXED:
        return
    spec, molecules = spec_of(kind, tmp_path, taken(list(range(60))), seed=5)
    plans = folds(spec, molecules, 3, 4)
    assert len({p.hash for p in plans}) == 12
    tests = [frozenset(p.indices("test").tolist()) for p in plans]
    assert len(set(tests)) == 12
    assert [p.hash for p in folds(spec, molecules, 3, 4)] == [p.hash for p in plans]


@every
@pytest.mark.parametrize("count", [3, 9])
def test_one_molecule_written_many_times_cannot_be_split(tmp_path: Path, kind: type[Spec], count: int) -> None:
    spec, molecules = spec_of(kind, tmp_path, taken([7] * count))
    with pytest.raises(UserError, match=r"leaves no molecule for|different times are needed|clusters of 1 different"):
        split(spec, molecules)


@every
@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_molecules_than_folds_is_explained(tmp_path: Path, kind: type[Spec], count: int) -> None:
    spec, _ = spec_of(kind, tmp_path, taken([0, 1, 2]))
    with pytest.raises(UserError, match=f"only {count} usable molecules are left"):
        split(spec, taken(list(range(count))))
