"""A search never reads the test fold."""

from pathlib import Path

import numpy as np

from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.runs.dataset import prepare
from drugml.runs.tune.data import Tables, without_test
from tests.conftest import Cli, read_csv
from tests.searches import SEARCH
from tests.test_tune import searched


def test_trials_never_see_a_label_of_the_test_fold(files: Path, cli: Cli, small: Path) -> None:
    (files / "search.yaml").write_text(SEARCH.replace("trials: 6", "trials: 4"))
    assert cli("tune", "run.yaml", "search.yaml").code == 0
    _, _, trials, folder = searched(files)
    values = [r["val/rmse"] for r in read_csv(folder / "trials.csv")]
    curves = [p.read_text() for p in sorted(folder.glob("t*/metrics.csv"))]
    assert curves
    test = {int(r["line"]) for r in read_csv(folder / "split.csv") if r["fold"] == "test"}
    assert len(test) == 6
    lines = small.read_text().splitlines()
    poisoned = [
        ",".join([*row.split(",")[:1], "1e6", *row.split(",")[2:]]) if n in test else row
        for n, row in enumerate(lines, 1)
    ]
    small.write_text("\n".join(poisoned) + "\n")
    again = cli("tune", "run.yaml", "search.yaml", "--study", "poisoned")
    assert again.code == 0, again.err
    _, whole, other, folder = searched(files, "poisoned")
    assert [r["val/rmse"] for r in read_csv(folder / "trials.csv")] == values
    assert [p.read_text() for p in sorted(folder.glob("t*/metrics.csv"))] == curves
    assert whole.data.tags["drugml.data_hash"] != trials[0].data.tags["drugml.data_hash"]
    for mine, theirs in zip(trials, other, strict=True):
        drop = ("train_seconds",)
        assert {k: v for k, v in mine.data.metrics.items() if k not in drop} == {
            k: v for k, v in theirs.data.metrics.items() if k not in drop
        }


def test_what_a_trial_learns_from_has_no_row_of_the_test_fold(files: Path) -> None:
    dataset = prepare(load(RunSpec, Path("run.yaml")))
    whole, cut = dataset.training, Tables(dataset).data(dataset.config)
    assert len(whole.plan.indices("test")) == 6
    assert len(cut.plan.indices("test")) == 0
    assert len(cut.store) == len(cut.low) == len(cut.plan.molecules.smiles) == 54
    for fold in ("train", "val"):
        np.testing.assert_array_equal(cut.fold(fold)[1], whole.fold(fold)[1])
        keys = [np.asarray(d.store.molecule["inchikey"])[d.plan.indices(fold)] for d in (whole, cut)]
        np.testing.assert_array_equal(*keys)
    hidden = set(np.asarray(whole.store.molecule["inchikey"])[whole.plan.indices("test")].tolist())
    assert not hidden & set(np.asarray(without_test(whole).store.molecule["inchikey"]).tolist())
