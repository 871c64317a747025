"""Compact texts, lines and groups behave as the lists that they stand for."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.data.cells import read_cells
from drugml.data.groups import Groups
from drugml.data.status import Status
from drugml.data.table import Table
from drugml.data.texts import BLOCK, Lines, Texts
from drugml.errors import UserError
from tests.conftest import write_csv

words = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=30)


@given(words, st.data())
def test_texts_are_the_list_they_stand_for(some: list[str], data: st.DataObject) -> None:
    texts = Texts.of(iter(some))
    assert list(texts) == some
    assert texts == some
    assert len(texts) == len(some)
    assert [texts[i] for i in range(len(some))] == some
    bounds = st.none() | st.integers(-40, 40)
    part = slice(data.draw(bounds), data.draw(bounds), data.draw(st.none() | st.integers(1, 3)))
    assert list(texts[part]) == some[part]
    at = data.draw(st.lists(st.integers(0, len(some) - 1)) if some else st.just([]))
    assert list(texts.take(np.array(at, np.int64))) == [some[i] for i in at]
    assert pickle.loads(pickle.dumps(texts[part])) == some[part]


def test_texts_of_many_blocks_are_in_order() -> None:
    some = [str(i) for i in range(2 * BLOCK + 7)]
    texts = Texts.of(some)
    assert list(texts) == some
    assert list(texts[BLOCK - 2 : BLOCK + 2]) == some[BLOCK - 2 : BLOCK + 2]
    assert Texts.joined([texts, Texts.of([]), texts]) == some + some
    with pytest.raises(IndexError):
        texts[len(some)]


def test_lines_name_the_file_where_there_are_several() -> None:
    lines = Lines.of([("", 2), ("b.csv", 3), ("", 4)])
    assert list(lines) == ["2", "b.csv:3", "4"]
    assert list(lines[1:]) == ["b.csv:3", "4"]
    assert lines.take(np.array([2, 0])) == ["4", "2"]


@given(st.lists(st.sampled_from("ABCD")))
def test_groups_hold_every_row_once_in_the_order_of_first_rows(keys: list[str]) -> None:
    groups = Groups.by(np.array(keys, "S1"))
    assert [keys[rows[0]] for rows in groups] == list(dict.fromkeys(keys))
    assert sorted(i for rows in groups for i in rows.tolist()) == list(range(len(keys)))
    assert all(len({keys[i] for i in rows}) == 1 and list(rows) == sorted(rows) for rows in groups)
    assert groups.first.tolist() == [int(rows[0]) for rows in groups]
    assert groups.sizes.tolist() == [len(rows) for rows in groups]
    back = np.arange(len(groups))[::-1]
    assert [r.tolist() for r in groups.take(back)] == [groups[i].tolist() for i in back]


def test_only_named_columns_are_read_and_broken_records_keep_their_place(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", ["smiles", "id", "y"], [["C", "a", "1"], ["CC", "b"], ["CCC", "c", "3"]])
    cells = read_cells(Table(path), [2, 0, 0])
    assert set(cells) == {0, 2}
    assert list(cells[0]) == ["C", "CC", "CCC"]
    assert list(cells[2]) == ["1", "", "3"]
    assert list(cells.lines) == ["2", "3", "4"]
    assert cells.rejects[1].status == Status.MALFORMED
    bad = cells.bad(0, 1, cells.rejects[1])
    assert (bad.where, bad.text) == ("3", "CC")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"t\.csv: a header but no rows; expected one row per molecule"):
        read_cells(Table(write_csv(tmp_path / "t.csv", ["smiles"], [])), [0])
