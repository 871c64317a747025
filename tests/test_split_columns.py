"""Splits by a column: times are read and never divided, groups stay whole, cells that say nothing are named."""

from collections.abc import Sequence

import numpy as np
import pytest

from drugml.config.splits import GroupSplit, TimeSplit
from drugml.data.splits import Molecules, folds, split
from drugml.data.splits.column import times
from drugml.errors import UserError


def with_column(cells: Sequence[str], keys: Sequence[str] | None = None) -> Molecules:
    names = keys or [f"K{i:03}" for i in range(len(cells))]
    return Molecules(
        [str(n) for n in range(2, len(cells) + 2)],
        np.array([k.encode() for k in names]),
        np.array([b""] * len(cells), "S20"),
        list(cells),
        ["C"] * len(cells),
        np.zeros((len(cells), 0)),
    )


def test_the_earliest_train_and_the_latest_test() -> None:
    cells = [str(2000 + i % 20) for i in range(100)]
    plan = split(TimeSplit(column="year"), with_column(cells))
    years = [[int(cells[i]) for i in plan.indices(f)] for f in ("train", "val", "test")]
    assert [(min(y), max(y)) for y in years] == [(2000, 2015), (2016, 2017), (2018, 2019)]


def test_equal_times_stay_together_whatever_the_share() -> None:
    cells = ["2001"] * 2 + ["2002"] * 2 + ["2003"] * 96
    assert split(TimeSplit(column="y"), with_column(cells)).sizes == {"train": 2, "val": 2, "test": 96}
    with pytest.raises(UserError) as error:
        split(TimeSplit(column="y"), with_column(["2001"] * 50 + ["2002"] * 50))
    assert str(error.value) == (
        "time column 'y': 3 different times are needed, found 2; equal times are never divided between folds. Use a "
        "column with finer times, or data.split=group"
    )


def test_a_molecule_measured_twice_belongs_to_its_earliest_time() -> None:
    keys = [f"K{i:02}" for i in range(20)] + ["K00"]
    plan = split(TimeSplit(column="y"), with_column([str(i) for i in range(21)], keys))
    assert plan.fold[0] == plan.fold[20] == 0
    assert plan.leaks() == []


def test_an_expanding_window_never_looks_ahead() -> None:
    cells = [str(i // 2) for i in range(100)]
    molecules = with_column(cells)
    plans = folds(TimeSplit(column="y"), molecules, 4, 1)
    assert [p.sizes["test"] for p in plans] == [20] * 4
    assert [p.sizes["train"] + p.sizes["val"] for p in plans] == [20, 40, 60, 80]
    for plan in plans:
        train, val, test, late = ([int(cells[i]) for i in np.flatnonzero(plan.fold == f)] for f in (0, 1, 2, -1))
        assert max(train) < min(val) <= max(val) < min(test)
        assert not late or max(test) < min(late)
    assert plans[0].rows()[-1][2] == "unused"
    with pytest.raises(UserError, match="split 'time' has no cross-validation: time has one order, so that repeats"):
        folds(TimeSplit(column="y"), molecules, 4, 2)


@pytest.mark.parametrize(
    ("cells", "format"),
    [
        (["2014", "2.5e3", "-3"], None),
        (["2014-03-01", "2014-03", "2013", "2014-03-01T12:30:00+02:00"], None),
        (["E-0001321", "E-12"], None),
        (["01/03/2014", "28/02/2014"], "%d/%m/%Y"),
    ],
)
def test_times_are_read(cells: list[str], format: str | None) -> None:
    assert np.isfinite(times("column", range(9), cells, format)).all()


def test_times_are_ordered_as_they_are_meant() -> None:
    cells = ["2014-03-02", "2014-03", "2013-12-31T23:00", "2014-03-01T00:30:00+02:00"]
    assert np.argsort(times("c", range(4), cells, None)).tolist() == [2, 3, 1, 0]


@pytest.mark.parametrize(
    ("cells", "format", "message"),
    [
        (
            ["2014", "", "2015"],
            None,
            "time column 'y', line 3: '' is no time; expected a number such as 2014 (1 of 3 rows like this); mend the "
            "cells, or say how dates are written with data.split.format",
        ),
        (
            ["2014-02-28", "2014-02-30", "2014-05-01"],
            None,
            "time column 'y', line 3: '2014-02-30' is no time; expected an ISO date such as 2014-03-01, 2014-03 or "
            "2014-03-01T12:00 (1 of 3 rows like this); mend the cells, or say how dates are written with "
            "data.split.format",
        ),
        (["A-1", "A-2", "B-3"], None, "line 4: 'B-3' is no time; expected a numbered name such as A-0001321 (1 of 3"),
        (["nan", "inf", "x"], None, "line 2: 'nan' is no time; expected a number such as 2014; or an ISO date such"),
        (["13/01/2014", "01/13/2014"] * 2, "%d/%m/%Y", "line 3: '01/13/2014' is no time; expected a date like %d/%m"),
    ],
)
def test_a_cell_that_is_no_time_is_named(cells: list[str], format: str | None, message: str) -> None:
    with pytest.raises(UserError) as error:
        split(TimeSplit(column="y", format=format), with_column(cells))
    assert message in str(error.value)


def test_a_group_is_never_divided() -> None:
    cells = [f"series {i % 13}" + " " * (i % 2) for i in range(100)]
    plan = split(GroupSplit(column="series"), with_column(cells))
    assert len({(c.strip(), f) for c, f in zip(cells, plan.fold.tolist(), strict=True)}) == 13


def test_an_empty_group_is_named() -> None:
    with pytest.raises(UserError) as error:
        split(GroupSplit(column="series"), with_column(["a", " ", "b", ""]))
    assert str(error.value) == (
        "group column 'series', line 3: empty, expected the name of a group (2 rows like this); give such rows a "
        "name, one for all or one for each"
    )
