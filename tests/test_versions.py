"""`drugml registry show` and `diff` on real versions in MLflow: what they say is what the files and the bundle say."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mlflow.store.artifact.cli import commands as artifacts

import drugml
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.test_promote import BAD, GOOD, METRICS, NAME, client, run_of, train_app


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    """Versions of a model: 1 a forest, 2 a network, 3 the forest again, 4 on another split, 5 with a label changed."""
    folder = tmp_path_factory.mktemp("versions")
    shutil.copy(database, folder / "mlflow.db")
    table = write_csv(folder / "t.csv", ["smiles", "y"], [(s, len(s)) for s in SMILES])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_app(*GOOD)
        train_app(*BAD, model="dmpnn")
        train_app(*GOOD)
        train_app(*GOOD, "data.split.seed=1")
        line = int(read_csv(next((folder / "runs").rglob("test_predictions.csv")))[0]["line"]) - 2
        lines = [(s, len(s) + (i == line)) for i, s in enumerate(SMILES)]
        write_csv(table, ["smiles", "y"], lines)
        train_app(*GOOD)
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def rows_of(place: Path, version: int) -> list[dict[str, str]]:
    return read_csv(place / "runs/t" / run_of(place, version) / "test_predictions.csv")


def told(out: str) -> dict[str, str]:
    """The lines of `show`."""
    pairs = [line.split("  ", 1) for line in out.splitlines()]
    return {what.strip(): value.strip() for what, value in pairs}


def test_show_tells_all_of_a_version_and_its_commands_can_be_typed(here: Path, cli: Cli) -> None:
    done = cli("registry", "show", NAME, "--version", 1)
    assert done.code == 0, done.err
    said, run = told(done.out), client(here).get_run(run_of(here, 1))
    assert said["version"] == "models:/t-y/1"
    assert said["aliases"] == "none"
    assert said["run"] == f"{run.info.run_id} (forest, train, FINISHED)"
    assert (said["experiment"], said["model"], said["featurizer"], said["targets"]) == ("t", "forest", "morgan", "y")
    tags = [run.data.tags[f"drugml.{w}_hash"] for w in ("data", "split", "metrics")]
    assert [said[w] for w in ("data", "split", "definition of metrics")] == tags
    assert {k: said[f"test/{k}"] for k in METRICS} == {k: f"{run.data.metrics[f'test/{k}']:.4g}" for k in METRICS}
    assert f"drugml {drugml.__version__}, python 3." in said["trained with"]
    assert said["bundle"].endswith("; loads, and gives the predictions that it was saved with")
    assert said["load"] == "mlflow.pyfunc.load_model('models:/t-y/1')"
    command = shlex.split(said["predict"])[1:]
    assert cli(*command[:2], "t.csv", "--out", "out.csv").code == 0
    again = shlex.split(said["reproduce"])
    assert again == ["drugml", "train", f"{here}/runs/t/{run.info.run_id}/config.yaml"]
    assert cli(*again[1:], "--dry-run").code == 0
    assert told(cli("registry", "show", NAME).out)["aliases"] == "candidate"


def test_show_says_what_cannot_be_had(place: Path, cli: Cli) -> None:
    client(place).create_registered_model("x")
    client(place).create_model_version("x", str(place))
    foreign = client(place).create_run("0").info.run_id
    client(place).create_model_version("x", str(place), foreign)
    done = cli("registry", "show", "x", "--version", 1)
    assert done.code == 0, done.err
    said = told(done.out)
    assert said["run"] == "none; the version was registered without one"
    assert said["bundle"].startswith("models:/x/1: no such model in sqlite")
    assert "another program, RUNNING" in told(cli("registry", "show", "x", "--version", 2).out)["run"]
    none = cli("registry", "show", "x")
    assert none.err == "error: x: no champion or candidate; name one with --version (versions: 2, 1)\n"
    assert cli("registry", "show", "y").err == "error: there is no registered model 'y'; choose from: x\n"


def test_diff_lays_config_metrics_and_predictions_side_by_side(here: Path, cli: Cli) -> None:
    done = cli("registry", "diff", NAME, 1, 2)
    assert done.code == 0, done.err
    config, hashes, metrics, changes = (block.splitlines() for block in done.out.split("\n\n"))
    assert config[0].split() == ["config", "models:/t-y/1", "models:/t-y/2"]
    assert ["model.name", "forest", "dmpnn"] in [line.split() for line in config]
    assert not [line for line in config if line.startswith("data.")]
    assert [line.split()[-1] for line in hashes[1:]] == ["same"] * 3
    logged = [client(here).get_run(run_of(here, v)).data.metrics for v in (1, 2)]
    for line, name in zip(metrics[1:], METRICS, strict=True):
        x, y = (m[f"test/{name}"] for m in logged)
        assert line.split() == [name, f"{x:.4g}", f"{y:.4g}", f"{y - x:+.4g}"]

    a, b = rows_of(here, 1), rows_of(here, 2)
    x, y = (np.array([float(r["y_pred"]) for r in rows]) for rows in (a, b))
    size = np.abs(y - x)
    assert changes[0] == (
        f"y: {(size > 1e-6).sum()} of 30 predictions differ by more than 1e-06; absolute change {size.mean():.4g} in "
        f"the mean, {size.max():.4g} at most"
    )
    assert [line.split() for line in changes[2:]] == [
        [a[i]["line"], f"{x[i]:.4g}", f"{y[i]:.4g}", f"{y[i] - x[i]:+.4g}", f"{float(a[i]['y']):.4g}", a[i]["smiles"]]
        for i in np.argsort(-size, kind="stable")[:5]
    ]


def test_diff_of_equal_models_finds_nothing(here: Path, cli: Cli) -> None:
    done = cli("registry", "diff", NAME, 1, 3)
    assert done.out.startswith("config: the same\n")
    last = "y: 0 of 30 predictions differ by more than 1e-06; absolute change 0 in the mean, 0 at most\n"
    assert done.out.endswith(f"\n\n{last}")


def test_diff_of_other_molecules_or_labels_says_so(here: Path, cli: Cli) -> None:
    done = cli("registry", "diff", NAME, 1, 4)
    both = {(r["line"], r["smiles"]) for r in rows_of(here, 1)} & {(r["line"], r["smiles"]) for r in rows_of(here, 4)}
    said = f"no changes by molecule: the test molecules differ: 30 and 30, {len(both)} of them in both\n"
    assert done.out.endswith(f"\n\n{said}")
    assert [line.split()[-1] for line in done.out.split("\n\n")[1].splitlines()[1:]] == ["same", "differs", "same"]
    done = cli("registry", "diff", NAME, 1, "candidate")
    assert done.out.endswith("\n\nno changes by molecule: the labels of 1 test molecules differ\n")
    refused = cli("registry", "diff", NAME, 1, 9)
    assert refused.err == "error: t-y: no version 9 (versions: 5, 4, 3, 2, 1)\n"


def test_a_run_whose_folder_is_gone_is_made_again_from_its_config_in_mlflow(here: Path, cli: Cli) -> None:
    run_id = run_of(here, 1)
    kept = client(here).get_run(run_id).data.tags["drugml.folder"]
    client(here).set_tag(run_id, "drugml.folder", str(here / "gone"))
    try:
        said = told(cli("registry", "show", NAME, "--version", 1).out)
    finally:
        client(here).set_tag(run_id, "drugml.folder", kept)
    get, train = said["reproduce"].split(" && ")
    assert get == f"mlflow artifacts download --run-id {run_id} --artifact-path config.yaml --dst-path ."
    assert train == "drugml train config.yaml"
    done = CliRunner().invoke(
        artifacts, shlex.split(get)[2:], env={"MLFLOW_TRACKING_URI": f"sqlite:///{here}/mlflow.db"}
    )
    assert done.exit_code == 0, done.output
    assert (here / "config.yaml").read_bytes() == (here / f"runs/t/{run_id}/config.yaml").read_bytes()
