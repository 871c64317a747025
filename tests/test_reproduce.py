"""Runs trained again from what is recorded of them: the same numbers, or what is not the same."""

import csv
import json
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from drugml.prediction.versions import changed, surroundings
from drugml.runs.reproduce import ROUNDING, Apart, Reproduction, Verdict, changed_since
from drugml.tracking.run import MADE_WITH
from tests.conftest import QUICK, Cli, Output

FOREST = (*QUICK[4:], "model=forest", "model.trees=5")


def run_of(done: Output) -> str:
    assert done.code == 0, done.err
    return done.out.split("run       ")[1].split()[0]


def test_a_run_is_trained_again_to_the_same_numbers(place: Path, small: Path, cli: Cli) -> None:
    for options in (QUICK, FOREST):
        run = run_of(cli("train", small, "--target", "size", *options))
        again = cli("reproduce", run)
        assert again.code == 0, again.err
        assert "verdict   identical" in again.out
        assert "changed   nothing: code, packages and processor are the same" in again.out
        assert "largest difference of a test prediction: size 0 (0 SD of the labels)" in again.out
        told = {r.split()[0]: r.split()[1:] for r in again.out.splitlines() if r.startswith("test/")}
        metrics = json.loads((place / "runs/small" / run / "metrics.json").read_text())
        assert told["test/rmse"] == [f"{metrics['test/rmse']:.10g}"] * 2 + ["0"]
        client = MlflowClient(f"sqlite:///{place}/mlflow.db")
        made = client.get_run(run_of(again))
        assert made.info.status == "FINISHED"
        expected = {"drugml.kind": "reproduction", "drugml.reproduces": run, "drugml.reproduction": "identical"}
        assert made.data.tags.items() >= expected.items()
        (version,) = client.search_model_versions(f"run_id='{run}'")
        assert "candidate" in client.get_model_version("small-size", version.version).aliases  # none was made


def test_what_is_not_the_same_is_named(place: Path, small: Path, cli: Cli) -> None:
    run = run_of(cli("train", small, "--target", "size", *FOREST))
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    tags = client.get_run(run).data.tags
    assert json.loads(tags[MADE_WITH]) == surroundings()
    client.set_tag(run, MADE_WITH, json.dumps(surroundings() | {"torch": "1.0", "source": "abc"}))
    kept = place / "mlartifacts/small" / run / "artifacts/test_predictions.csv"
    with kept.open(newline="") as file:
        header, first, *rows = csv.reader(file)
    at = header.index("size_pred")
    first[at] = repr(float(first[at]) + 100)
    with kept.open("w", newline="") as file:
        csv.writer(file).writerows([header, first, *rows])
    moved = small.rename(place / "moved.csv")

    gone = cli("reproduce", run)
    assert gone.code == 2
    assert "small.csv: no such file" in gone.err
    again = cli("reproduce", run, "--data", moved)
    assert again.code == 1
    assert f"torch 1.0 then, {surroundings()['torch']} now" in again.out
    assert "source abc then, " in again.out
    assert "test prediction: size 100 (" in again.out
    assert "verdict   different" in again.out

    moved.write_text(moved.read_text().replace("CCO,", "CCN,", 1))
    refused = cli("reproduce", run, "--data", moved)
    assert refused.code == 2
    assert f"run {run} cannot be reproduced from {moved}, these hashes differ:\n  data: found " in refused.err
    assert f", expected {tags['drugml.data_hash']}\n" in refused.err
    assert "use the table as it was then (--data)" in refused.err


def test_a_fold_is_reproduced_and_a_whole_names_its_folds(place: Path, small: Path, cli: Cli) -> None:
    done = cli("cv", small, "--target", "size", *FOREST, "--folds", 2, "--repeats", 1, "--jobs", 1)
    whole = run_of(done)
    refused = cli("reproduce", whole)
    assert refused.code == 2
    assert f"run {whole}: is a cross-validation; reproduce one of its folds, such as" in refused.err
    assert "(forest r1f1)" in refused.err
    fold = refused.err.split("such as ")[1].split()[0]
    again = cli("reproduce", fold)
    assert again.code == 0, again.err
    assert "verdict   identical" in again.out


def test_the_verdict_is_by_the_largest_difference() -> None:
    def verdict(difference: float, here: float = 1.0) -> Verdict:
        return Reproduction("a", "b", [], [("test/rmse", 1.0, here)], [Apart("y", difference, 2.0)]).verdict

    assert verdict(0.0) is Verdict.IDENTICAL
    assert verdict(0.0, np.nextafter(1.0, 2.0)) is Verdict.ROUNDING
    assert verdict(2 * ROUNDING) is Verdict.ROUNDING
    assert verdict(2.1 * ROUNDING) is verdict(float("nan")) is Verdict.DIFFERENT
    assert changed_since({}) == ["the run does not say what it was made with"]
    made = surroundings()
    others = [{**made, "torch": "1.0", "rdkit": "1.0"}, {**made, "torch": "1.0"}, {**made, "torch": "2.0"}]
    tags = [{"drugml.made_with": json.dumps(a), "drugml.resumed_with": json.dumps(b)} for a in others for b in others]
    now = {k: f"{made[k]} now" for k in ("torch", "rdkit")}
    assert sorted(changed_since(tags[1])) == [f"rdkit 1.0 then, {now['rdkit']}", f"torch 1.0 then, {now['torch']}"]
    assert changed_since(tags[5]) == [f"torch {v} then, {now['torch']}" for v in ("1.0", "2.0")]
    assert changed({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == ["b 2 then, absent now", "c absent then, 3 now"]
    assert not changed({"a": "1"}, {"a": "1"})
