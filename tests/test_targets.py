"""Target cells: numbers, classes, and what is neither."""

import numpy as np
import pytest

from drugml.data.status import Status
from drugml.data.targets import check_spread, classes, looks_binary, numbers
from drugml.errors import UserError


def test_numbers_keep_missing_missing_and_reject_the_rest() -> None:
    cells = ["1.5", " 2 ", "", "NA", "nan", "-", "1e-3", "inf", "-Infinity", "x", ">10000", "1,5", "1_000"]
    labels = numbers("y", cells)
    np.testing.assert_array_equal(labels.exact[:7], [1.5, 2, np.nan, np.nan, np.nan, np.nan, 1e-3])
    assert np.isnan(labels.exact[7:]).all()
    assert {i: r.reason for i, r in labels.rejects.items()} == {
        7: "target 'y' is not finite: 'inf'",
        8: "target 'y' is not finite: '-Infinity'",
        9: "target 'y' is not a number: 'x'",
        11: "target 'y' is not a number: '1,5'",
        12: "target 'y' is not a number: '1_000'",
    }
    assert {r.status for r in labels.rejects.values()} == {Status.BAD_LABEL}


@pytest.mark.parametrize(
    ("cells", "positive"),
    [
        (["1", "0", ""], None),
        (["1.0", "0.0", ""], None),
        (["1.0", "0", ""], None),
        (["+", "-", "NA"], None),
        (["1", "0", ""], "1.0"),
        (["True", "False", ""], None),
        (["Active", "inactive", ""], None),
        (["BBB+", "BBB-", "NA"], None),
        (["blocker", "none given", ""], "blocker"),
    ],
)
def test_the_positive_class_is_understood_or_named(cells: list[str], positive: str | None) -> None:
    np.testing.assert_array_equal(classes("y", cells, positive).exact, [1.0, 0.0, np.nan])


@pytest.mark.parametrize(
    ("cells", "positive", "message"),
    [
        (["1", "1"], None, r"target 'y': one class only, expected two: '1' \(2 rows\). Nothing can be learned from it"),
        (["", ""], None, "target 'y': no label, expected two: every cell is empty"),
        (["1", "2", "3"], None, "3 classes, expected two: .* Is it a regression target\\? Then set task=regression"),
        (["cat", "dog"], None, "which class is the positive one\\? Set task.positive to one of 'cat'"),
        (["0", "1"], "yes", "task.positive = 'yes' is no class of target 'y'"),
    ],
)
def test_classes_in_doubt_are_refused(cells: list[str], positive: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        classes("y", cells, positive)


def test_what_looks_binary() -> None:
    assert looks_binary(["0", "1", ""])
    assert looks_binary(["low", "high"])
    assert not looks_binary(["1.5", "2.5"])  # two numbers are no classes
    assert not looks_binary(["0", "1", "2"])
    assert not looks_binary(["1", "1"])


def test_constant_and_empty_targets_are_refused() -> None:
    with pytest.raises(UserError, match="target 'y': one value only, 3 in all 2 labelled rows"):
        check_spread("y", np.array([3.0, np.nan, 3.0]))
    with pytest.raises(UserError, match="target 'y': no usable label in any row"):
        check_spread("y", np.array([np.nan]))
