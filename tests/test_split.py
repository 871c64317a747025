"""Splits: whole groups, every fold filled, seeds that differ, and no molecule on two sides."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.config.base import Spec
from drugml.config.splits import PredefinedSplit, RandomSplit, ScaffoldSplit, SplitSpec
from drugml.data.molecule import identity, parse, scaffold
from drugml.data.splits import FOLDS, SPLITTERS, Molecules, SplitPlan, split
from drugml.data.splits.file import write
from drugml.errors import UserError
from tests.conftest import SMILES, read_csv


def molecules(keys: Sequence[str], scaffolds: Sequence[str], column: Sequence[str] | None = None) -> Molecules:
    lines = [str(n) for n in range(2, len(keys) + 2)]
    return Molecules(
        lines,
        np.array([k.encode() for k in keys]),
        np.array([s.encode() for s in scaffolds], "S20"),
        column,
        ["C"] * len(keys),
        np.zeros((len(keys), 0)),
    )


def real(column: Sequence[str] | None = None) -> Molecules:
    mols = [parse(s, 1000) for s in SMILES]
    return molecules([identity(m) for m in mols], [scaffold(m) for m in mols], column)  # type: ignore[arg-type]


drawn = pytest.mark.parametrize("spec", [RandomSplit, ScaffoldSplit], ids=lambda s: s.__name__)


@drawn
@given(
    keys=st.lists(st.integers(0, 30), min_size=3, max_size=80),
    scaffolds=st.integers(1, 12),
    seed=st.integers(0, 5),
    test=st.floats(0.05, 0.3),
)
def test_every_molecule_has_one_fold_and_no_group_two(
    spec: type[Spec], keys: list[int], scaffolds: int, seed: int, test: float
) -> None:
    given_molecules = molecules([f"K{k}" for k in keys], [f"S{k % scaffolds}" if k % 5 else "" for k in keys])
    try:
        plan = split(spec(sizes=(0.9 - test, 0.1, test), seed=seed), given_molecules)
    except UserError as error:
        assert "leaves no molecule for" in str(error)  # noqa: PT017  too few groups to fill three folds
        return
    assert sum(plan.sizes.values()) == len(keys)
    assert min(plan.sizes.values()) > 0
    assert plan.leaks() == []
    if spec is ScaffoldSplit:
        folds_of = {(s, f) for s, f in zip(given_molecules.scaffolds, plan.fold, strict=True) if s}
        assert len(folds_of) == len({s for s, _ in folds_of})


@drawn
def test_seeds_differ_and_repeat(spec: type[Spec]) -> None:
    plans = [split(spec(seed=s), real()) for s in (0, 1, 2, 0)]
    assert len({p.hash for p in plans}) == 3
    assert plans[0].hash == plans[3].hash
    np.testing.assert_array_equal(plans[0].fold, plans[3].fold)


@drawn
def test_sizes_are_as_asked(spec: type[Spec]) -> None:
    sizes = split(spec(), real()).sizes
    assert sizes["test"] == pytest.approx(6, abs=1)
    assert sizes["val"] == pytest.approx(6, abs=1)


def test_acyclic_molecules_are_apart_or_together() -> None:
    many = molecules([f"K{i}" for i in range(30)], [""] * 20 + [f"S{i}" for i in range(10)])
    apart = split(ScaffoldSplit(), many).fold[:20]
    together = split(ScaffoldSplit(acyclic="together"), many).fold[:20]
    assert len(set(apart)) > 1
    assert len(set(together)) == 1


def test_a_predefined_split_is_taken_as_it_is() -> None:
    column = ["Train", "valid", "test"] * 20
    plan = split(PredefinedSplit(), real(column))
    assert [FOLDS[f] for f in plan.fold[:3]] == ["train", "val", "test"]
    assert plan.sizes == {"train": 20, "val": 20, "test": 20}


def test_validation_is_drawn_where_the_column_names_none() -> None:
    column = ["train"] * 50 + ["test"] * 10
    plans = [split(PredefinedSplit(validation=0.2, seed=s), real(column)) for s in (0, 1)]
    assert plans[0].sizes == {"train": 40, "val": 10, "test": 10}
    assert plans[0].hash != plans[1].hash
    np.testing.assert_array_equal(plans[0].indices("test"), np.arange(50, 60))


def test_a_predefined_split_that_leaks_stops() -> None:
    leaking = molecules(["A", "B", "A", "C"], ["", "", "", ""], ["train", "val", "test", "test"])
    with pytest.raises(UserError, match="split column 'split': 1 molecules stand in more than one fold, for example A"):
        split(PredefinedSplit(), leaking)
    assert split(PredefinedSplit(leaks="warn"), leaking).leaks() == ["A"]


def test_a_fold_of_another_name_is_quoted() -> None:
    with pytest.raises(
        UserError, match=r"split column 'split', line 3: 'holdout' is no fold; expected train, val or test"
    ):
        split(PredefinedSplit(), molecules(["A", "B", "C"], [""] * 3, ["train", "holdout", "test"]))


def test_a_plan_is_written_row_by_row(tmp_path: Path) -> None:
    plan = split(RandomSplit(), real())
    write(tmp_path / "split.csv", RandomSplit(), [plan], {})
    rows = read_csv(tmp_path / "split.csv")
    assert len(rows) == len(SMILES)
    assert rows[3] == {
        "line": "5",
        "inchikey": "LFQSCWFLJHTTHZ-UHFFFAOYSA-N",
        "fold": FOLDS[plan.fold[3]],
    }


def test_the_hash_sees_molecule_and_fold() -> None:
    base = real()
    plan = SplitPlan(base, np.zeros(len(SMILES), np.int8))
    moved = np.zeros(len(SMILES), np.int8)
    moved[7] = 2
    other = base._replace(inchikeys=base.inchikeys[::-1])
    assert len({plan.hash, SplitPlan(base, moved).hash, SplitPlan(other, plan.fold).hash}) == 3


def test_every_split_of_a_config_is_built() -> None:
    union, _ = get_args(SplitSpec)
    assert set(SPLITTERS) == set(get_args(union))
