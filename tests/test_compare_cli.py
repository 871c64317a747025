"""`drugml compare` on real runs: verdicts, files, tags, and refusals that name the difference."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import QUICK, SMILES, Cli, Output, write_csv

SPLIT = ("data.split=random", "--folds", 5, "--repeats", 2, "--jobs", 1)
FEW = ("--folds", 2, "--repeats", 1, "--jobs", 1)
TREES = ("--model", "forest", "model.trees=10")


def run_of(output: Output) -> str:
    assert output.code == 0, output.err
    return output.out.split("run       ")[1].split()[0]


def table(folder: Path) -> Path:
    rows = [(s, round(len(s) * 0.5 + 0.01 * i, 4)) for i, s in enumerate(SMILES)]
    return write_csv(folder / "small.csv", ["smiles", "size"], rows)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    """Cross-validations of a forest and of the mean, on the same folds."""
    from drugml.cli.main import app

    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for model in (TREES, ("--model", "mean")):
            arguments = ("cv", table(folder), "--target", "size", *model, *SPLIT)
            app([*map(str, arguments)], standalone_mode=False)
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database of its own in which both are; their files are shared."""
    shutil.copy(trained / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pair(place: Path) -> tuple[str, str]:
    """Their ids, the forest's first."""
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    experiment = client.get_experiment_by_name("small").experiment_id
    whole = client.search_runs([experiment], "tags.`drugml.kind` = 'cv'", order_by=["attributes.start_time"])
    first, second = (r.info.run_id for r in whole)
    return first, second


def test_models_on_the_same_folds_are_compared_and_the_verdict_is_kept(
    place: Path, cli: Cli, pair: tuple[str, str]
) -> None:
    done = cli("compare", "--experiment", "small", "--metric", "rmse", "--metric", "mae")
    assert done.code == 0, done.err
    assert "rmse: forest cv has the best rmse; mean cv is worse" in done.out
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    run = client.get_run(run_of(done))
    assert run.info.status == "FINISHED"
    assert run.data.tags["drugml.kind"] == "comparison"
    assert run.data.tags["drugml.compared"] == ",".join(pair)
    assert "forest cv has the best rmse; mean cv is worse." in run.data.tags["mlflow.note.content"]
    files = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert files == {"comparison.html", "comparison.json", "pairs.csv", "intervals.png", "pairs.png"}
    tags = [client.get_run(r).data.tags["drugml.verdict"] for r in pair]
    assert tags == ["best of 2 by rmse", "worse beside forest cv, 2. of 2 by rmse"]
    result = json.loads((place / "runs/small" / run.info.run_id / "comparison.json").read_text())
    assert result["runs"] == {"forest cv": pair[0], "mean cv": pair[1]}
    assert result["metrics"][0]["pairs"][0]["folds"] == 10
    page = (place / "runs/small" / run.info.run_id / "comparison.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_margin_makes_what_is_close_equivalent(place: Path, cli: Cli, pair: tuple[str, str]) -> None:
    done = cli("compare", *pair, "--margin", 100)
    assert "mean cv is equivalent to it within the margin" in done.out
    assert "expected 0 or more" in cli("compare", *pair, "--margin", -1).err


def test_single_runs_and_few_folds_are_compared_by_molecules(place: Path, small: Path, cli: Cli) -> None:
    options = (small, "--target", "size", *QUICK[-1:])
    runs = [run_of(cli("train", *options, *m)) for m in (TREES, ("--model", "mean"))]
    done = cli("compare", *runs)
    assert done.code == 0, done.err
    assert "by paired bootstrap over 6 test molecules" in done.out
    again = cli("compare", "models:/small-size/1", place / "runs/small" / runs[1])
    assert again.out.split("report")[0] == done.out.split("report")[0]
    few = [run_of(cli("cv", *options, *m, *FEW)) for m in (TREES, ("--model", "mean"))]
    done = cli("compare", *few)
    assert "fewer than 5 folds: a test over molecules stands in for one over folds" in done.err
    assert "by paired bootstrap over 60 test molecules" in done.out
    mixed = cli("compare", runs[0], few[0])
    assert "these runs cannot be compared, they differ in" in mixed.err
    assert f"  kind of run: forest ({runs[0][:6]}) train, forest cv ({few[0][:6]}) cv" in mixed.err


def test_runs_of_other_data_or_folds_are_refused_and_the_difference_named(
    place: Path, small: Path, cli: Cli, pair: tuple[str, str]
) -> None:
    base = ("--target", "size", "--model", "mean", "--folds", 5, "--repeats", 2, "--jobs", 1)
    other_split = run_of(cli("cv", small, *base, "data.split=random", "data.split.seed=1"))
    refused = cli("compare", pair[0], other_split)
    assert refused.code == 2
    assert "split: forest cv" in refused.err
    assert "  data: " not in refused.err
    assert "compare runs of the same table, split and metrics" in refused.err
    small.write_text(small.read_text().replace("CCO,", "CCN,", 1))
    other_data = run_of(cli("cv", small, *base, "data.split=random"))
    assert "  data: forest cv" in cli("compare", pair[0], other_data).err


def test_what_is_no_pair_of_finished_runs_is_refused(place: Path, cli: Cli, pair: tuple[str, str]) -> None:
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    for arguments, said in (
        ((pair[0],), f"1 run found ({pair[0]}); a comparison needs at least two"),
        ((), "0 run found (none); a comparison needs at least two"),
        ((*pair, pair[0]), f"run {pair[0]} is named more than once"),
        ((*pair, "nothing"), "run 'nothing': not found in sqlite"),
        ((*pair, "models:/"), "'models:/': expected models:/NAME/VERSION or models:/NAME@ALIAS"),
        ((*pair, "models:/absent/1"), "run 'models:/absent/1': not found in sqlite"),
        (("--experiment", "smal"), "there is no experiment 'smal'"),
        ((*pair, "--metric", "rmsd"), "--metric 'rmsd': the runs have no such test metric; did you mean 'rmse'?"),
    ):
        refused = cli("compare", *arguments)
        assert refused.code == 2
        assert said in refused.err
    client.set_terminated(pair[1], "KILLED")
    assert f"run {pair[1]} (mean cv): is KILLED, not FINISHED" in cli("compare", *pair).err
    foreign = client.create_run("0").info.run_id
    assert f"run {foreign}: is a run of another program" in cli("compare", pair[0], foreign).err


def test_equal_names_are_told_apart_by_what_differs(place: Path, small: Path, cli: Cli) -> None:
    base = (small, "--target", "size", "--model", "forest", "model.trees=5", QUICK[-1], *FEW)
    runs = [run_of(cli("cv", *base, f"train.seed={s}")) for s in (1, 2)]
    assert "forest cv train.seed=1" in cli("compare", *runs).out


def test_one_of_several_targets_is_named_in_the_result(place: Path, small: Path, cli: Cli) -> None:
    rows = small.read_text().replace("ring", "other", 1)
    small.write_text(rows)
    base = (small, "--target", "size", "--target", "other", "task=regression", QUICK[-1])
    runs = [run_of(cli("train", *base, "--model", m)) for m in ("forest", "mean")]
    done = cli("compare", *runs, "--metric", "rmse/size")
    assert done.code == 0, done.err
    assert "rmse/size: " in done.out
    assert "has the best rmse/size" in done.out
