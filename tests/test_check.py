"""`check_table`: a table read as training reads it, and what the terminal says."""

import hashlib
from pathlib import Path

import pytest

from drugml.data.audit.record import shown
from drugml.data.table import Table
from drugml.errors import UserError
from drugml.runs.check import check_table
from tests.conftest import SMILES, write_csv


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [(f"m{i}", s, round(len(s) * 0.1 + 0.01 * i, 3), "yes" if "1" in s else "no") for i, s in enumerate(SMILES)]
    rows += [("x", "C1CC", 1.0, "no"), ("y", "", 1.0, "no"), ("z", "CCO", "high", "no"), ("d", SMILES[0], 0.5, "")]
    return write_csv(tmp_path / "mine.csv", ["id", "smiles", "size", "ring"], rows)


def test_the_summary_says_all_of_it(table: Path) -> None:
    found = check_table(table, [], None, table.with_suffix(".html"))
    text = found.summary().splitlines()
    n = len(SMILES)
    assert text[0] == f"mine.csv: {n + 4} rows = {n + 2} usable + 2 rejected; {n} different molecules"
    assert text[1] == "SMILES column 'smiles', found by its name; targets: 'size', 'ring'"
    assert f"  rejected: empty: 1 row cannot be used: empty ({1 / (n + 4):.1%})" in text
    assert f"      line {n + 4}: CCO  target 'size' is not a number: 'high'" in text
    assert text[-1] == f"data card: {table.with_suffix('.html')}"
    assert any(line.startswith("      → ") for line in text)
    heads = [line.split(" ")[0] for line in text if line and not line.startswith(" ")]
    assert heads[2:-1] == ["warnings", "notes"]


def test_every_row_is_in_one_place(table: Path) -> None:
    found = check_table(table, [], None, None)
    lines = [r.where for r in Table(table)]
    assert sorted([*found.record.lines, *(b.where for b in found.record.bad)], key=int) == lines
    cells = {r.where: r.cells for r in Table(table)}
    assert all(cells[n][1] == s for n, s in zip(found.record.lines, found.record.smiles, strict=True))
    assert [b.reject.status.value for b in found.record.bad] == ["parse_error", "empty"]


def test_the_card_names_its_file_by_content(table: Path) -> None:
    out = table.with_suffix(".html")
    assert check_table(table, ["size"], None, out).card == out
    assert hashlib.sha256(table.read_bytes()).hexdigest() in out.read_text()


def test_named_targets_are_the_only_ones(table: Path) -> None:
    assert check_table(table, ["size"], None, None).record.targets == ("size",)
    assert check_table(table, [], None, None).record.targets == ("size", "ring")


def test_unknown_columns_are_an_error(table: Path) -> None:
    with pytest.raises(UserError, match=r"no target column 'sise'; did you mean 'size'\?"):
        check_table(table, ["sise"], None, None)
    with pytest.raises(UserError, match="no SMILES column 'structure'"):
        check_table(table, [], "structure", None)


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "empty.csv", ["smiles", "y"], [])
    with pytest.raises(UserError, match=r"empty\.csv: a header but no rows; expected one row per molecule"):
        check_table(path, [], None, None)


def test_classes_of_any_name_are_read(tmp_path: Path) -> None:
    rows = [(s, "left" if i % 2 else "right") for i, s in enumerate(SMILES)]
    found = check_table(write_csv(tmp_path / "sides.csv", ["smiles", "side"], rows), ["side"], None, None)
    assert found.record.is_class(0)
    assert found.record.values(0).sum() == len(SMILES) / 2


def test_relation_columns_are_no_targets(tmp_path: Path) -> None:
    rows = [(s, i, "'='" if i % 2 else "'>'") for i, s in enumerate(SMILES)]
    path = write_csv(tmp_path / "raw.csv", ["smiles", "value", "relation"], [(s, str(60 - v), r) for s, v, r in rows])
    assert check_table(path, [], None, None).record.targets == ("value",)


def test_an_embedded_table() -> None:
    found = check_table("drugml:b3db-logbb", [], None, None)
    assert found.audit.rows == found.audit.usable + found.audit.rejected
    assert found.record.targets


def test_labels_as_people_write_them() -> None:
    labels = [(2.0, 2.0), (2.5, float("inf")), (float("-inf"), 3.0), (1.0, 2.0)]
    assert [shown(*label) for label in labels] == ["2", ">2.5", "<3", "1 to 2"]
