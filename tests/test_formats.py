"""Tables of every format and form: the same rows come back, and what is broken is named by line."""

import csv
import gzip
import io
import os
import string
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from drugml.data.columns import find_smiles
from drugml.data.table import Table
from drugml.errors import UserError
from tests.test_sdf import block

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NAME = st.text(string.ascii_letters + "_ (;,\"'", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    columns = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.lists(LINES, min_size=len(columns), max_size=len(columns)), max_size=8))
    return columns, rows


def error_of(path: Path) -> str:
    with pytest.raises(UserError) as error:
        list(Table(path))
    assert str(error.value).startswith(str(path))
    return str(error.value).removeprefix(str(path))


@given(tables(), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", ".gz", ".zst"]))
def test_a_delimited_table_comes_back_row_by_row(
    table: tuple[list[str], list[list[str]]], delimiter: str, end: str, packing: str
) -> None:
    columns, rows = table
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL  # a lone empty or blank cell would be a blank line
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([columns, *rows])
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[packing](text.getvalue().encode())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.csv{packing}"
        path.write_bytes(packed)
        found = Table(path)
        assert found.columns == columns
        got = list(found)
    assert [r.cells for r in got] == rows
    assert [r.reject for r in got] == [None] * len(rows)
    lines = [r.line for r in got]
    assert lines == sorted(set(lines))


@given(
    tables(),
    st.sampled_from(";,\t|:^"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["sep={}", "SEP={}", '"sep={}"', "\ufeffsep={}"]),
)
def test_a_sep_line_names_the_delimiter_and_counts_as_a_line(
    table: tuple[list[str], list[list[str]]], delimiter: str, end: str, first: str
) -> None:
    columns, rows = table
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    with tempfile.TemporaryDirectory() as folder:
        plain, told = Path(folder) / "plain.csv", Path(folder) / "told.csv"
        # more columns than one, so that the header has the delimiter
        plain.write_bytes(text.getvalue().encode())
        told.write_bytes((first.format(delimiter) + end + text.getvalue()).encode())
        found = Table(told)
        assert found.columns == columns
        got = list(found)
        assert [(r.cells, r.reject) for r in got] == [(r, None) for r in rows]
        if delimiter in ";,\t|" and len(columns) > 1:
            assert [r.line for r in got] == [r.line + 1 for r in Table(plain)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sep=;\nsmiles;y\nCCO;1\nC;2;3\n", None),
        ("sep=;\nsmiles,y\nCCO,1\n", ":1: says sep=;, but the header is cut by ','; correct or remove this line"),
        ("sep=;\n", ": a `sep=` line only; expected a header line and one row per molecule after it"),
        (
            'sep=;\nsmiles;y\nCCO;"1\nC;2\n',
            ':3: a quote (") is opened on this line and never closed, so that all that follows would be one cell; '
            'close it, or write a quote that is meant as text as "" in a quoted cell',
        ),
        (
            "sep=;\nsmiles;y\nCCO,1\nC;2\n",
            ":3: the header is cut by ';', this line by ','; use one delimiter in the whole file",
        ),
    ],
)
def test_lines_are_counted_with_the_sep_line(tmp_path: Path, text: str, said: str | None) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    if said is None:
        assert [(r.line, r.cells, r.reject is None) for r in Table(path)] == [
            (3, ["CCO", "1"], True),
            (4, ["C", "2"], False),
        ]
    else:
        assert error_of(path) == said


def test_a_delimiter_in_quotes_does_not_contradict_the_sep_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('sep=;\n"smiles,y"\nCCO\n')
    assert Table(path).columns == ["smiles,y"]


SKIPPED = b"\x5a\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"\x28\xb5\x2f\xfdabc"
"""A skippable frame that holds the first bytes of one that is not."""


@given(
    st.lists(st.sampled_from(["C,1\n", "CCO,2\n", ""]), max_size=5),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([1, 3, 1 << 15]),
)
def test_skippable_zstd_frames_are_skipped(rows: list[str], places: list[int], piece: int) -> None:
    frames = [zstandard.compress(t.encode()) for t in ("smiles,y\n", *rows)]
    for place in places:
        frames.insert(min(place, len(frames)), SKIPPED)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("drugml.data.formats.files.PIECE", piece)
        path = Path(folder) / "a.csv.zst"
        path.write_bytes(b"".join(frames))
        assert [",".join(r.cells) + "\n" for r in Table(path)] == [r for r in rows if r]


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (SKIPPED[:3], "the file ended within a compressed frame"),
        (SKIPPED[:6], "the file ended within a skippable frame"),
        (SKIPPED[:-1], "the file ended within a skippable frame"),
        (zstandard.compress(b"C,1\n")[:-2], "the file ended within a compressed frame"),
    ],
)
def test_a_cut_zstd_frame_is_damage(tmp_path: Path, tail: bytes, said: str) -> None:
    path = tmp_path / "a.csv.zst"
    path.write_bytes(zstandard.compress(b"smiles,y\nCCO,1\n") + tail)
    assert error_of(path) == f": cannot be unpacked: {said}; is it damaged?"
    path.write_bytes(SKIPPED)
    assert error_of(path) == ": the file is empty; expected a header line and one row per molecule"


@given(tables(), st.sampled_from([1, 3, 1000]))
def test_a_parquet_table_comes_back_row_by_row(table: tuple[list[str], list[list[str]]], group: int) -> None:
    columns, rows = table
    arrays = [pa.array([r[i] for r in rows], pa.string()) for i in range(len(columns))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        pq.write_table(pa.table(arrays, names=columns), path, row_group_size=group)
        found = Table(path)
        assert found.columns == columns
        assert [(r.line, r.cells, r.reject) for r in found] == [(i + 2, r, None) for i, r in enumerate(rows)]


PROPERTY = st.text(string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", ""), max_size=20).filter(
    lambda v: "$$$$" not in v and not v.endswith("\n") and "\n>" not in f"\n{v}"
)


@given(st.lists(st.tuples(st.sampled_from(["C", "CCO", "c1ccccc1", "C[C@H](O)F"]), PROPERTY, PROPERTY), min_size=1))
def test_an_sdf_comes_back_row_by_row(rows: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{BLOCKS[s]}>  <a>\n{a}\n\n>  <b>\n{b}\n\n$$$$\n" for s, a, b in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sdf"
        path.write_bytes(text.encode())
        found = Table(path)
        assert found.columns == ["smiles", "a", "b"]
        assert [(tuple(r.cells), r.reject) for r in found] == [(r, None) for r in rows]


BLOCKS = {s: block(s) for s in ["C", "CCO", "c1ccccc1", "C[C@H](O)F"]}


def test_parquet_cells_are_what_a_csv_would_hold(tmp_path: Path) -> None:
    from datetime import date
    from decimal import Decimal

    kinds = {
        "text": pa.array(["a", None]),
        "category": pa.array(["x", "x"]).dictionary_encode(),
        "whole": pa.array([7, None], pa.int16()),
        "double": pa.array([0.1 + 0.2, 5.0]),
        "single": pa.array([0.1, None], pa.float32()),
        "half": pa.array([0.5, 1.0], pa.float16()),
        "flag": pa.array([True, False]),
        "day": pa.array([date(2024, 2, 29), None]),
        "money": pa.array([Decimal("1.50"), None]),
        "nothing": pa.nulls(2),
    }
    pq.write_table(pa.table(kinds), tmp_path / "a.pq")
    found = Table(tmp_path / "a.pq")
    columns = dict(zip(found.columns, zip(*[r.cells for r in found], strict=True), strict=True))
    assert columns == {
        "text": ("a", ""),
        "category": ("x", "x"),
        "whole": ("7", ""),
        "double": ("0.30000000000000004", "5.0"),
        "single": ("0.1", ""),
        "half": ("0.5", "1.0"),
        "flag": ("true", "false"),
        "day": ("2024-02-29", ""),
        "money": ("1.50", ""),
        "nothing": ("", ""),
    }


def test_parquet_columns_of_lists_and_bytes_are_left_out_and_refused_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": ["C"], "bits": [[1, 2]], "raw": [b"C"]}), path)
    found = Table(path)
    assert found.columns == ["smiles"]
    assert [r.cells for r in found] == [["C"]]
    assert "columns without a text form are left out: 'bits' (list<" in caplog.text
    with pytest.raises(UserError, match=r"the SMILES column 'raw' holds binary, expected text or numbers; write it as"):
        find_smiles(found, "raw")
    with pytest.raises(
        UserError, match=r"the target column 'bits' holds list<element: int64>, expected text or numbers"
    ):
        found.column("bits", "target")


def test_damaged_parquet_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": [f"{'C' * (i % 97)}{i}" for i in range(50_000)]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert "cannot be read as Parquet: " in error_of(path)
    path.write_bytes(b"smiles\nC\n")
    assert "is it damaged, or of another format?" in error_of(path)
    path.write_bytes(whole[: len(whole) // 2] + bytes(2000) + whole[len(whole) // 2 + 2000 :])
    assert "cannot be read to its end, after row" in error_of(path)
