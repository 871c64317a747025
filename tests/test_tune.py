"""Search: every trial runs once whatever dies, the test fold is never read, and the best config can be trained."""

import signal
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from optuna.trial import TrialState

from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.errors import Stopped, UserError
from drugml.runs.dataset import prepare
from drugml.runs.tune.data import Tables
from drugml.runs.tune.storage import kept
from drugml.runs.tune.trial import Reporter
from tests.conftest import Cli, read_csv
from tests.postgres import postgres
from tests.searches import BASELINES, at_work
from tests.test_search_config import HEAD


def searched(place: Path, study: str = "small-s") -> tuple[MlflowClient, Run, list[Run], Path]:
    """The run of a study, its trials by number, and its folder."""
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    (whole,) = client.search_runs([experiment], f"tags.`drugml.study` = '{study}'")
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{whole.info.run_id}'")
    ordered = sorted(children, key=lambda r: int(r.data.tags["drugml.trial"]))
    return client, whole, ordered, Path(whole.data.tags["drugml.folder"])


def test_a_search_over_models_featurizers_and_settings(files: Path, cli: Cli) -> None:
    done = cli("tune", "run.yaml", "search.yaml")
    assert done.code == 0, done.err
    assert "only with dmpnn" in done.err
    client, whole, trials, folder = searched(files)
    assert whole.info.status == "FINISHED"
    assert whole.data.tags["drugml.kind"] == "tune"
    assert [r.data.tags["drugml.trial"] for r in trials] == [str(n) for n in range(1, 7)]
    assert {(r.info.status, r.data.tags["drugml.state"], r.data.tags["drugml.kind"]) for r in trials} == {
        ("FINISHED", "complete", "trial")
    }
    rows = read_csv(folder / "trials.csv")
    for row, run in zip(rows, trials, strict=True):
        assert run.data.metrics["best/val/rmse"] == float(row["val/rmse"])
        assert run.data.params["model.name"] == row["model"]
        assert not [m for m in run.data.metrics if m.startswith("test/")]
    best = min(rows, key=lambda r: float(r["val/rmse"]))
    assert whole.data.metrics["best/val/rmse"] == float(best["val/rmse"])
    first = [line.split() for line in done.out.splitlines()[1:6]]
    assert [f[0] for f in first] == [r["trial"] for r in sorted(rows, key=lambda r: float(r["val/rmse"]))[:5]]
    kept_files = {f.path for f in client.list_artifacts(whole.info.run_id)}
    assert kept_files == {"best.yaml", "trials.csv", "history.png", "config.yaml", "search.yaml", "split.csv",
                          "split.csv.json", "rejects.csv"}  # fmt: skip
    assert "importance of settings: 6 complete trials tell nothing, 10 may" in done.err
    assert not [*folder.rglob("*.ckpt")]
    listed = cli("runs", "list").out
    assert listed.count("small-s") == 1
    assert " t0001" not in listed
    trained = cli("train", folder / "best.yaml")  # a normal config, and the trial's very result
    assert trained.code == 0, trained.err
    run = client.get_run(trained.out.split("run       ")[1].split()[0])
    assert run.data.metrics["best/val/rmse"] == float(best["val/rmse"])
    assert "test/rmse" in run.data.metrics
    assert run.data.tags["drugml.split_hash"] == whole.data.tags["drugml.split_hash"]
    assert (folder / "best.yaml").read_text().startswith(f"# Trial {best['trial']} of study small-s, the best of 6 ")


def test_two_processes_one_of_them_killed_in_the_middle_of_a_trial(files: Path) -> None:
    storage = f"{files}/tune.journal"
    (files / "search.yaml").write_text(HEAD + "  train.lr: {low: 1e-4, high: 1e-2, log: true}\ntrials: 6\n")
    dying = at_work(files, storage, dies=True)
    while not [*files.glob("runs/small/*/t0001")]:  # else the other one might have done all by then
        assert dying.is_alive()
        time.sleep(0.05)
    living = at_work(files, storage, dies=False)
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    living.join()
    assert living.exitcode == 0
    _, whole, trials, folder = searched(files)
    assert whole.info.status == "FINISHED"
    assert [r.data.tags["drugml.trial"] for r in trials] == [str(n) for n in range(1, 7)]
    assert {r.info.status for r in trials} == {"FINISHED"}
    rows = read_csv(folder / "trials.csv")
    assert len(rows) == 6
    assert {r["state"] for r in rows} == {"complete"}
    assert len({tuple(v for k, v in r.items() if k not in ("trial", "val/rmse", "seconds")) for r in rows}) == 6
    with kept(storage, "small-s") as place:
        study = optuna.load_study(study_name="small-s", storage=place.storage)
        states = Counter(t.state for t in study.trials)
        assert states == {TrialState.COMPLETE: 6, TrialState.FAIL: 1}  # the failed one is the one that was lost
        (lost,) = [t for t in study.trials if t.state == TrialState.FAIL]
        (again,) = [t for t in study.trials if t.user_attrs.get("again_of") == lost.number]
    assert again.params == lost.params
    number = again.user_attrs["number"]
    # it went on from its checkpoint: epochs are there once, and the log tells of the rest
    assert [r["epoch"] for r in read_csv(folder / f"t{number:04d}" / "metrics.csv")] == ["1", "2", "3"]
    log = (files / f"{living.pid}.log").read_text()
    assert log.count(f"trial {number} lost its process and is run again") == 1


def test_a_study_goes_on_until_it_has_what_was_asked_for(files: Path, cli: Cli) -> None:
    (files / "search.yaml").write_text(BASELINES)
    nothing = cli("tune", "run.yaml", "search.yaml", "--report")
    assert "there is no study 'small-s' in runs/studies/small-s.journal; there is none" in nothing.err
    assert cli("tune", "run.yaml", "search.yaml", "--trials", 2).code == 0
    before = searched(files)[2]
    more = cli("tune", "run.yaml", "search.yaml", "--trials", 4)
    assert "study small-s in runs/studies/small-s.journal: 2 of 4 trials have ended" in more.err
    _, _, trials, folder = searched(files)
    assert [r.info.run_id for r in trials][:2] == [r.info.run_id for r in before]
    assert len(trials) == 4
    (folder / "best.yaml").unlink()
    report = cli("tune", "run.yaml", "search.yaml", "--report", "--trials", 9)
    assert report.code == 0, report.err
    assert (folder / "best.yaml").exists()
    assert len(searched(files)[2]) == 4
    # seven points are all there are: two forests and five neighbours
    ended = cli("tune", "run.yaml", "search.yaml", "--trials", 50)
    assert "the space has 7 points, fewer than the 50 trials that were asked for: 7 trials" in ended.err
    assert len(searched(files)[2]) == 7
    assert searched(files)[1].info.status == "FINISHED"
    for change, said in (
        (("train.epochs=4",), "train.epochs: 3 in the study, 4 here"),
        (("data.split.seed=1",), "split_hash: "),
    ):
        other = cli("tune", "run.yaml", "search.yaml", *change)
        assert other.code == 2
        assert "study 'small-s' in runs/studies/small-s.journal is another one" in other.err
        assert said in other.err
        assert "begin one of its own with --study NAME" in other.err
    (files / "search.yaml").write_text(
        (files / "search.yaml").read_text().replace("high: 5", "high: 6") + "metric: r2\n"
    )
    other = cli("tune", "run.yaml", "search.yaml")
    assert "  metric: rmse in the study, r2 here\n  space: model.k: 1 to 5 in the study, 1 to 6 here" in other.err
    moved = cli("tune", "run.yaml", "search.yaml", "metric=x")
    assert moved.code == 2


def test_a_trial_that_fails_is_a_failed_trial_and_a_slow_one_is_ended_early(files: Path, cli: Cli) -> None:
    (files / "search.yaml").write_text(
        HEAD + "  train.lr: [1e-8, 1e-2, 3e-2, 1e30]\nsampler: grid\nseed: 1\n"
        "pruner: {kind: median, startup_trials: 1, warmup_epochs: 1}\n"
    )
    done = cli("tune", "run.yaml", "search.yaml", "train.schedule=constant", "train.epochs=4")
    assert done.code == 0, done.err
    _, whole, trials, folder = searched(files)
    rows = {r["train.lr"]: r for r in read_csv(folder / "trials.csv")}
    runs = dict(zip([r["train.lr"] for r in read_csv(folder / "trials.csv")], trials, strict=True))
    assert rows["1e+30"]["state"] == "failed"[:4]
    assert "the training loss is" in rows["1e+30"]["reason"]
    assert runs["1e+30"].info.status == "FAILED"
    assert "the training loss is" in runs["1e+30"].data.tags["drugml.error"]
    assert rows["1e-08"]["state"] == "pruned", rows
    assert (runs["1e-08"].info.status, runs["1e-08"].data.tags["drugml.state"]) == ("KILLED", "pruned")
    assert rows["1e-08"]["reason"].startswith("after epoch ")
    assert whole.info.status == "FINISHED"
    assert whole.data.metrics["trials/fail"] == whole.data.metrics["trials/pruned"] == 1
    assert "1 pruned, 1 failed" in done.out


def test_a_search_in_which_everything_fails_ends(files: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("drugml.runs.tune.tune"), "IN_A_ROW", 2)
    (files / "search.yaml").write_text(HEAD + "  train.lr: {low: 1e30, high: 1e35, log: true}\n")
    failed = cli("tune", "run.yaml", "search.yaml", "train.schedule=constant")
    assert failed.code == 2
    assert "2 trials in a row failed and none is complete; the last: epoch 1, step " in failed.err
    _, whole, trials, _ = searched(files)
    assert whole.info.status == "FAILED"
    assert {r.info.status for r in trials} == {"FAILED"}


def test_a_stopped_trial_is_given_back_and_goes_on(files: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "search.yaml").write_text(HEAD + "  train.lr: [1e-3, 1e-2]\ntrials: 2\n")
    epoch = Reporter.epoch

    def stopped(self: Reporter, number: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        epoch(self, number, epochs, metrics, best)
        raise Stopped(143)

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "epoch", stopped)
        done = cli("tune", "run.yaml", "search.yaml", "--storage", "sqlite:///tune.db")
    assert done.code == 143
    assert "stopped; go on with: the same command (study small-s)" in done.err
    _, whole, trials, _ = searched(files)
    assert (whole.info.status, [r.info.status for r in trials]) == ("KILLED", ["KILLED"])
    done = cli("tune", "run.yaml", "search.yaml", "--storage", "sqlite:///tune.db")
    assert done.code == 0, done.err
    assert "lost" not in done.err
    _, whole, after, folder = searched(files)
    assert (whole.info.status, [r.info.status for r in after]) == ("FINISHED", ["FINISHED"] * 2)
    assert after[0].info.run_id == trials[0].info.run_id
    assert [r["epoch"] for r in read_csv(folder / "t0001" / "metrics.csv")] == ["1", "2", "3"]


def test_a_study_in_postgresql_is_shared(files: Path) -> None:
    pytest.importorskip("psycopg2")
    (files / "search.yaml").write_text(BASELINES + "trials: 4\n")
    with postgres() as url:
        both = [at_work(files, url, dies=False), at_work(files, url, dies=False)]
        for process in both:
            process.join()
            assert process.exitcode == 0
    _, whole, trials, folder = searched(files)
    assert whole.info.status == "FINISHED"
    assert [r.data.tags["drugml.trial"] for r in trials] == ["1", "2", "3", "4"]
    assert {r["state"] for r in read_csv(folder / "trials.csv")} == {"complete"}


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (
            "mysql://u:secret@host/db",
            "--storage 'mysql://u:***@host/db': expected FILE.journal, sqlite:///FILE or post",
        ),
        ("studies", "--storage 'studies': expected FILE.journal"),
        ("postgresql://u:secret@localhost:1/db", "--storage postgresql://u:***@localhost:1/db: "),
        ("sqlite:///run.yaml", "--storage sqlite:///run.yaml: "),
    ],
)
def test_a_storage_that_is_none_is_refused_without_its_password(files: Path, cli: Cli, storage: str, said: str) -> None:
    refused = cli("tune", "run.yaml", "search.yaml", "--storage", storage)
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert "secret" not in refused.err


def test_a_study_that_drugml_did_not_make_is_left_alone(files: Path, cli: Cli) -> None:
    with kept("other.journal", "small-s") as place:
        study = optuna.create_study(storage=place.storage, study_name="small-s")
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    refused = cli("tune", "run.yaml", "search.yaml", "--storage", "other.journal")
    assert "study 'small-s' in other.journal was not made by drugml; choose another name with --study" in refused.err


def test_a_table_that_changes_during_a_study_stops_it(files: Path, small: Path) -> None:
    tables = Tables(prepare(load(RunSpec, Path("run.yaml"))))
    small.write_text(small.read_text().replace("CCO,", "CCN,", 1))
    with pytest.raises(
        UserError, match=r"drugml.data_hash, drugml.split_hash of featurizer 'ogb' is not that of the st"
    ):
        tables.data(load(RunSpec, Path("run.yaml"), ["featurizer=ogb"]).model_copy())
