"""The commands on SDF, Parquet and several files: the same results as from csv."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from rdkit import Chem

from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv
from tests.test_predict import make_bundle
from tests.test_sdf import record

SIZE = [round(len(s) * 0.5 + 0.01 * i, 4) for i, s in enumerate(SMILES)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"), "forest")


def test_an_sdf_is_predicted_record_by_record(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    broken = record("CCO", "bad").replace("M  END\n", "")
    (tmp_path / "in.sdf").write_text(
        record(SMILES[0], "first", batch="007") + broken + record(SMILES[1], "last", note="a\nb")
    )
    for out in ("out.csv", "out.parquet"):
        done = cli("predict", bundle, tmp_path / "in.sdf", "--out", tmp_path / out)
        assert done.code == 0, done.err
    assert "SMILES column 'smiles', made from the mol blocks" in done.err
    assert f"line {record(SMILES[0], 'first', batch='007').count(chr(10)) + 1}: line" in done.out
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["smiles", "name", "batch", "note", "size", "rank", "status", "reason"]
    assert [r["status"] for r in rows] == ["ok", "malformed_row", "ok"]
    assert [(r["name"], r["batch"], r["note"]) for r in rows] == [
        ("first", "007", ""),
        ("bad", "", ""),
        ("last", "", "a\nb"),
    ]
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [r["smiles"] for r in table] == [r["smiles"] for r in rows]
    source = write_csv(tmp_path / "in.csv", ["smiles"], [[SMILES[0]], [SMILES[1]]])
    assert cli("predict", bundle, source, "--out", tmp_path / "csv.csv").code == 0
    assert [r["size"] for r in read_csv(tmp_path / "csv.csv")] == [rows[0]["size"], rows[2]["size"]]


def test_parquet_and_inchi_are_predicted(tmp_path: Path, bundle: Path, cli: Cli) -> None:
    table = pa.table({"id": [1, 2], "InChI": ["InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", None], "bits": [[1], [2]]})
    pq.write_table(table, tmp_path / "in.parquet")
    done = cli("predict", bundle, tmp_path / "in.parquet", "--out", tmp_path / "out.csv")
    assert done.code == 0, done.err
    assert "in.parquet: InChI column 'InChI', found by its name" in done.err
    assert "columns without a text form are left out: 'bits'" in done.err
    rows = read_csv(tmp_path / "out.csv")
    assert [(r["id"], r["status"]) for r in rows] == [("1", "ok"), ("2", "empty")]
    assert "bits" not in rows[0]


def test_every_format_trains_on_the_same_data(place: Path, cli: Cli) -> None:
    write_csv(place / "t.csv", ["smiles", "size"], list(zip(SMILES, SIZE, strict=True)))
    pq.write_table(pa.table({"smiles": SMILES, "size": SIZE}), place / "t.parquet")
    (place / "t.sdf").write_text("".join(record(s, size=y) for s, y in zip(SMILES, SIZE, strict=True)))
    (place / "parts").mkdir()
    for name, part in (("1.csv", slice(0, 30)), ("2.csv", slice(30, 60))):
        write_csv(place / "parts" / name, ["smiles", "size"], list(zip(SMILES[part], SIZE[part], strict=True)))
    options = ("--target", "size", "--model", "mean", "data.split=random")
    for table in ("t.csv", "t.parquet", "t.sdf", "parts/*.csv"):
        done = cli("train", table, *options)
        assert done.code == 0, done.err
        assert "60 rows, 60 molecules used; train 48, val 6, test 6" in done.err + done.out
    folds = [[(r["inchikey"], r["fold"]) for r in read_csv(f)] for f in sorted(place.glob("runs/*/*/split.csv"))]
    assert len(folds) == 4
    assert folds == [folds[0]] * 4
    lines = [r["line"] for r in read_csv(next(place.glob("runs/parts*/*/split.csv")))]
    assert lines[0] == "1.csv:2"
    assert lines[-1] == "2.csv:31"


@pytest.mark.parametrize("split", ["scaffold", "{kind: scaffold, framework: generic}", "cluster", "random"])
def test_a_table_of_inchi_trains_with_report_and_cards(place: Path, cli: Cli, split: str) -> None:
    rows = [(Chem.MolToInchi(Chem.MolFromSmiles(s)), y) for s, y in zip(SMILES, SIZE, strict=True)]
    write_csv(place / "t.csv", ["InChI", "size"], rows)
    done = cli("train", "t.csv", "--target", "size", "--model", "knn", f"data.split={split}")
    assert done.code == 0, done.err
    assert "could not be made" not in done.err
    folder = next(place.glob("runs/t/*/model_card.md")).parent
    assert "C in " in (folder / "model_card.md").read_text()
    assert "<svg" in (folder / "report.html").read_text()


def test_init_writes_a_config_for_an_sdf_that_trains(place: Path, cli: Cli) -> None:
    (place / "t.sdf").write_text("".join(record(s, f"m{i}", size=SIZE[i]) for i, s in enumerate(SMILES)))
    done = cli("init", "t.sdf", "--out", "t.yaml")
    assert done.code == 0, done.err
    config = yaml.safe_load((place / "t.yaml").read_text())
    assert config["data"]["smiles"] == "smiles"
    assert config["data"]["targets"] == ["size"]
    assert cli("train", "t.yaml", *QUICK).code == 0


def test_rejects_of_several_files_say_which(place: Path, cli: Cli) -> None:
    for name, part in (("1.csv", slice(0, 30)), ("2.csv", slice(30, 60))):
        rows = list(zip(SMILES[part], SIZE[part], strict=True))
        write_csv(place / name, ["smiles", "size"], [("junk", 1), *rows])
    refused = cli("train", "[12].csv", "--target", "size")
    assert refused.code == 2
    assert "  line 1.csv:2: not a SMILES: 'junk'\n  line 2.csv:2: not a SMILES: 'junk'" in refused.err
    done = cli("train", "[12].csv", "--target", "size", "--model", "mean", "data.split=random", "data.max_rejected=0.1")
    assert done.code == 0, done.err
    with next(place.glob("runs/*/*/rejects.csv")).open(newline="") as file:
        assert [r[0] for r in csv.reader(file)] == ["line", "1.csv:2", "2.csv:2"]
