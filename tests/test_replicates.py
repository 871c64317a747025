"""Rows of one molecule made one: averages, bounds, weights, contradictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.config.labels import MergeReplicates
from drugml.data.replicates import Merged, merge
from drugml.errors import UserError

INF = np.inf


def merged(
    rows: list[tuple[str, float, float]], spec: MergeReplicates | None = None, *, classes: bool = False
) -> Merged:
    """Rows of key, low and high of one target."""
    keys = np.array([k.encode() for k, _, _ in rows])
    low, high = (np.array([[r[i]] for r in rows], np.float64) for i in (1, 2))
    ones = np.ones_like(low)
    return merge(keys, (low, high), ones, ones * 0.3, spec or MergeReplicates(), classes=classes)


def label(out: Merged, m: int = 0) -> tuple[float, float]:
    return float(out.low[m, 0]), float(out.high[m, 0])


def value(*values: float) -> list[tuple[str, float, float]]:
    return [("A", v, v) for v in values]


@pytest.mark.parametrize(("by", "expected"), [("mean", 4.0), ("median", 2.0), ("geometric_mean", 18 ** (1 / 3))])
def test_exact_labels_are_averaged(by: str, expected: float) -> None:
    out = merged(value(1, 2, 9), MergeReplicates(by=by))  # type: ignore[arg-type]
    assert label(out) == pytest.approx((expected, expected))
    assert out.sd[0, 0] == pytest.approx(np.std([1, 2, 9], ddof=1))
    assert out.error[0, 0] == pytest.approx(0.3 / np.sqrt(3))


def test_logarithms_have_no_geometric_mean() -> None:
    with pytest.raises(UserError, match=r"data\.replicates\.by = 'geometric_mean': a label is -1, and only positive"):
        merged(value(-1, 2), MergeReplicates(by="geometric_mean"))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(5, INF), (7, INF)], (7, INF)),
        ([(-INF, 3), (-INF, 2)], (-INF, 2)),
        ([(5, INF), (-INF, 8)], (5, 8)),
        ([(6, 6), (5, INF)], (6, 6)),  # agrees, and adds nothing
        ([(6, 6), (6.2, INF)], (6, 6)),  # disagrees, but by how much is too much was not said
        ([(6, 6), (8, 8), (5, INF), (-INF, 9)], (7, 7)),
    ],
)
def test_bounds_are_intersected_and_never_averaged(
    rows: list[tuple[float, float]], expected: tuple[float, float]
) -> None:
    out = merged([("A", *r) for r in rows])
    assert label(out) == expected
    assert out.conflicts == {}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(5, 5), (7, INF)], "a value of 5 and a bound >7"),
        ([(5, 5), (-INF, 3)], "a value of 5 and a bound <3"),
        ([(7, INF), (-INF, 5)], "bounds exclude each other: >7 and <5"),
        ([(1, 1), (9, 9)], "replicates have a standard deviation of 5.66: 1, 9"),
    ],
)
def test_contradictions_are_named_and_dropped_or_kept(rows: list[tuple[float, float]], why: str) -> None:
    table = [("A", *r) for r in rows] + [("B", 1.0, 1.0)]
    out = merged(table, MergeReplicates(max_sd=1))
    assert out.conflicts == {(0, 0): why}
    assert np.isnan(label(out)).all()
    assert label(out, 1) == (1, 1)
    kept = merged(table, MergeReplicates(max_sd=1, conflicts="keep"))
    exact = [a for a, b in rows if a == b]
    assert label(kept)[0] == (np.median(exact) if exact else pytest.approx(np.nan, nan_ok=True))


def test_classes_that_differ_are_a_conflict_and_kept_by_majority() -> None:
    rows = [
        *[("A", c, c) for c in (0.0, 1.0, 1.0)],
        *[("B", c, c) for c in (0.0, 1.0)],
        ("C", 1.0, 1.0),
        ("C", 1.0, 1.0),
    ]
    out = merged(rows, classes=True)
    assert out.conflicts == {(0, 0): "replicates differ: 0, 1, 1", (1, 0): "replicates differ: 0, 1"}
    np.testing.assert_array_equal(out.low[:, 0], [np.nan, np.nan, 1])
    kept = merged(rows, MergeReplicates(conflicts="keep"), classes=True)
    np.testing.assert_array_equal(kept.low[:, 0], [1, np.nan, 1])


def test_missing_labels_take_no_part() -> None:
    out = merged([("A", np.nan, np.nan), ("A", 3, 3), ("B", np.nan, np.nan), ("B", np.nan, np.nan)])
    assert label(out) == (3, 3)
    assert np.isnan(label(out, 1)).all()
    assert np.isnan(out.sd).all()


def test_weights_are_summed_or_averaged() -> None:
    for weigh, expected in ((True, 6.0), (False, 2.0)):
        keys, low = np.array([b"A"] * 3), np.ones((3, 1))
        weight = np.array([[1.0], [2.0], [3.0]])
        out = merge(keys, (low, low), weight, low, MergeReplicates(weigh=weigh), classes=False)
        assert out.weight[0, 0] == expected


keyed = st.lists(st.tuples(st.sampled_from("ABCDE"), st.floats(-10, 10)), min_size=1, max_size=30)


@given(keyed)
def test_every_row_belongs_to_one_molecule_in_the_order_of_first_rows(rows: list[tuple[str, float]]) -> None:
    out = merged([(k, v, v) for k, v in rows])
    assert sorted(int(i) for r in out.rows for i in r) == list(range(len(rows)))
    assert list(out.rows.first) == sorted(out.rows.first)
    for m, members in enumerate(out.rows):
        assert {rows[i][0] for i in members} == {rows[members[0]][0]}
        assert label(out, m)[0] == pytest.approx(float(np.median([rows[i][1] for i in members])))


@given(keyed, st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, float]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = merged([(k, v, v) for k, v in rows]), merged([(k, v, v) for k, v in shuffled])
    by_key = [{r[m[0]][0]: label(o, i)[0] for i, m in enumerate(o.rows)} for o, r in ((one, rows), (two, shuffled))]
    assert by_key[0] == pytest.approx(by_key[1])
