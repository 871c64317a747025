"""`data split` as a function: a table in, folds and what they let through out, every row accounted for."""

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drugml.config.base import Spec
from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.config.splits import ClusterSplit, FileSplit, RandomSplit, ScaffoldSplit, StratifiedSplit, TimeSplit
from drugml.data.splits import SplitPlan
from drugml.data.table import Table
from drugml.errors import UserError
from drugml.runs.dataset import prepare
from drugml.runs.split import SplitResult, split_table
from tests.conftest import SMILES, read_csv, write_csv

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")


def run(path: Path, spec: Spec, out: Path, target: str = "size", k: int | None = None, repeats: int = 1) -> SplitResult:
    data = {"path": str(path), "targets": [target], "max_rejected": 1.0, "split": spec.model_dump()}
    return split_table(check(RunSpec, {"data": data}, {(): "test"}), out, k=k, repeats=repeats)


def test_a_table_is_split_and_rejected_rows_are_said(tmp_path: Path) -> None:
    smiles = [*SMILES, "C1CC", "not", "CCO,CC"]
    table = write_csv(tmp_path / "t.csv", ["smiles", "y"], [(s, i) for i, s in enumerate(smiles)])
    table.write_text(table.read_text().replace('"CCO,CC"', "CCO,CC"))
    result = run(table, RandomSplit(), tmp_path / "s.csv", "y")
    rows = read_csv(tmp_path / "s.csv")
    assert len(rows) == 60
    assert [int(r["line"]) for r in rows] == list(range(2, 62))
    about = json.loads((tmp_path / "s.csv.json").read_text())
    assert [r["line"] for r in about["rejected"]] == ["62", "63", "64"]
    assert about["rejected"][2] == {
        "line": "64", "status": "malformed_row", "reason": "3 fields, expected 2: 'CCO,CC,62'",
    }  # fmt: skip
    assert about["leaks"]["sizes"] == {"train": 48, "val": 6, "test": 6}
    lines = result.summary().splitlines()
    assert lines[0] == "63 rows, 60 molecules split, 3 rejected"
    assert lines[1].startswith("  line 62: ")
    assert lines[4] == "molecules           train 48, val 6, test 6"
    assert lines[-1] == f"written             {tmp_path}/s.csv and s.csv.json, hash {result.hash[:12]}"


def test_a_cross_validation_is_written_as_one_file(tmp_path: Path, small: Path) -> None:
    result = run(small, StratifiedSplit(), tmp_path / "s.csv", "ring", k=5, repeats=2)
    rows = read_csv(tmp_path / "s.csv")
    assert len(rows) == 60 * 10
    assert {(r["repeat"], r["number"]) for r in rows} == {(str(r), str(n)) for r in (1, 2) for n in range(1, 6)}
    assert "5 folds, 2 repeats; the first split:" in result.summary()


def test_training_takes_the_file_and_any_other_method(tmp_path: Path, small: Path) -> None:
    def prepared(section: dict[str, object]) -> SplitPlan:
        data = {"path": str(small), "targets": ["size"], "split": section}
        return prepare(check(RunSpec, {"data": data}, {(): "test"})).training.plan

    out = tmp_path / "given.csv"
    result = run(small, ScaffoldSplit(seed=4), out)
    assert prepared({"kind": "file", "path": str(out)}).hash == result.hash
    assert prepared({"kind": "scaffold", "seed": 4}).hash == result.hash
    assert prepared({"kind": "time", "column": "size"}).sizes == {"train": 48, "val": 6, "test": 6}
    assert prepared({"kind": "stratified"}).leaks() == []


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (RandomSplit(), {"target": "sizes"}, "no target column 'sizes'; did you mean 'size'?"),
        (TimeSplit(column="date"), {}, "no split column 'date'; choose from: smiles, size, ring"),
        (RandomSplit(), {"k": 1}, "cross-validation needs at least 2 folds and 1 repeat, found 1 folds and 1 repeats"),
        (RandomSplit(), {"k": 61}, "split 'random': fold 61 of 61 has no molecule for test (train "),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, small: Path, spec: Spec, options: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        run(small, spec, tmp_path / "s.csv", **options)
    assert message in str(error.value)
    assert not (tmp_path / "s.csv").exists()


def test_the_table_is_not_overwritten(tmp_path: Path, small: Path) -> None:
    before = small.read_bytes()
    with pytest.raises(UserError, match="is the table itself; name another file with --out"):
        run(small, RandomSplit(), small)
    with pytest.raises(UserError, match="there is no folder"):
        run(small, RandomSplit(), tmp_path / "no" / "s.csv")
    assert small.read_bytes() == before


@real
def test_registration_numbers_are_a_time(tmp_path: Path) -> None:
    """ExpansionRx: names count up with registration."""
    raw = islice(Table(DATA / "expansionrx/train_raw.csv.gz"), 1000)
    rows = [(r.cells[0], r.cells[1], i) for i, r in enumerate(raw)]
    table = write_csv(tmp_path / "t.csv", ["Molecule Name", "SMILES", "size"], rows)
    result = run(table, TimeSplit(column="Molecule Name"), tmp_path / "s.csv")
    assert len(result.plans[0].fold) == 1000
    assert result.leaks.identical == ()
    plan = result.plans[0]
    numbers = np.array([int(name[2:]) for name, *_ in rows])
    assert numbers[plan.indices("train")].max() < numbers[plan.indices("test")].min()
    assert run(table, FileSplit(path=str(tmp_path / "s.csv")), tmp_path / "again.csv").hash == result.hash


@real
def test_clusters_are_farther_apart_than_chance(tmp_path: Path) -> None:
    table = DATA / "moleculenet/bace.csv"
    chance = run(table, RandomSplit(), tmp_path / "r.csv", "Class")
    cluster = run(table, ClusterSplit(), tmp_path / "c.csv", "Class")
    assert cluster.leaks.nearness[1].median < chance.leaks.nearness[1].median
    assert cluster.leaks.nearness[1].near_copies < chance.leaks.nearness[1].near_copies
