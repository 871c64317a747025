"""Tables as they come: delimiters, compression, broken rows, and where the SMILES are."""

import gzip
from pathlib import Path

import pytest

from drugml.data.columns import find_smiles
from drugml.data.status import Reject, Status
from drugml.data.table import Table, locate, name_of
from drugml.errors import UserError


def test_any_delimiter_with_and_without_gzip(tmp_path: Path) -> None:
    for name, delimiter in (("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t"), ("d.txt", "|")):
        text = delimiter.join(["id", "smiles", "note"]) + "\n" + delimiter.join(["1", "CCO", '"a, b; c"']) + "\n"
        for path in (tmp_path / name, tmp_path / f"{name}.gz"):
            path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
            table = Table(path)
            assert table.columns == ["id", "smiles", "note"]
            assert [r.cells for r in table] == [["1", "CCO", "a, b; c"]]


def test_a_header_in_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "chembl.csv"
    path.write_bytes(b'\xef\xbb\xbf"Molecule, ChEMBL ID";"Smiles";"Standard Relation"\n"CHEMBL1";"CCO";"\'=\'"\n')
    table = Table(path)
    assert table.columns == ["Molecule, ChEMBL ID", "Smiles", "Standard Relation"]
    assert next(iter(table)).cells == ["CHEMBL1", "CCO", "'='"]


def test_cells_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,smiles\n007,NA\nnull, CCO\n")
    assert [r.cells for r in Table(path)] == [["007", "NA"], ["null", " CCO"]]


def test_lines_count_through_quoted_line_breaks_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('smiles,note\nC,"two\nlines"\n\nCC,x\n')
    assert [(r.line, r.cells[0]) for r in Table(path)] == [(2, "C"), (5, "CC")]


def test_a_row_of_the_wrong_width_is_kept_and_quoted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("smiles,x\nC,1,2\nCC\nCCC,3\n")
    rows = list(Table(path))
    assert [r.cells for r in rows] == [["C", "1"], ["CC", ""], ["CCC", "3"]]
    assert rows[0].reject == Reject(Status.MALFORMED, "3 fields, expected 2: 'C,1,2'")
    assert rows[1].reject == Reject(Status.MALFORMED, "1 fields, expected 2: 'CC'")
    assert rows[2].reject is None


@pytest.mark.parametrize("head", ["", "smiles name\n"])
def test_smi_files_with_and_without_header(tmp_path: Path, head: str) -> None:
    path = tmp_path / "a.smi"
    path.write_text(head + "CCO ethanol\nc1ccccc1\tbenzene ring\n\nC[C@H](O)F |o1:1| half known\nC\n")
    table = Table(path)
    assert table.columns == ["smiles", "name"]
    assert [r.cells for r in table] == [
        ["CCO", "ethanol"],
        ["c1ccccc1", "benzene ring"],
        ["C[C@H](O)F |o1:1|", "half known"],
        ["C", ""],
    ]


def test_the_embedded_tables_are_complete() -> None:
    for name, rows, target in (("b3db-logbb", 1058, "logBB"), ("b3db-class", 7807, "BBB")):
        path = locate(f"drugml:{name}")
        table = Table(path)
        assert name_of(path) == name
        assert table.columns == ["id", "name", "SMILES", target, "group"]
        found = list(table)
        assert len(found) == rows
        assert all(r.reject is None and r.cells[2] and r.cells[3] for r in found)


@pytest.mark.parametrize(
    ("columns", "rows", "named", "found", "how"),
    [
        ("id,Smiles,y", "1,CCO,2", None, "Smiles", "found by its name"),
        ("id,Drug,y", "1,CCO,2", None, "Drug", "found by its content (100% of the first 100 cells are SMILES)"),
        ("CCO_text,Drug,y", "ethanol,CCO,2", None, "Drug", "found by its content"),
        ("id,a,b", "1,CCO,CCN", "b", "b", "SMILES column 'b'"),
        ("id,Drug,other", "1,CCO,CCN", None, "Drug", "found by its content"),
        ("other,Drug", "C,CCN", None, "Drug", "found by its content"),
    ],
)
def test_the_smiles_column_is_found_and_said(
    tmp_path: Path, columns: str, rows: str, named: str | None, found: str, how: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{columns}\n{rows}\n")
    table = Table(path)
    at, said = find_smiles(table, named)
    assert table.columns[at] == found
    assert how in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected a header line and one row per molecule"),
        (b"\n \n", "the file is empty"),
        (b"smiles,y,y\nC,1,2\n", ":1: duplicate column names: 'y'; every column needs a name of its own"),
        (b"\xff\xfe\x00smiles", "begins as UTF-16 but is not; save it as UTF-8"),
        (b"smiles\x00,y\nC,1\n", ":1: a NUL byte, so this is not a text file; expected csv, tsv, smi or sdf in UTF-8."),
        (b"\x1f\x8bnot really gzip", "cannot be unpacked"),
    ],
)
def test_a_file_that_is_no_table_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        Table(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_a_truncated_gzip_is_no_short_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    lines = "\n".join(f"{'C' * (i % 50 + 1)},{i * 7919 % 104729}" for i in range(50_000))
    path.write_bytes(gzip.compress(f"smiles,y\n{lines}\n".encode())[:-1000])
    with pytest.raises(UserError, match="cannot be read to its end"):
        list(Table(path))


def test_no_smiles_column_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,value\n1,2\n")
    with pytest.raises(UserError, match=r"no SMILES column among 'id', 'value': .* Name it with data.smiles=COLUMN"):
        find_smiles(Table(path), None)
    with pytest.raises(UserError, match=r"no SMILES column 'valeu'; did you mean 'value'\?"):
        find_smiles(Table(path), "valeu")


def test_a_missing_header_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("c1ccccc1O,2.5\nfoo,1.0\n")
    with pytest.raises(UserError, match=r"The first line looks like data \('c1ccccc1O'\): add a header line"):
        find_smiles(Table(path), None)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "herg.csv").touch()
    with pytest.raises(UserError, match=r"hreg\.csv: no such file; did you mean 'herg\.csv'\?"):
        locate(str(tmp_path / "hreg.csv"))
    with pytest.raises(
        UserError, match="is a folder, expected a csv, tsv, smi, sdf or parquet file; for all files in it"
    ):
        locate(str(tmp_path))
    with pytest.raises(UserError, match=r"there is no embedded table 'drugml:logbb'; did you mean 'b3db-logbb'\?"):
        locate("drugml:logbb")
