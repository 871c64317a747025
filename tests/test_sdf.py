"""SDF: the molecules RDKit reads, each record a row whatever stands in its neighbour."""

import gzip
import os
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom

from drugml.data.columns import find_smiles
from drugml.data.molecule import has_stereo_groups, parse
from drugml.data.status import Status
from drugml.data.table import Row, Table
from drugml.errors import UserError
from tests.conftest import SMILES

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))


def block(smiles: str, *, v3000: bool = False) -> str:
    mol = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(mol)
    return str(Chem.MolToMolBlock(mol, forceV3000=v3000))


def record(smiles: str, title: str = "", **properties: object) -> str:
    items = "".join(f">  <{k}>\n{v}\n\n" for k, v in properties.items())
    return title + block(smiles) + items + "$$$$\n"


def table(tmp_path: Path, text: str, name: str = "a.sdf") -> Table:
    (tmp_path / name).write_bytes(text.encode())
    return Table(tmp_path / name)


def rows(found: Table) -> list[Row]:
    return list(found)


@pytest.mark.parametrize("v3000", [False, True])
def test_smiles_are_those_of_rdkits_own_reader(tmp_path: Path, v3000: bool) -> None:
    path = tmp_path / "a.sdf"
    with Chem.SDWriter(str(path)) as writer:
        writer.SetForceV3000(v3000)
        for i, smiles in enumerate(SMILES):
            mol = Chem.MolFromSmiles(smiles)
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", f"m{i}")
            mol.SetDoubleProp("size", len(smiles) * 0.5)
            if i % 2:
                mol.SetProp("note", f"two\nlines of {i}")
            writer.write(mol)
    found = Table(path)
    assert found.columns == ["smiles", "name", "size", "note"]
    for row, peer in zip(found, Chem.ForwardSDMolSupplier(str(path)), strict=True):
        assert row.reject is None
        assert row.cells[0] == Chem.MolToSmiles(peer)
        assert row.cells[1:3] == [peer.GetProp("_Name"), peer.GetProp("size")]
        assert row.cells[3] == (peer.GetProp("note") if peer.HasProp("note") else "")
    assert [r.cells[0] for r in found] == [Chem.CanonSmiles(s) for s in SMILES]


def test_compressed_copies_are_the_same_rows(tmp_path: Path) -> None:
    text = (record("CCO", "ethanol", y=1) + record("C", "methane", y=2)).encode()
    for name, packed in (
        ("a.sdf", text),
        ("a.sd.gz", gzip.compress(text)),
        ("a.SDF.zst", zstandard.compress(text)),
        ("crlf.sdf", text.replace(b"\n", b"\r\n")),
    ):
        (tmp_path / name).write_bytes(packed)
        found = rows(Table(tmp_path / name))
        assert [r.cells for r in found] == [["CCO", "ethanol", "1"], ["C", "methane", "2"]]
        assert [r.line for r in found] == [1, text.decode().splitlines().index("$$$$") + 2]


def test_a_property_that_comes_late_is_a_column_of_all_rows(tmp_path: Path) -> None:
    text = record("C") * 3000 + record("CC", late="x")
    found = table(tmp_path, text)
    assert found.columns == ["smiles", "late"]  # no title anywhere, so no column of names
    cells = [r.cells for r in found]
    assert cells == [["C", ""]] * 3000 + [["CC", "x"]]


def test_property_headers_of_all_kinds_and_values_with_blank_lines(tmp_path: Path) -> None:
    items = (
        ">  <IC50>\n>100\n\n> 25 <MELTING.POINT>\n\n\n>  (MD-1) <BOILING (>0)>\n7\n\n"
        "><tight> (12)\nfirst\n\nthird\n\n>  <no blank before>\n1\n>  <last>\n 2 \n\n"
    )
    found = table(tmp_path, block("C") + items + "$$$$\n")
    (row,) = rows(found)
    assert dict(zip(found.columns, row.cells, strict=True)) == {
        "smiles": "C",
        "IC50": ">100",
        "MELTING.POINT": "",
        "BOILING (>0)": "7",
        "tight": "first\n\nthird",
        "no blank before": "1",
        "last": " 2 ",
    }
    assert row.reject is None


def test_names_that_properties_already_have(tmp_path: Path) -> None:
    found = table(tmp_path, record("CCO", "title", SMILES="junk", name="x"))
    assert found.columns == ["sdf_smiles", "title", "SMILES", "name"]
    assert rows(found)[0].cells == ["CCO", "title", "junk", "x"]
    at, how = find_smiles(found, None)
    assert at == 0
    assert how == (
        "SMILES column 'sdf_smiles', made from the mol blocks; "
        "the property 'SMILES' is not used, data.smiles=SMILES would"
    )
    assert find_smiles(found, "SMILES")[0] == 2


def test_stereo_comes_from_the_mol_block(tmp_path: Path) -> None:
    smiles = ["C[C@H](O)F", "C[C@@H](O)F", "F/C=C/F", "F/C=C\\F", "CC(O)F"]
    found = table(tmp_path, "".join(map(record, smiles)))
    assert [r.cells[0] for r in found] == [Chem.CanonSmiles(s) for s in smiles]


def test_stereo_comes_from_three_dimensions(tmp_path: Path) -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](O)F"))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    text = Chem.MolToMolBlock(mol)
    (tmp_path / "a.mol").write_text(text)
    (row,) = Table(tmp_path / "a.mol", blocks=True)
    assert row.cells == [Chem.CanonSmiles("C[C@H](O)F")]
    assert row.block is not None
    assert row.block == text  # coordinates and hydrogens for models that want them
    (row,) = Table(tmp_path / "a.mol")
    assert row.block is None


def test_relative_stereo_becomes_a_cxsmiles_and_comes_back(tmp_path: Path) -> None:
    plain, group = block("C[C@H](O)F"), block("C[C@H](O)F |o1:1|", v3000=True)
    found = rows(table(tmp_path, plain + "$$$$\n" + group + "$$$$\n"))
    assert found[0].cells[0] == Chem.CanonSmiles("C[C@H](O)F")
    assert found[1].cells[0].endswith("|o1:1|")
    assert [has_stereo_groups(parse(r.cells[0], 100)) for r in found] == [False, True]


GOOD = record("CCO", "good", y=1)


def swapped(old: str, new: str) -> str:
    text = record("c1ccccc1O", "bad", y=2)
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("bad", "status", "reason"),
    [
        (swapped("M  END\n", ""), Status.MALFORMED, "the mol block has no `M  END`; is it cut off?"),
        (
            "\n".join(record("c1ccccc1O").splitlines()[:8]) + "\nM  END\n$$$$\n",
            Status.MALFORMED,
            "the mol block has 4 lines for 7 atoms and 7 bonds; is it cut off?",
        ),
        (
            swapped("  7  7  0", "  x  7  0"),
            Status.MALFORMED,
            "line 4 of the mol block: expected the counts of atoms and bonds, found '  x  7  0",
        ),
        ("\n\n$$$$\n", Status.MALFORMED, "the mol block has no `M  END`"),
        (swapped(" O   0", " Xx  0"), Status.MALFORMED, "RDKit cannot read the mol block"),
        (swapped(" O   0", " A   0"), Status.UNSUPPORTED, "atom 7 of the mol block is a query, a list or an R-group"),
        (swapped("  6  7  1  0", "  6  7  8  0"), Status.UNSUPPORTED, "bond 6 of the mol block is a query"),
        (swapped("  6  7  1  0", "  6  7  3  0"), Status.CHEMISTRY, "Explicit valence for atom # 5 C, 6, is greater"),
        (swapped("M  END\n", "M  END\nstray\n"), Status.MALFORMED, "'stray' after the mol block is no property"),
        (swapped(">  <y>", ">  <y>\n1\n\n>  <y>"), Status.MALFORMED, "the property 'y' stands twice in this record"),
        (swapped("$$$$\n", "") + record("C"), Status.MALFORMED, "a second mol block in one record; is a `$$$$` line"),
    ],
)
def test_a_broken_record_is_a_reject_and_costs_no_other(
    tmp_path: Path, bad: str, status: Status, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = rows(table(tmp_path, GOOD + bad + GOOD))
    assert [r.cells[:3] for r in (found[0], found[2])] == [["CCO", "good", "1"]] * 2
    assert [r.reject for r in (found[0], found[2])] == [None, None]
    assert found[1].line == GOOD.count("\n") + 1
    assert found[1].reject is not None
    assert found[1].reject.status == status
    assert reason in found[1].reject.reason
    assert capfd.readouterr().err == ""


def test_the_line_in_a_reason_is_that_of_the_file(tmp_path: Path) -> None:
    text = GOOD + swapped("M  END\n", "M  END\nstray\n")
    reject = rows(table(tmp_path, text))[1].reject
    assert reject is not None
    assert reject.reason.startswith(f"line {text.splitlines().index('stray') + 1}: 'stray'")


def test_a_polymer_is_not_its_repeating_unit(tmp_path: Path) -> None:
    group = "M  STY  1   1 SRU\nM  SAL   1  2   1   2\nM  SMT   1 n\nM  END\n"
    (row,) = rows(table(tmp_path, record("CCO").replace("M  END\n", group)))
    assert row.reject == (Status.UNSUPPORTED, "a polymer (group of type SRU) is no single molecule")


def test_a_file_cut_off_at_any_line_loses_no_record_before_and_trusts_no_half_one(tmp_path: Path) -> None:
    whole = GOOD + record("CC", "second", y=12)
    lines = whole.splitlines(keepends=True)
    for n in range(GOOD.count("\n") + 2, len(lines)):
        found = rows(table(tmp_path, "".join(lines[:n])))
        assert found[0].cells[:3] == ["CCO", "good", "1"]
        if lines[n - 1] == "M  END\n":  # a mol block without properties: nothing shows that more should follow
            continue
        assert found[1].reject is not None, n
        assert "cut off" in found[1].reject.reason


SECOND = record("c1ccccc1O", "second", y=2, note="a").splitlines(keepends=True)
WHOLE = dict(enumerate(SECOND[:-1]))


@given(
    st.sampled_from(sorted(WHOLE)), st.sampled_from(["", "\n", "junk\n", "M  END\n", "M  V30 END CTAB\n", "> <y>\n"])
)
def test_whatever_a_line_of_a_record_becomes_its_neighbours_are_whole(place: int, line: str) -> None:
    text = GOOD + "".join((WHOLE | {place: line}).values()) + SECOND[-1] + GOOD
    with tempfile.TemporaryDirectory() as folder:
        found = rows(table(Path(folder), text))
    assert len(found) == 3
    assert [(r.cells[:3], r.reject) for r in (found[0], found[2])] == [(["CCO", "good", "1"], None)] * 2
    assert found[1].reject or found[1].cells[0] == "Oc1ccccc1"


def test_no_record_and_no_text(tmp_path: Path) -> None:
    for content, message in ((b"", "the file is empty"), (b"\xff\xd8\xff", "is not UTF-8"), (b"C\0", "a NUL byte")):
        (tmp_path / "a.sdf").write_bytes(content)
        with pytest.raises(UserError, match=message):
            Table(tmp_path / "a.sdf")


@pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
def test_a_real_file_of_quantum_chemistry() -> None:
    path = DATA / "qm9/deepchem_qm9_mini.sdf"
    found = rows(Table(path))
    peers = list(Chem.ForwardSDMolSupplier(str(path)))
    assert [r.cells[0] for r in found if not r.reject] == [Chem.MolToSmiles(m) for m in peers if m]
    assert len(found) == len(peers)
