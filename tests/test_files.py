"""Several files as one table, names of tables, InChI columns, and exports as they come."""

import os
import string
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from drugml.data.columns import find_smiles
from drugml.data.table import Table, locate, name_of
from drugml.errors import UserError
from tests.test_sdf import block

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NAME = st.text(string.ascii_letters + "_ (;,\"'", min_size=1, max_size=6).map(str.strip).filter(bool)


def test_several_files_are_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    (folder / "b.csv").write_text("y,smiles\n3,CCC\n")
    (folder / "a.csv").write_text("smiles,y\nC,1\nCC,2,2\n")
    found = Table(locate(str(folder / "*.csv")))
    assert found.columns == ["smiles", "y"]
    assert [(r.where, r.cells) for r in found] == [
        ("a.csv:2", ["C", "1"]),
        ("a.csv:3", ["CC", "2"]),
        ("b.csv:2", ["CCC", "3"]),
    ]
    assert [bool(r.reject) for r in found] == [False, True, False]
    pq.write_table(pa.table({"smiles": ["N"], "y": [4]}), folder / "c.parquet")
    assert [r.cells for r in Table(folder / "[ac].*")] == [["C", "1"], ["CC", "2"], ["N", "4"]]
    (folder / "d.csv").write_text("smiles,Y\nO,1\n")
    with pytest.raises(UserError) as error:
        Table(folder / "*.csv")
    assert str(error.value) == (
        f"{folder / 'd.csv'}: not the columns of {folder / 'a.csv'}: 'y' is missing; 'Y' is not in a.csv. "
        "The files of one table have the same columns"
    )
    with pytest.raises(UserError, match=r"x\*\.csv: no file has a name of this pattern"):
        locate(str(folder / "x*.csv"))


def test_sdf_files_of_one_table_may_differ_in_their_properties(tmp_path: Path) -> None:
    (tmp_path / "a.sdf").write_text(f"{block('C')}>  <y>\n1\n\n$$$$\n")
    (tmp_path / "b.sdf").write_text(f"{block('CCO')}>  <z>\n2\n\n$$$$\n")
    found = Table(tmp_path / "*.sdf")
    assert found.columns == ["smiles", "y", "z"]
    assert [r.cells for r in found] == [["C", "1", ""], ["CCO", "", "2"]]


def test_a_file_whose_name_looks_like_a_pattern_is_meant_itself(tmp_path: Path) -> None:
    path = tmp_path / "hERG [nM].csv"
    path.write_text("smiles,y\nC,1\n")
    assert locate(str(path)) == path
    assert [r.where for r in Table(path)] == ["2"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("herg.csv.gz", "herg"),
        ("a/herg.v2.sdf.zst", "herg.v2"),
        ("/data/plates/*.csv", "plates"),
        ("/data/plates/plate_*.csv.gz", "plate"),
        ("/data/**/*.csv", "data"),
        ("hERG_[12].parquet", "hERG"),
    ],
)
def test_the_name_of_a_table(path: str, name: str) -> None:
    assert name_of(Path(path)) == name


INCHI = "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"


def test_inchi_is_taken_where_no_smiles_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'key,text\nLFQ,"{INCHI}"\n')
    assert find_smiles(Table(path), None) == (
        1,
        "InChI column 'text', found by its content (100% of the first 100 cells are InChI)",
    )
    path.write_text(f'Standard_InChI,text\n,x\n"{INCHI}",y\n')
    assert find_smiles(Table(path), None) == (0, "InChI column 'Standard_InChI', found by its name")
    path.write_text(f'InChI,Drug\n"{INCHI}",CCO\n')
    assert find_smiles(Table(path), None)[1].startswith("SMILES column 'Drug', found by its content")
    assert find_smiles(Table(path), "InChI")[0] == 0


@pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
@pytest.mark.parametrize(("name", "rows", "greater"), [("SLC6A3_Ki_raw", 3106, 319), ("SLC6A3_IC50_raw", 3412, 435)])
def test_chembl_exports_as_they_come(name: str, rows: int, greater: int) -> None:
    found = Table(DATA / f"chembl_raw/{name}.csv.gz")
    relation = found.column("Standard Relation", "relation")
    cells = [r.cells for r in found if not r.reject]
    assert len(cells) == rows
    assert sum(c[relation] == "'>'" for c in cells) == greater
    assert {c[relation] for c in cells} <= {"'='", "'>'", "'<'", "'~'", "'>='", "'<='", "", "None"}
