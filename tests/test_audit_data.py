"""The audit on real tables, from the folder named by DRUGML_DATA: what is known to be in them is found."""

import os
from pathlib import Path

import numpy as np
import pytest

from drugml.data.audit.noise import Noise
from drugml.data.audit.pileup import Pile, piles
from drugml.data.molecule import parse
from drugml.data.status import Reject
from drugml.data.table import Table
from drugml.data.targets import numbers
from drugml.runs.check import CheckResult, check_table
from tests.conftest import write_csv
from tests.test_audit import kinds, named

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")


def joined(out: Path, *names: str, target: str) -> CheckResult:
    """Several files of the same columns as one table."""
    tables = [Table(DATA / n) for n in names]
    path = write_csv(out, tables[0].columns, [r.cells for t in tables for r in t])
    return check_table(path, [target], None, None)


def values(name: str, column: str) -> np.ndarray:
    """The labels of a column."""
    table = Table(DATA / name)
    at = table.columns.index(column)
    found = numbers(column, [r.cells[at] for r in table]).exact
    return found[~np.isnan(found)]


def test_the_unmarked_floor_of_hlm_is_found() -> None:
    both = [values(f"biogen_adme/ADME_HLM_{part}.csv", "activity") for part in ("train", "test")]
    (floor,) = piles(np.concatenate(both), 0.01)
    assert floor == Pile("floor", 0.675687, 958, 3)
    assert len(np.concatenate(both)) == 3087
    found = named(check_table(DATA / "biogen_adme/ADME_HLM_test.csv", [], None, None).audit, "floor")
    assert found.text == (
        "'activity': 175 of 618 labels are 0.675687, the lowest value: probably a floor of the assay, so that they are "
        "limits and no measurements"
    )
    assert found.advice == "values there mean '<': mark them as <VALUE, or by data.labels.TARGET.relation=COLUMN"


def test_clipped_clearances_are_found_at_both_ends() -> None:
    found = check_table(DATA / "tdc_admet_group/clearance_microsome_az/train_val.csv.gz", ["Y"], None, None).audit
    assert [(p.side, p.value, p.count) for p in found.piles["Y"] if p.side != "inside"] == [
        ("floor", 3, 210),
        ("ceiling", 150, 71),
    ]
    assert "outlier" not in kinds(found)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("moleculenet/esol.csv", "logSolubility"),
        ("moleculenet/freesolv.csv", "freesolv"),
        ("moleculenet/lipo.csv", "lipo"),
        ("tdc_admet_group/caco2_wang/train_val.csv.gz", "Y"),
        ("tdc_admet_group/solubility_aqsoldb/train_val.csv.gz", "Y"),
        ("tdc_admet_group/ppbr_az/train_val.csv.gz", "Y"),
        ("biogen_adme/ADME_MDR1_ER_train.csv", "activity"),
    ],
)
def test_tables_without_a_limit_have_none(name: str, column: str) -> None:
    assert [p for p in piles(values(name, column), 0.01) if p.side != "inside"] == []


def test_the_pooled_species_of_ppbr_show_as_noise(tmp_path: Path) -> None:
    names = [f"tdc_admet_group/ppbr_az/{n}.csv.gz" for n in ("train_val", "test")]
    found = joined(tmp_path / "ppbr.csv", *names, target="Y").audit
    conflict, duplicates = named(found, "conflicts"), named(found, "duplicates")
    assert conflict.of == 691  # molecules with several labels
    assert "(691 differ at all)" in conflict.text
    assert conflict.count + duplicates.count == 691
    noise = found.noise["Y"]
    assert isinstance(noise, Noise)
    assert noise.molecules == 691
    assert noise.identical == 0
    assert 0.75 < noise.r2 < 0.9  # no model explains more


def test_the_invalid_rows_of_bbbp_are_named_by_line() -> None:
    found = check_table(DATA / "moleculenet/BBBP_raw_2050.csv", [], None, None)
    rejected = named(found.audit, "rejected: sanitize_error")
    assert (rejected.count, rejected.of, found.audit.usable) == (11, 2050, 2039)
    table = {r.where: r.cells for r in Table(DATA / "moleculenet/BBBP_raw_2050.csv")}
    at = Table(DATA / "moleculenet/BBBP_raw_2050.csv").columns.index("smiles")
    assert len(found.record.bad) == 11
    assert all(table[b.where][at] == b.text for b in found.record.bad)
    assert {*found.record.lines} | {b.where for b in found.record.bad} == set(table)


def test_the_classes_of_tox21(tmp_path: Path) -> None:
    """All rows that RDKit rejects, and every twelfth of the others."""
    table = Table(DATA / "moleculenet/tox21.csv.gz")
    at = table.columns.index("smiles")
    rows = [r.cells for i, r in enumerate(table) if i % 12 == 0 or isinstance(parse(r.cells[at], 1000), Reject)]
    found = check_table(write_csv(tmp_path / "tox21.csv", table.columns, rows), [], None, None)
    assert len(found.record.targets) == 12
    assert found.audit.rows == len(rows)
    assert named(found.audit, "rejected: sanitize_error").count == 8
    assert all(found.record.is_class(t) for t in range(12))
    assert {f.target for f in found.audit.findings if f.kind == "missing"} == {*found.record.targets}
    assert f"8 rows cannot be used: sanitize error ({8 / len(rows):.1%})" in found.summary()


def test_columns_of_signs_are_no_targets(tmp_path: Path) -> None:
    """The first rows of a column of a real project may hold little: what is not a target is not read as one."""
    table = Table(DATA / "expansionrx/train_raw.csv.gz")
    rows = [r.cells for r, _ in zip(table, range(600), strict=False)]
    found = check_table(write_csv(tmp_path / "raw.csv", table.columns, rows), [], None, None)
    assert not [t for t in found.record.targets if "modifier" in t]
    assert found.audit.rejected == 0
    assert {"LogD", "HLM CLint", "MLM CLint"} <= {*found.record.targets}
