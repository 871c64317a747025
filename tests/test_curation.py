"""Curation through the commands: raw tables to molecules, bounds and logarithms through training to prediction."""

import csv
import gzip
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from rdkit import Chem
from sklearn import metrics as sk

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.prediction.bundle import load
from drugml.runs.dataset import prepare
from drugml.training.module import Module
from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv

DATA = Path(os.environ.get("DRUGML_DATA", "/nonexistent"))
real = pytest.mark.skipif(not DATA.is_dir(), reason="real data: set DRUGML_DATA to their folder")
CHEMBL = "{column: Standard Value, relation: Standard Relation, unit_column: Standard Units, to: p}"


def run_folder(place: Path) -> Path:
    (config,) = (place / "runs").rglob("config.yaml")
    return config.parent


def test_a_raw_table_becomes_molecules_and_every_row_is_accounted_for(place: Path, cli: Cli) -> None:
    rows = [
        ("CCO", "100", "'='", "nM"),
        ("OCC", "10", "'='", "nM"),  # the same molecule
        ("CCC", "10", "'>'", "uM"),
        ("CCCC", "1", "=", "%"),
        ("junk", "1", "=", "nM"),
        ("CCN", "", "", ""),
        ("CCCl", "1", "=", "nM"),
        ("CCCl", "1", "=", "mM"),  # contradicts
    ]
    table = write_csv(place / "raw.csv", ["smi", "Value", "Rel", "Unit"], rows)
    labels = "data.labels.pKi={column: Value, relation: Rel, unit_column: Unit, to: p}"
    done = cli("data", "curate", table, "--target", "pKi", "--out", "out.csv", labels, "data.replicates.max_sd=1",
               "data.smiles=smi")  # fmt: skip
    assert done.code == 0, done.err
    assert read_csv(place / "out.csv") == [
        {"smiles": "CCO", "inchikey": "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "pKi": "7.5", "pKi_relation": "=", "pKi_n": "2",
         "pKi_sd": "0.7071067811865476", "lines": "2 3"},
        {"smiles": "CCC", "inchikey": "ATUOYWHBWRKTHZ-UHFFFAOYSA-N", "pKi": "5.0", "pKi_relation": "<", "pKi_n": "1",
         "pKi_sd": "", "lines": "4"},
    ]  # fmt: skip
    assert {r["line"]: r["status"] for r in read_csv(place / "out.rejects.csv")} == {
        "5": "bad_unit", "6": "parse_error", "8": "conflicting_replicates", "9": "conflicting_replicates",
    }  # fmt: skip
    numbers = [int(line.split()[0].replace(",", "")) for line in done.out.splitlines()[:-1]]
    assert numbers[0] + sum(n for n in numbers[1:-1]) == numbers[-1]
    assert "raw.csv: 1 labels have replicates that contradict each other; dropped:\n  lines 8, 9: pKi:" in done.err
    failed = cli("data", "curate", table, "--target", "pKi", "--out", "x.csv", labels, "data.replicates.max_sd=1",
                 "data.smiles=smi", "data.replicates.conflicts=fail")  # fmt: skip
    assert failed.code == 2
    assert "mend them, or set data.replicates.conflicts to drop or keep" in failed.err


def test_what_standardisation_changed_is_written_beside_the_run(place: Path, cli: Cli) -> None:
    rows = [(f"{s}.Cl" if i == 3 else s, i) for i, s in enumerate(SMILES)]
    write_csv(place / "t.csv", ["smiles", "y"], rows)
    done = cli("train", "t.csv", "--target", "y", "--model", "mean", "data.standardize=fast")
    assert done.code == 0, done.err
    changed = {r["line"]: r["note"] for r in read_csv(run_folder(place) / "standardized.csv")}
    assert changed["5"] == "stripped: Cl"
    assert f"standardisation changed {len(changed)} rows; see standardized.csv" in done.err


def test_a_label_that_cannot_be_read_costs_no_other_label(place: Path, cli: Cli) -> None:
    rows = [(s, "n.d." if i == 7 else i, "n.d." if i in (7, 9) else -i) for i, s in enumerate(SMILES)]
    write_csv(place / "t.csv", ["smiles", "a", "b"], rows)
    both = ("t.csv", "--target", "a", "--target", "b", "--model", "mean", "--task", "regression")
    done = cli("train", *both, "data.max_rejected=0.05")
    assert done.code == 0, done.err
    assert "t.csv: 1 of 60 rows rejected, see rejects.csv" in done.err
    assert "t.csv: 1 rows lose a label and keep others, see rejects.csv" in done.err
    assert "59 molecules used, 1 rejected" in done.err
    assert [(r["line"], r["reason"]) for r in read_csv(run_folder(place) / "rejects.csv")] == [
        ("9", "target 'a' is not a number: 'n.d.'"),
        ("11", "target 'b' is not a number: 'n.d.'; its other labels are kept"),
    ]
    refused = cli("train", *both)
    assert refused.code == 2
    assert "2 of 60 rows cannot be used (1 of them in part), more than the allowed 1.0%" in refused.err
    checked = cli("data", "check", "t.csv", "--target", "a", "--target", "b")
    assert "bad labels: 1 row with a label that cannot be read beside others that can" in checked.out


def test_relation_columns_are_not_proposed_as_targets(place: Path, cli: Cli) -> None:
    write_csv(place / "t.csv", ["smiles", "y", "sign"], [(s, i * 0.5, "<>"[i % 2]) for i, s in enumerate(SMILES)])
    assert "(columns that could be: y)" in cli("train", "t.csv").err


def test_what_was_curated_trains_with_its_bounds(place: Path, cli: Cli) -> None:
    rows = [(s, len(s) * 0.5, "<" if i % 4 == 0 else "=") for i, s in enumerate(SMILES)]
    write_csv(place / "t.csv", ["smiles", "y", "y_relation"], rows)
    assert cli("data", "curate", "t.csv", "--target", "y", "--out", "c.csv").code == 0
    curated = read_csv(place / "c.csv")
    assert {r["y_relation"] for r in curated} == {"<", "="}
    done = cli("train", "c.csv", "--target", "y", *QUICK)
    assert done.code == 0, done.err
    assert "y: relations (=, <, >) are read from the column beside it" in done.err
    assert "labels are bounds (> or <) and kept as such" in done.err
    tested = read_csv(run_folder(place) / "test_predictions.csv")
    bounded = {r["smiles"] for r in curated if r["y_relation"] == "<"}
    assert {r["smiles"] for r in tested if not r["y"]} == bounded & {r["smiles"] for r in tested}


def test_a_logarithm_is_learned_judged_and_undone(place: Path, cli: Cli) -> None:
    rows = [(s, 10 ** (len(s) * 0.1 + 0.001 * i)) for i, s in enumerate(SMILES)]
    table = write_csv(place / "t.csv", ["smiles", "cl"], rows)
    done = cli("train", table, "--target", "cl", *QUICK, "data.labels.cl={log10: true, unit: mL/min/kg}")
    assert done.code == 0, done.err
    folder = run_folder(place)
    tested = read_csv(folder / "test_predictions.csv")
    y, p = (np.array([float(r[c]) for r in tested]) for c in ("cl", "cl_pred"))
    assert {round(v, 6) for v in y} <= {round(v, 6) for _, v in rows}
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    run = client.get_run(folder.name)
    expected = sk.root_mean_squared_error(np.log10(y), np.log10(p))
    assert run.data.metrics["test/rmse"] == pytest.approx(expected, abs=1e-6)
    predictor = load(folder / "bundle")
    assert predictor.spec.log10 == ("cl",)
    assert predictor.spec.units == {"cl": "mL/min/kg"}
    values = predictor.predict([r["smiles"] for r in tested]).values[:, 0]
    np.testing.assert_allclose(values, p, rtol=1e-5)
    plain = cli("train", table, "--target", "cl", *QUICK, "train.epochs=1", "tracking.run=plain")
    assert plain.code == 0
    (other,) = client.search_runs([run.info.experiment_id], "attributes.run_name = 'plain'")
    assert other.data.tags["drugml.metrics_hash"] != run.data.tags["drugml.metrics_hash"]


def test_a_threshold_trains_a_classifier(place: Path, cli: Cli) -> None:
    table = write_csv(place / "t.csv", ["smiles", "y"], [(s, len(s)) for s in SMILES])
    done = cli("train", table, "--target", "y", *QUICK, "data.labels.y={threshold: 8, grey: 1}")
    assert done.code == 0, done.err
    assert "task: classification, by the values of y" in done.err
    assert "y: predicted is the probability of '>= 8'" in done.err
    assert "values say nothing about the threshold and are no label" in done.err
    assert load(run_folder(place) / "bundle").spec.positive == {"y": ">= 8"}
    wrong = cli("train", table, "--target", "y", "--task", "regression", "data.labels.y.threshold=8")
    assert wrong.code == 2
    assert "data.labels: a threshold makes classes of y, but task is regression" in wrong.err


def test_replicates_in_two_folds_of_a_column_are_a_mistake(place: Path, cli: Cli) -> None:
    rows = [(s, i, "train" if i < 50 else "test") for i, s in enumerate(SMILES)]
    rows.append((SMILES[0], 5, "test"))
    write_csv(place / "t.csv", ["smiles", "y", "split"], rows)
    merge = ("data.split=predefined", "data.replicates=merge")
    done = cli("train", "t.csv", "--target", "y", "--model", "mean", *merge)
    assert done.code == 2
    assert "lines 2, 62 are one molecule, but their split column says 'test' and 'train'" in done.err


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.labels.z.unit=nM", "data.labels names 'z', which is no target; choose from: y"),
        ("data.labels.y.unti=nM", "unknown key `data.labels.y.unti`; did you mean 'unit'?"),
        ("data.labels.y.relation=sign", "t.csv: no relation column 'sign'"),
        ("data.labels.y={unit: nM, to: nn}", "target 'y': to = 'nn' is no unit"),
        ("data.labels.y.unit=nn", "data.labels.y.unit = 'nn' is no unit"),
        ("data.replicates=average", "there is no `data.replicates` called 'average'; did you mean 'merge'?"),
    ],
)
def test_a_wrong_setting_is_named(place: Path, cli: Cli, override: str, message: str) -> None:
    write_csv(place / "t.csv", ["smiles", "y"], [(s, i) for i, s in enumerate(SMILES)])
    done = cli("train", "t.csv", "--target", "y", override)
    assert done.code == 2
    assert message in done.err


@real
@pytest.mark.parametrize(("kind", "common"), [("Ki", 1700), ("IC50", 1850)])
def test_a_chembl_export_curates_to_the_values_that_others_made_of_it(
    place: Path, cli: Cli, kind: str, common: int
) -> None:
    """AMPL's curation of the same file: the mean over replicates, salts stripped."""
    raw = DATA / f"chembl_raw/SLC6A3_{kind}_raw.csv.gz"
    done = cli("data", "curate", raw, "--target", f"p{kind}", "--out", "ours.csv", f"data.labels.p{kind}={CHEMBL}",
               "data.replicates.by=mean")  # fmt: skip
    assert done.code == 0, done.err
    ours = {r["inchikey"]: float(r[f"p{kind}"]) for r in read_csv(place / "ours.csv")}
    with gzip.open(DATA / f"chembl_raw/SLC6A3_{kind}_curated.csv.gz", "rt") as file:
        theirs = {_key(r["base_rdkit_smiles"]): float(r[f"avg_p{kind}"]) for r in csv.DictReader(file)}
    both = ours.keys() & theirs.keys()
    assert len(both) > common
    same = [abs(ours[k] - theirs[k]) < 0.01 for k in both]
    assert np.mean(same) > 0.98  # they average bounds along with values


def _key(smiles: str) -> str:
    return str(Chem.MolToInchiKey(Chem.MolFromSmiles(smiles)))


@real
def test_modifiers_beside_endpoints_are_read_as_bounds(place: Path, cli: Cli) -> None:
    with gzip.open(DATA / "expansionrx/train_raw.csv.gz", "rt") as file:
        header, *rows = islice(csv.reader(file), 1500)
    table = write_csv(place / "raw.csv", header, rows)
    options = [o for t in ("KSOL", "HLM CLint") for o in ("--target", t)]
    done = cli("train", table, *options, *QUICK, "train.epochs=1", "train.batch_size=512")
    assert done.code == 0, done.err
    assert "KSOL: relations (=, <, >) are read from the column beside it" in done.err
    assert "labels are bounds (> or <) and kept as such" in done.err


def test_the_network_learns_from_bounds_and_weights_and_not_from_bare_numbers(tmp_path: Path) -> None:
    rows = [(s, f"{'><'[i % 2] if i % 3 == 0 else ''}{i + 1}", 1 + i % 2) for i, s in enumerate(SMILES)]
    table = write_csv(tmp_path / "t.csv", ["smiles", "y", "w"], rows)
    data = {"path": str(table), "targets": ["y"], "labels": {"y": {"weight": "w"}}, "split": {"kind": "random"}}
    dataset = prepare(check(RunSpec, {"data": data}, {(): "test"}))
    low, high, weight = Module(dataset.config, dataset.training).labels
    assert low.isinf().sum() == high.isinf().sum() == 10
    exact = (low == high).squeeze(1)
    assert exact.sum() == 40
    scaling = Module(dataset.config, dataset.training).scaling
    natural = low.squeeze(1).double() * scaling.scale[0] + scaling.shift[0]
    np.testing.assert_allclose(natural[exact], [i + 1 for i in range(60) if i % 3], rtol=1e-5)
    np.testing.assert_array_equal(weight.squeeze(1), [1 + i % 2 for i in range(60)])
