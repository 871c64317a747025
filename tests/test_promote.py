"""The gate of `drugml registry promote` on real runs in MLflow: what passes, what is refused, what leaves a trace."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv

NAME = "t-y"
SPLIT = ("data.split=random", "data.split.sizes=[0.4, 0.1, 0.5]")
GOOD = ("model.trees=50",)
BAD = (*QUICK[:2], "train.epochs=1", "train.lr=1e-6")
METRICS = ("rmse", "mae", "r2", "pearson", "spearman")


def client(place: Path) -> MlflowClient:
    uri = f"sqlite:///{place}/mlflow.db"
    return MlflowClient(uri, uri)


def train_app(*options: object, model: str = "forest") -> None:
    from drugml.cli.main import app

    app(["train", "t.csv", "--target", "y", "--model", model, *SPLIT, *map(str, options)], standalone_mode=False)


def champion(place: Path) -> str:
    return str(client(place).get_model_version_by_alias(NAME, "champion").version)


def run_of(place: Path, version: int) -> str:
    return str(client(place).get_model_version(NAME, str(version)).run_id)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    """Versions of a model: 1 is a good forest, 2 is a network that has learned next to nothing and is clearly worse."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(database, folder / "mlflow.db")
    write_csv(folder / "t.csv", ["smiles", "y"], [(s, len(s)) for s in SMILES])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_app(*GOOD)
        train_app(*BAD, model="dmpnn")
    return folder


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worse here is clearly so; the draws themselves are tested in `test_comparison.py`."""
    monkeypatch.setattr("drugml.evaluation.comparison.comparison.DRAWS", 200)


@pytest.fixture
def two(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database of its own in which these versions are; their files are shared."""
    for name in ("mlflow.db", "t.csv"):
        shutil.copy(trained / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checks(out: str) -> list[list[str]]:
    return [line.split()[:2] for line in out.splitlines() if line.startswith("  ")]


def test_the_first_champion_needs_no_rival_and_each_check_is_printed(two: Path, cli: Cli) -> None:
    done = cli("registry", "promote", NAME, "--version", 1)
    assert done.code == 0, done.err
    scores = {k: client(two).get_run(run_of(two, 1)).data.metrics[f"test/{k}"] for k in METRICS}
    assert done.out.splitlines() == [
        f"  ok       run         {run_of(two, 1)} (train, FINISHED)",
        "  ok       bundle      loads, and gives the predictions of 9 probes as when it was saved",
        f"  ok       metrics     {', '.join(f'{k} {v:.4g}' for k, v in scores.items())}",
        "  ok       champion    none yet",
        "models:/t-y/1 is now models:/t-y@champion",
    ]
    assert champion(two) == "1"
    tags = client(two).get_model_version(NAME, "1").tags
    assert tags["drugml.promoted_by"]
    assert tags["drugml.promoted_at"].endswith("+00:00")
    assert "drugml.former_champions" not in client(two).get_registered_model(NAME).tags
    again = cli("registry", "promote", NAME, "--version", "champion")
    assert again.out == "models:/t-y/1 is models:/t-y@champion already; nothing was changed\n"


def test_a_worse_version_is_refused_unless_forced_and_force_leaves_a_trace(two: Path, cli: Cli) -> None:
    assert cli("registry", "promote", NAME, "--version", 1).code == 0
    before = client(two).get_model_version(NAME, "2").tags
    refused = cli("registry", "promote", NAME)
    assert refused.code == 2
    assert champion(two) == "1"
    assert client(two).get_model_version(NAME, "2").tags == before
    rmse = [client(two).get_run(run_of(two, v)).data.metrics["test/rmse"] for v in (2, 1)]
    said = f"rmse {rmse[0]:.4g} beside {rmse[1]:.4g} of version 1, difference {rmse[0] - rmse[1]:+.4g} ("
    first, why, do = refused.err.splitlines()
    assert first == "error: models:/t-y/2 is not promoted:"
    assert why.startswith(f"  champion: {said}")
    assert why.endswith(", 30 test molecules): worse")
    assert do == "mend this, or promote it all the same with --force, which leaves a trace"
    assert checks(refused.out) == [
        ["ok", "run"], ["ok", "bundle"], ["ok", "metrics"], ["ok", "comparable"], ["refused", "champion"],
        ["unknown", "calibration"],
    ]  # fmt: skip
    forced = cli("registry", "promote", NAME, "--force")
    assert forced.code == 0, forced.err
    assert forced.out.splitlines()[-1] == "models:/t-y/2 is now models:/t-y@champion by force; it was version 1"
    tags = client(two).get_model_version(NAME, "2").tags
    assert tags["drugml.forced_over"] == why.strip()
    assert tags["drugml.forced_by"]
    assert tags["drugml.forced_at"].endswith("+00:00")
    assert "drugml.promoted_at" not in tags
    better = cli("registry", "promote", NAME, "--version", 1)
    assert better.code == 0, better.err
    assert ": better\n" in better.out
    assert champion(two) == "1"
    assert client(two).get_registered_model(NAME).tags["drugml.former_champions"] == "1,2"


def test_what_is_not_decided_passes(two: Path, cli: Cli) -> None:
    train_app(*GOOD, "train.seed=5")
    assert cli("registry", "promote", NAME, "--version", 1).code == 0
    done = cli("registry", "promote", NAME)
    assert done.code == 0, done.err
    assert ": not decided\n" in done.out
    assert champion(two) == "3"


def test_probabilities_that_are_clearly_worse_are_refused(place: Path, cli: Cli) -> None:
    rng = np.random.default_rng(0)
    chains = [f"{'C' * n}{s}" for n in range(4) for s in SMILES if s[0] in "Cc" and s[1:2] != "l"]
    write_csv(place / "t.csv", ["smiles", "y"], [(s, int(rng.uniform() < 0.5)) for s in chains])  # nothing to learn
    train_app("model.trees=100", "model.min_leaf=10")
    train_app("model.k=1", model="knn")
    assert cli("registry", "promote", NAME, "--version", 1).code == 0
    refused = cli("registry", "promote", NAME)
    assert refused.code == 2
    assert checks(refused.out)[-2:] == [["ok", "champion"], ["refused", "calibration"]]
    (line,) = (line for line in refused.err.splitlines() if line.startswith("  calibration: "))
    brier, ece = line.removeprefix("  calibration: ").split("; ")
    rows = [read_csv(place / "runs/t" / run_of(place, v) / "test_predictions.csv") for v in (2, 1)]
    y, *p = (
        np.array([float(r[c]) for r in of]) for of, c in ((rows[0], "y"), (rows[0], "y_pred"), (rows[1], "y_pred"))
    )
    own, other = (np.mean((y - q) ** 2) for q in p)
    said = f"brier {own:.4g} beside {other:.4g} of version 1, difference {own - other:+.4g} ("
    assert brier.startswith(said)
    assert brier.endswith(f", {len(y)} test molecules): worse")
    assert ece.startswith("ece ")
    assert ece.endswith(": worse")


def test_a_version_on_another_split_or_table_is_refused_and_the_difference_named(two: Path, cli: Cli) -> None:
    train_app(*GOOD, "data.split.seed=1")
    (two / "t.csv").write_text((two / "t.csv").read_text().replace("CCO,3", "CCO,4"))
    train_app(*GOOD)
    assert cli("registry", "promote", NAME, "--version", 1).code == 0
    tags = {v: client(two).get_run(run_of(two, v)).data.tags for v in (1, 3, 4)}
    for version, what in ((3, "split"), (4, "data")):
        refused = cli("registry", "promote", NAME, "--version", version)
        assert refused.code == 2
        own, other = (f"forest ({run_of(two, v)[:6]}) {tags[v][f'drugml.{what}_hash'][:12]}" for v in (version, 1))
        assert f"\n  comparable: {what}: {own}, {other}" in refused.err
        assert ["refused", "comparable"] in checks(refused.out)
        assert "champion" not in refused.out
    assert champion(two) == "1"


def test_undefined_metrics_are_refused(two: Path, cli: Cli) -> None:
    train_app(model="mean")
    refused = cli("registry", "promote", NAME)
    assert "\n  metrics: rmse " in refused.err
    assert "pearson nan, spearman nan; not finite: pearson, spearman\n" in refused.err


def test_a_run_that_is_not_finished_or_not_ours_is_refused(two: Path, cli: Cli) -> None:
    client(two).set_terminated(run_of(two, 2), "KILLED")
    refused = cli("registry", "promote", NAME)
    assert f"\n  run: {run_of(two, 2)} (train, KILLED; expected train, FINISHED)\n" in refused.err
    assert checks(refused.out) == [["refused", "run"], ["ok", "bundle"]]
    foreign = client(two).create_run("0").info.run_id
    client(two).create_model_version(NAME, str(two), foreign)
    refused = cli("registry", "promote", NAME, "--version", 3)
    assert f"\n  run: {foreign} (another program, RUNNING; expected train, FINISHED)\n" in refused.err
    assert "\n  bundle: models:/t-y/3: no such model in sqlite" in refused.err
    client(two).create_model_version(NAME, str(two))
    refused = cli("registry", "promote", NAME, "--version", 4)
    assert "\n  run: none; the version was registered without one\n" in refused.err


def test_a_bundle_that_was_changed_or_is_of_another_run_is_refused(two: Path, cli: Cli) -> None:
    version = client(two).get_model_version(NAME, "1")
    tensors = Path(version.source.removeprefix("file://")) / "artifacts/bundle/model.safetensors"
    kept = tensors.read_bytes()
    try:
        tensors.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        refused = cli("registry", "promote", NAME, "--version", 1)
        assert ": changed or cut short (SHA-256 " in refused.err
        assert ["refused", "bundle"] in checks(refused.out)
    finally:
        tensors.write_bytes(kept)
    client(two).create_model_version(NAME, version.source, run_of(two, 2), model_id=version.model_id)
    refused = cli("registry", "promote", NAME, "--version", 3)
    assert "\n  bundle: is not of this run, it differs in: run\n" in refused.err


def test_what_is_not_there_is_named(two: Path, cli: Cli) -> None:
    for arguments, said in (
        (("t-z",), "error: there is no registered model 't-z'; did you mean 't-y'?\n"),
        ((NAME, "--version", 7), "error: t-y: no version 7 (versions: 2, 1)\n"),
        ((NAME, "--version", "best"), "error: t-y: no version best (versions: 2, 1)\n"),
    ):
        refused = cli("registry", "promote", *arguments)
        assert (refused.code, refused.err) == (2, said)
    client(two).delete_registered_model_alias(NAME, "candidate")
    none = cli("registry", "promote", NAME)
    assert none.err == "error: t-y: no candidate; name one with --version (versions: 2, 1)\n"
    assert not client(two).get_registered_model(NAME).aliases


def test_rollback_goes_back_one_champion_at_a_time(two: Path, cli: Cli) -> None:
    none = cli("registry", "rollback", NAME)
    assert none.code == 2
    assert none.err == (
        "error: t-y: there is no champion to go back to, it never had one; use `drugml registry promote t-y`\n"
    )
    for version in (2, 1, 2):
        assert cli("registry", "promote", NAME, "--version", version, "--force").code == 0
    assert client(two).get_registered_model(NAME).tags["drugml.former_champions"] == "2,1"
    done = cli("registry", "rollback", NAME)
    assert done.out == "models:/t-y/1 is now models:/t-y@champion; it was version 2\n"
    assert champion(two) == "1"
    assert client(two).get_model_version(NAME, "2").tags["drugml.rolled_back_by"]
    assert cli("registry", "rollback", NAME).out == "models:/t-y/2 is now models:/t-y@champion; it was version 1\n"
    assert client(two).get_registered_model(NAME).tags["drugml.former_champions"] == ""
    refused = cli("registry", "rollback", NAME)
    assert refused.code == 2
    assert "there is no champion to go back to, version 2 is the first;" in refused.err
    assert champion(two) == "2"


def test_rollback_passes_over_versions_that_are_gone_and_refuses_a_broken_bundle(two: Path, cli: Cli) -> None:
    train_app(*GOOD, "train.seed=5")
    for version in (1, 2, 3):
        assert cli("registry", "promote", NAME, "--version", version, "--force").code == 0
    client(two).delete_model_version(NAME, "2")
    source = client(two).get_model_version(NAME, "1").source
    spec = Path(source.removeprefix("file://")) / "artifacts/bundle/spec.json"
    kept = spec.read_text()
    try:
        spec.write_text(kept.replace("rdkit", "rdkut", 1))
        refused = cli("registry", "rollback", NAME)
        assert "spec.json: was changed after it was written (its hash does not fit)" in refused.err
        assert champion(two) == "3"
    finally:
        spec.write_text(kept)
    assert cli("registry", "rollback", NAME).code == 0
    assert champion(two) == "1"
