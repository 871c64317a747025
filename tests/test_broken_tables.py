"""Broken text tables: what is wrong is said with its line, nothing is guessed or swallowed."""

import gzip
from pathlib import Path

import pytest
import zstandard

from drugml.data.status import Reject, Status
from drugml.data.table import Table
from tests.test_formats import error_of


def test_truncated_or_damaged_packing_is_no_short_table(tmp_path: Path) -> None:
    text = "".join(f"{'C' * (i % 50 + 1)},{i * 7919 % 104729}\n" for i in range(50_000))
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(f"smiles,y\n{text}".encode())  # as the zstd command
    path = tmp_path / "a.csv.zst"
    path.write_bytes(whole[:-1000])
    assert error_of(path) == (": cannot be read to its end: the file ended within a compressed frame; is it damaged?")
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(300) + whole[middle + 300 :])
    assert "is it damaged?" in error_of(path)
    path.write_bytes(zstandard.compress(b"smiles,y\nC,1\n") + zstandard.compress(b"CC,2\n"))  # frames, as `cat` joins
    assert [r.cells for r in Table(path)] == [["C", "1"], ["CC", "2"]]
    packed = bytearray(gzip.compress(f"smiles,y\n{text}".encode()))
    packed[len(packed) // 2 : len(packed) // 2 + 300] = bytes(300)
    (tmp_path / "a.csv.gz").write_bytes(packed)
    assert "is it damaged?" in error_of(tmp_path / "a.csv.gz")


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "Molecule\tSmiles\tnote\r\nµ-opioid\tCCO\t5 °C\r\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):  # the last is Excel's "Unicode text"
        path.write_bytes(text.encode(encoding))
        found = Table(path)
        assert found.columns == ["Molecule", "Smiles", "note"]
        assert [r.cells for r in found] == [["µ-opioid", "CCO", "5 °C"]]
    path.write_bytes("smiles,y\nC,1\n".encode("utf-16-le"))
    assert error_of(path).startswith(":1: a NUL byte, so this is not a text file; ")
    path.write_bytes(b"PK\x03\x04....")
    assert error_of(path) == ": is a zip archive or an Excel workbook; unpack it, or save the sheet as csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", [2, 40_000])
def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path, end: str, line: int) -> None:
    path = tmp_path / "a.csv"
    lines = ["smiles,y", *[f"C,{i} é" for i in range(50_000)]]
    text = end.join(lines).encode()
    at = len(end.join(lines[: line - 1]).encode()) + len(end) + 2
    path.write_bytes(text[:at] + b"\xb5" + text[at:])
    around = text[at - 10 : at] + b"\xb5" + text[at : at + 4]
    assert error_of(path) == (
        f":{line}: the byte 0xb5 in {around!r} is not UTF-8; if the file is in "
        "Windows' encoding (Latin-1), convert it with `iconv -f WINDOWS-1252 -t UTF-8`"
    )


def test_a_nul_byte_far_inside_is_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("smiles,y\n" + "C,1\n" * 100_000 + "C\0,1\n")
    assert error_of(path).startswith(":100002: a NUL byte, so this is not a text file")


def test_mixed_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("smiles,y,z\nC;1;2\n")
    assert error_of(path) == ":2: the header is cut by ',', this line by ';'; use one delimiter in the whole file"
    path.write_text("smiles,y,z\nC,1,2\nC;1;2\n")
    assert [r.reject for r in Table(path)] == [
        None,
        Reject(Status.MALFORMED, "1 fields, expected 3: 'C;1;2'; the header is cut by ',', this line by ';'"),
    ]


def test_a_delimiter_that_only_stands_in_the_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("smiles\tIC50 (nM, human, mean)\nCCO\t5\n")
    assert Table(path).columns == ["smiles", "IC50 (nM, human, mean)"]
    path.write_text("\tsmiles\n0\tC\n")
    assert [r.cells for r in Table(path)] == [["0", "C"]]


def test_cxsmiles_with_the_delimiter_in_it_needs_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('smiles,y\n"C[C@H](O)[C@H](F)Cl |o1:1,3|",1\nC[C@H](O)[C@H](F)Cl |o1:1,3|,1\n')
    good, bad = Table(path)
    assert good.cells == ["C[C@H](O)[C@H](F)Cl |o1:1,3|", "1"]
    assert bad.reject is not None
    assert bad.reject.reason.endswith("; a CXSMILES with the delimiter in it needs quotes")


def test_an_open_quote_does_not_swallow_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("smiles,note,y\nC,x,1\n" + 'CC,"open,2\n' + "CCC,x,3\n" * 1000)
    assert error_of(path).startswith(
        ':3: a quote (") is opened on this line and never closed, so that all that follows'
    )
    path.write_text('smiles,note,y\nC,"a\nb",1\nCC,x,"open\n')
    assert error_of(path).startswith(':4: a quote (") is opened on this line')
    path.write_text('smiles,note,y\nC,"a\nb","c')
    assert error_of(path).startswith(':3: a quote (") is opened on this line')
    path.write_text('smiles,note,y\nCC,"open,2\n' + "CCC,x,3\n" * 10 + 'C,"again,4\n')
    assert error_of(path) == (
        ":2: the record of this line runs to line 13 and swallows lines that look like records; "
        'is a quote (") missing or too many?'
    )
    path.write_text('smiles,note,y\nC,5" pipe,1\nCC,"a\nb\nc\nd\ne",2\n')  # neither of these is one
    assert [r.cells[1] for r in Table(path)] == ['5" pipe', "a\nb\nc\nd\ne"]


def test_long_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"smiles,y\n{'C' * 1_000_000},1\n")
    assert len(next(iter(Table(path))).cells[0]) == 1_000_000
    path.write_text('smiles,y\nC,1\nC,"' + "C,1\n" * (1 << 22) + "\n")
    assert error_of(path).startswith(":3: the record of this line cannot be read: field larger than field limit")


def test_carriage_returns_alone_end_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"smiles,y\rC,1\rCC,2\r")
    assert [(r.line, r.cells) for r in Table(tmp_path / "a.csv")] == [(2, ["C", "1"]), (3, ["CC", "2"])]
    (tmp_path / "a.smi").write_bytes(b"C methane\rCC ethane\r")
    assert [(r.line, r.cells) for r in Table(tmp_path / "a.smi")] == [(1, ["C", "methane"]), (2, ["CC", "ethane"])]
