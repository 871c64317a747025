"""Real tables, read from the folder named by DRUGML_DATA: what is known to be wrong in them is found, nothing else."""

import os
from pathlib import Path

import pytest

from drugml.config.featurizers import ChempropV2Spec
from drugml.config.standardize import NoStandardization
from drugml.data.columns import find_smiles
from drugml.data.table import Table
from drugml.featurizers.pack import pack
from tests.conftest import QUICK, Cli, read_csv, write_csv

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")


@pytest.mark.parametrize(
    ("name", "column", "rows", "statuses"),
    [
        ("moleculenet/BBBP_raw_2050.csv", "smiles", 2050, ["sanitize_error"] * 11),
        ("moleculenet/tox21.csv.gz", "smiles", 7831, ["sanitize_error"] * 8),
        ("moleculenet/bace.csv", "mol", 1513, []),
        ("moleculenet/clintox.csv", "smiles", 1478, ["unsupported_atom"]),
        ("tdc_admet_group/solubility_aqsoldb/test.csv.gz", "Drug", 1997, ["sanitize_error"] * 2),
        ("chembl_raw/SLC6A3_Ki_raw.csv.gz", "Smiles", 3106, ["empty"] * 41),
    ],
)
def test_the_known_faults_are_found_and_no_other_row_is_lost(
    name: str, column: str, rows: int, statuses: list[str]
) -> None:
    table = Table(DATA / name)
    at, _ = find_smiles(table, None)
    assert table.columns[at] == column
    smiles = [r.cells[at] for r in table]
    packed = pack(smiles, ChempropV2Spec(), standardize=NoStandardization(), max_atoms=1000, workers=2)
    assert packed.store is not None
    assert len(smiles) == rows
    assert [r.status for r in packed.rejects.values()] == statuses
    assert len(packed.store) + len(packed.rejects) == rows


def test_a_sparse_multi_task_table_trains_and_predicts(place: Path, cli: Cli) -> None:
    """Tox21: twelve assays with gaps, eight molecules that RDKit rejects."""
    targets = ["NR-AR", "NR-AhR", "SR-p53"]
    options = [o for t in targets for o in ("--target", t)]
    table = DATA / "moleculenet/tox21.csv.gz"
    done = cli("train", table, *options, *QUICK, "train.epochs=1", "train.batch_size=512")
    assert done.code == 0, done.err
    assert "tox21.csv.gz: 8 of 7,831 rows rejected, see rejects.csv" in done.err
    assert "NR-AR: predicted is the probability of '1' (4% of the labels)" in done.err
    rows = [(r.cells[Table(table).columns.index("smiles")],) for r, _ in zip(Table(table), range(300), strict=False)]
    few = write_csv(place / "few.csv", ["smiles"], rows)
    assert cli("predict", "models:/tox21-NR-AR-NR-AhR-SR-p53@candidate", few, "--out", "out.csv").code == 0
    out = read_csv(place / "out.csv")
    assert [r["smiles"] for r in out] == [r[0] for r in rows]
    assert all(0 <= float(r[t]) <= 1 for r in out for t in targets if r["status"] == "ok")
