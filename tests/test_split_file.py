"""Split files: written, read again, matched to the molecules, refused where they belong to other data."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import rdkit

import drugml
from drugml.config.splits import FileSplit, RandomSplit, ScaffoldSplit, TimeSplit
from drugml.data.splits import Molecules, folds, split
from drugml.data.splits.file import write
from drugml.errors import UserError
from tests.conftest import SMILES, read_csv, write_csv
from tests.test_splitters import taken

ALL = taken(list(range(60)))


def test_a_file_gives_back_the_plan_that_wrote_it(tmp_path: Path) -> None:
    plan = split(ScaffoldSplit(seed=3), ALL)
    write(tmp_path / "s.csv", ScaffoldSplit(seed=3), [plan], {})
    assert split(FileSplit(path=str(tmp_path / "s.csv")), ALL).hash == plan.hash
    assert read_csv(tmp_path / "s.csv")[5] == dict(zip(("line", "inchikey", "fold"), plan.rows()[5], strict=True))
    about = json.loads((tmp_path / "s.csv.json").read_text())
    assert about["method"] == "scaffold"
    assert about["seed"] == 3
    assert about["parameters"] == {
        "sizes": [0.8, 0.1, 0.1], "order": "balanced", "framework": "murcko", "acyclic": "apart",
    }  # fmt: skip
    assert about["versions"] == {"drugml": drugml.__version__, "rdkit": rdkit.__version__}
    assert about["hash"] == plan.hash
    assert about["plans"] == [{"repeat": 1, "number": 1, **plan.sizes, "hash": plan.hash}]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        spec = RandomSplit(seed=seed)
        write(tmp_path / name, spec, folds(spec, ALL, 3, 2), {})
    a, b, c = ((tmp_path / n).read_bytes() + (tmp_path / f"{n}.json").read_bytes() for n in "abc")
    assert a == b != c


def test_a_file_of_a_cross_validation_gives_every_plan(tmp_path: Path) -> None:
    path = tmp_path / "cv.csv"
    plans = folds(RandomSplit(), ALL, 3, 2)
    write(path, RandomSplit(), plans, {})
    again = folds(FileSplit(path=str(path)), ALL, 3, 2)
    assert [p.hash for p in again] == [p.hash for p in plans]
    one = split(FileSplit(path=str(path), repeat=2, number=3), ALL)
    assert one.hash == plans[5].hash
    with pytest.raises(UserError) as error:
        split(FileSplit(path=str(path)), ALL)
    assert str(error.value) == (
        f"{path}: holds 6 splits, repeats 1 to 2 of folds 1 to 3; say which one with data.split.repeat and "
        "data.split.number"
    )
    with pytest.raises(UserError, match=r"there is no repeat 3 with fold 1 with data.split.repeat and"):
        split(FileSplit(path=str(path), repeat=3, number=1), ALL)
    with pytest.raises(UserError, match=r"holds 6 splits, not the 1 × 5 \(repeats × folds\) asked for"):
        folds(FileSplit(path=str(path)), ALL, 5, 1)


def test_unused_molecules_stay_unused(tmp_path: Path) -> None:
    spec = TimeSplit(column="y")
    molecules = ALL._replace(column=[str(i) for i in range(60)])
    plans = folds(spec, molecules, 4, 1)
    write(tmp_path / "t.csv", spec, plans, {})
    again = folds(FileSplit(path=str(tmp_path / "t.csv")), ALL, 4, 1)
    np.testing.assert_array_equal(again[0].fold, plans[0].fold)
    assert plans[0].leaks() == []


def test_a_file_outlives_a_sorted_table_and_missing_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan = split(RandomSplit(), ALL)
    write(tmp_path / "s.csv", RandomSplit(), [plan], {})
    moved = np.random.default_rng(0).permutation(60)[:50]
    with caplog.at_level(logging.INFO, "drugml"):
        again = split(FileSplit(path=str(tmp_path / "s.csv")), taken(moved.tolist()))
    np.testing.assert_array_equal(again.fold, plan.fold[moved])
    assert "s.csv: 10 of its rows are not used, the data have no such molecules" in caplog.text


def test_a_file_made_for_other_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write(path, RandomSplit(), [split(RandomSplit(), taken(list(range(40))))], {})
    with pytest.raises(UserError) as error:
        split(FileSplit(path=str(path)), ALL)
    key = ALL.inchikeys[40].decode()
    assert str(error.value) == (
        f"{path}: made for other data: 20 of 60 molecules are not in it, for example line 42, {SMILES[40]} ({key}); "
        "split the table anew"
    )


def test_lines_alone_are_enough(tmp_path: Path) -> None:
    rows = [(n, ("train", "valid", "Test")[int(n) % 3]) for n in ALL.lines]
    path = write_csv(tmp_path / "s.csv", ["line", "fold"], rows)
    assert split(FileSplit(path=str(path)), ALL).fold.tolist() == [int(n) % 3 for n in ALL.lines]


def test_the_line_decides_between_folds_of_one_molecule(tmp_path: Path) -> None:
    molecules: Molecules = taken([0, 0, 1, 2, 3])
    names = ["train", "test", "train", "val", "test"]
    rows = [(n, k.decode(), f) for n, k, f in zip(molecules.lines, molecules.inchikeys, names, strict=True)]
    path = write_csv(tmp_path / "s.csv", ["line", "inchikey", "fold"], rows)
    with pytest.raises(UserError, match=r"1 molecules stand in more than one fold.* Write the file anew, or accept"):
        split(FileSplit(path=str(path)), molecules)
    assert split(FileSplit(path=str(path), leaks="warn"), molecules).fold.tolist() == [0, 2, 0, 1, 2]


def test_a_file_that_was_changed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.csv"
    write(path, RandomSplit(), [split(RandomSplit(), ALL)], {})
    path.write_text(path.read_text().replace("train", "test", 1))
    with caplog.at_level(logging.WARNING, "drugml"):
        split(FileSplit(path=str(path)), ALL)
    assert "changed after it was written; s.csv.json describes another split" in caplog.text


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            ["smiles", "fold"],
            [("C", "train")],
            ": no split file: expected the column fold, and inchikey or line or both; found smiles, fold",
        ),
        (["line", "fold"], [], ": a header but no rows; expected one row per molecule"),
        (["line", "fold"], [(2, "holdout")], ":2: 'holdout' is no fold; expected train, val, test or unused"),
        (["line", "fold"], [(2, "val"), (2, "test")], ":3: line 2 has another fold in a row above; each needs one"),
        (["inchikey", "fold"], [("A", "val"), ("A", "test")], ":3: A has another fold in a row above; each needs one"),
        (["line", "fold", "repeat"], [(2, "val", "x")], ":2: column 'repeat': 'x'; expected a number from 1"),
        (["line", "fold"], [(2, "val", 3)], ":2: 3 fields, expected 2: '2,val,3'"),
    ],
)
def test_what_is_no_split_file_is_explained(
    tmp_path: Path, header: list[str], rows: list[tuple[object, ...]], message: str
) -> None:
    path = write_csv(tmp_path / "s.csv", header, rows)
    with pytest.raises(UserError) as error:
        split(FileSplit(path=str(path)), ALL)
    assert str(error.value) == f"{path}{message}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.csv: no such file"):
        split(FileSplit(path=str(tmp_path / "nothing.csv")), ALL)
