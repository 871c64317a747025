"""`drugml data check` and `drugml data split`, and what training does with their results."""

import json
from pathlib import Path

from mlflow import MlflowClient

from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv


def table(place: Path) -> Path:
    rows = [(s, "-3" if i % 4 == 0 else round(0.5 * len(s) + 0.01 * i, 3)) for i, s in enumerate(SMILES)]
    return write_csv(place / "t.csv", ["smiles", "y"], [*rows, ("C1CC", 1.0), (SMILES[1], 9.5)])


def test_check_prints_findings_with_advice_and_writes_a_card(place: Path, cli: Cli) -> None:
    table(place)
    done = cli("data", "check", "t.csv", "--card", "card.html")
    assert done.code == 0, done.err
    assert done.out.startswith("t.csv: 62 rows = 61 usable + 1 rejected; 60 different molecules\n")
    assert "line 62: C1CC" in done.out
    assert "      → correct or remove these rows" in done.out
    assert "floor" in done.out
    assert done.out.endswith("data card: card.html\n")
    assert "<script" not in (place / "card.html").read_text()
    write_csv(place / "bad.csv", ["smiles", "y"], [("junk", 1)])
    strict = cli("data", "check", "bad.csv", "--target", "y", "--strict", "data.smiles=smiles")
    assert strict.code == 1
    assert "none of the 1 rows can be used" in strict.out


def test_check_reads_labels_as_the_config_says(place: Path, cli: Cli) -> None:
    rows = [(s, 10 * (i + 1), "nM" if i % 2 else "uM") for i, s in enumerate(SMILES)]
    write_csv(place / "t.csv", ["smiles", "ki", "unit"], rows)
    plain = cli("data", "check", "t.csv", "--target", "ki", "data.labels.ki.unit_column=unit")
    assert plain.code == 0, plain.err
    assert "units: " in plain.out
    converted = cli("data", "check", "t.csv", "--target", "ki", "data.labels.ki={unit_column: unit, to: p}")
    assert converted.code == 0, converted.err


def test_check_takes_limits_without_a_target(place: Path, cli: Cli) -> None:
    table(place)
    assert "has labels for" not in cli("data", "check", "t.csv").out
    limited = cli("data", "check", "t.csv", "data.audit.few=100")
    assert "'y' has labels for 60 molecules only" in limited.out, limited.err
    (place / "run.yaml").write_text("data: {path: t.csv, targets: [y], audit: {few: 100}}\n")
    assert "'y' has labels for 60 molecules only" in cli("data", "check", "run.yaml").out
    wrong = cli("data", "check", "t.csv", "data.audit.minority=2")
    assert (wrong.code, wrong.out) == (2, "")
    assert "error: override 'data.audit.minority=2': `data.audit.minority` = 2: input should be less" in wrong.err


def test_check_knows_the_positive_class(place: Path, cli: Cli) -> None:
    rows = [(s, "left" if i % 3 else "right", i % 2 + 1, i) for i, s in enumerate(SMILES)]
    write_csv(place / "t.csv", ["smiles", "side", "class", "y"], rows)

    def card(*arguments: str) -> str:
        done = cli("data", "check", *arguments, "--card", "card.html")
        assert done.code == 0, done.err
        return (place / "card.html").read_text()

    assert "left: 40 (66.7%)" in card("t.csv", "--positive", "left")
    assert "right: 20 (33.3%)" in card("t.csv")
    assert "1: 30 (50.0%)" in card("t.csv", "--target", "class", "--positive", "1")
    (place / "run.yaml").write_text(
        "data: {path: t.csv, targets: [side]}\ntask: {kind: classification, positive: left}\n"
    )
    assert "left: 40 (66.7%)" in card("run.yaml")
    none = cli("data", "check", "t.csv", "--positive", "up")
    assert none.code == 2
    assert "t.csv: no column of two classes has the positive class 'up'" in none.err
    other = cli("data", "check", "t.csv", "--target", "side", "--positive", "up")
    assert other.code == 2
    assert (
        other.err == "error: task.positive = 'up' is no class of target 'side': 'left' (40 rows), 'right' (20 rows)\n"
    )


def test_a_split_file_is_trained_on(place: Path, cli: Cli) -> None:
    table(place)
    common = ("t.csv", "--target", "y", "data.max_rejected=1")
    done = cli("data", "split", *common, "--method", "cluster", "--out", "s.csv")
    assert done.code == 0, done.err
    assert "62 rows, 61 molecules split, 1 rejected" in done.out
    assert "in several folds    none" in done.out
    trained = cli("train", *common, *QUICK[:4], "data.split=file", "data.split.path=s.csv")
    assert trained.code == 0, trained.err
    (folder,) = (place / "runs/t").iterdir()
    folds = [r["fold"] for r in read_csv(place / "s.csv")]
    assert [r["fold"] for r in read_csv(folder / "split.csv")] == folds
    about = json.loads((folder / "split.csv.json").read_text())
    assert about["leaks"]["sizes"] == {f: folds.count(f) for f in ("train", "val", "test")}
    several = cli("data", "split", *common, "--method", "random", "--out", "cv.csv", "--folds", 3, "--repeats", 2)
    assert several.code == 0, several.err
    assert "3 folds, 2 repeats; the first split:" in several.out


def test_a_split_file_in_a_config_is_relative_to_the_config(place: Path, cli: Cli) -> None:
    table(place)
    (place / "configs").mkdir()
    split = ("data", "split", "t.csv", "--target", "y", "--out", "configs/s.csv", "data.max_rejected=1")
    assert cli(*split).code == 0
    (place / "configs/run.yaml").write_text(
        "data: {path: ../t.csv, targets: [y], max_rejected: 1, split: {kind: file, path: s.csv}}\nmodel: mean\n"
    )
    assert cli("train", "configs/run.yaml", "--dry-run").code == 0


def test_every_run_has_a_data_card_within_the_limits_of_its_config(place: Path, cli: Cli) -> None:
    table(place)
    options = ("--target", "y", "--model", "mean", "data.max_rejected=1")
    done = cli("train", "t.csv", *options)
    assert done.code == 0, done.err
    assert "audit: " in done.err
    (folder,) = (place / "runs/t").iterdir()
    card = (folder / "data_card.html").read_text()
    assert "Data card: t" in card
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    assert client.get_run(folder.name).data.tags["drugml.data_hash"] in card
    assert "data_card.html" in {f.path for f in client.list_artifacts(folder.name)}
    assert "has labels for" not in card
    limited = cli("train", "t.csv", *options, "data.audit.few=100", "tracking.folder=others")
    assert limited.code == 0, limited.err
    (path,) = (place / "others").rglob("data_card.html")
    assert "has labels for 60 molecules only" in path.read_text()
    off = cli("train", "t.csv", *options, "data.audit=false")
    assert (off.code, "`data.audit` = False: input should be" in off.err) == (2, True), off.err
