"""The audit on real tables, from the folder named by DRUGML_DATA: what is known to be in them is found."""

import os
from pathlib import Path

import numpy as np
import pytest

from drugml.data.audit.noise import Noise
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


def test_the_unmarked_floor_of_hlm_is_found(tmp_path: Path) -> None:
    found = joined(
        tmp_path / "hlm.csv", "biogen_adme/ADME_HLM_train.csv", "biogen_adme/ADME_HLM_test.csv", target="activity"
    ).audit
    floor = named(found, "floor")
    assert (floor.count, floor.of) == (958, 3087)
    assert floor.text.startswith(
        "'activity': 958 of 3,087 labels are 0.675687, the lowest value but for 3 below it: probably a floor of the "
    )
    assert floor.advice == "values there mean '<': mark them as <VALUE, or by a relation column"


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
    from drugml.data.audit.pileup import piles

    table = Table(DATA / name)
    at = table.columns.index(column)
    values = numbers(column, [r.cells[at] for r in table]).values
    assert [p for p in piles(values[~np.isnan(values)], 0.01) if p.side != "inside"] == []


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
    table = {r.line: r.cells for r in Table(DATA / "moleculenet/BBBP_raw_2050.csv")}
    at = Table(DATA / "moleculenet/BBBP_raw_2050.csv").columns.index("smiles")
    assert len(found.record.bad) == 11
    assert all(table[b.line][at] == b.text for b in found.record.bad)
    assert {*found.record.lines} | {b.line for b in found.record.bad} == set(table)


def test_the_classes_of_tox21() -> None:
    found = check_table(DATA / "moleculenet/tox21.csv.gz", [], None, None)
    assert len(found.record.targets) == 12
    assert found.audit.rows == 7831
    assert named(found.audit, "rejected: sanitize_error").count == 8
    assert all(found.record.is_class(t) for t in range(12))
    assert {f.target for f in found.audit.findings if f.kind == "missing"} == {*found.record.targets}
    assert "rejected: sanitize error: 8 rows cannot be used: sanitize error (0.1%)" in found.summary()
