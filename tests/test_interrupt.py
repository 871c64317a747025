"""Runs that are killed, stopped or broken: the truth in MLflow, and resuming to the same numbers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from tests.conftest import OPTIONS, ROOT, Cli, Start


def run_of(place: Path) -> tuple[MlflowClient, str]:
    (config,) = (place / "runs").rglob("config.yaml")
    return MlflowClient(f"sqlite:///{place}/mlflow.db"), config.parent.name


def test_a_killed_run_resumes_to_the_numbers_of_an_uninterrupted_one(
    place: Path, slow: Path, cli: Cli, process: Start
) -> None:
    killed = process("train", slow, *OPTIONS, cwd=place)
    killed.wait_for("epoch   2/6")
    killed.kill()
    client, run_id = run_of(place)
    assert client.get_run(run_id).info.status == "RUNNING"  # nobody was left to say otherwise
    foreign = client.create_run("0", tags={"mlflow.user": "somebody else", "drugml.version": "1"}).info.run_id
    assert client.get_run(foreign).info.start_time >= client.get_run(run_id).info.start_time

    made = json.loads(client.get_run(run_id).data.tags["drugml.made_with"])
    client.set_tag(run_id, "drugml.made_with", json.dumps({**made, "torch": "1.0"}))
    resumed = cli("train", "--resume", "last")
    assert resumed.code == 0, resumed.err
    mixed = (
        f"run {run_id} was begun with something else, so that its numbers will be of a mixture; train anew for those of"
    )
    assert f"{mixed} one: torch 1.0 then, {made['torch']} now\n" in resumed.err
    assert client.get_run(run_id).data.tags["drugml.resumed_with"] == json.dumps(made)
    assert f"run       {run_id}" in resumed.out
    assert "resumed after epoch" in resumed.err
    assert "epoch   1/6" not in resumed.err
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run_id, "val/rmse")
    assert [m.step for m in history] == list(range(1, 7))
    assert "models:/slow-size/1" in resumed.out

    whole = cli("train", slow, *OPTIONS)
    assert whole.code == 0, whole.err
    other = whole.out.split("run       ")[1].split()[0]
    for name in ("test/rmse", "best/val/rmse", "best/epoch", "train/loss"):
        assert client.get_run(other).data.metrics[name] == run.data.metrics[name], name
    same = [client.get_metric_history(r, "train/loss") for r in (run_id, other)]
    assert [m.value for m in same[0]] == [m.value for m in same[1]]
    weights = [place / "runs/slow" / r / "bundle/model.safetensors" for r in (run_id, other)]
    assert weights[0].read_bytes() == weights[1].read_bytes()

    again = cli("train", "--resume", run_id)
    assert again.code == 2
    assert f"run {run_id} is complete (FINISHED); there is nothing to resume" in again.err


@contextmanager
def queued(place: Path, slow: Path) -> Iterator["subprocess.Popen[str]"]:
    """SLURM is not here: its number, and its start of the batch script."""
    command = ["bash", str(ROOT / "scripts/slurm_train.sh"), str(slow), *OPTIONS]
    known = {"SLURM_JOB_ID": "7", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        command, cwd=place, env=os.environ | known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_job_that_is_preempted_goes_on_when_it_is_queued_again(place: Path, slow: Path) -> None:
    with queued(place, slow) as job:
        assert job.stderr is not None
        assert any("epoch   2/6" in line for line in job.stderr)
        job.send_signal(signal.SIGTERM)
        _, err = job.communicate(timeout=120)
        assert job.returncode == 143, err
    client, run_id = run_of(place)
    assert client.get_run(run_id).info.status == "KILLED"
    assert (place / "runs/7/slow" / run_id / "last.ckpt").exists()
    with queued(place, slow) as job:
        out, err = job.communicate(timeout=300)
        assert job.returncode == 0, err
    assert "resumed after epoch" in err
    assert f"run       {run_id}" in out
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_stopped_run_is_killed_in_mlflow_and_can_be_resumed(
    place: Path, slow: Path, cli: Cli, process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRUGML_CACHE", str(place / "cache"))  # so that RDKit is at work in this process
    stopped = process("train", slow, *OPTIONS, cwd=place)
    stopped.wait_for("epoch   2/6")
    stopped.signal(signal.SIGINT)
    assert stopped.wait(120) == 130, stopped.errors
    assert "stopped; go on with: drugml train --resume last" in stopped.errors
    client, run_id = run_of(place)
    assert client.get_run(run_id).info.status == "KILLED"
    resumed = cli("train", "--resume", run_id)
    assert resumed.code == 0, resumed.err
    assert "mixture" not in resumed.err
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_run_that_is_still_training_cannot_be_resumed(place: Path, slow: Path, cli: Cli, process: Start) -> None:
    training = process("train", slow, *OPTIONS, "train.epochs=10000", cwd=place)
    training.wait_for("epoch   1/10000")
    client, run_id = run_of(place)
    refused = cli("train", "--resume", run_id)
    assert refused.code == 2
    assert f"run {run_id}: another process is training it now" in refused.err
    assert client.get_run(run_id).info.status == "RUNNING"
    assert training.poll() is None


def test_resuming_with_changed_data_is_refused(place: Path, slow: Path, cli: Cli, process: Start) -> None:
    killed = process("train", slow, *OPTIONS, cwd=place)
    killed.wait_for("epoch   1/6")
    killed.kill()
    slow.write_text(slow.read_text().replace("CCO,", "CCN,", 1))
    refused = cli("train", "--resume", "last")
    assert refused.code == 2
    assert "drugml.data_hash" in refused.err
    assert "resuming would mix two experiments, train anew" in refused.err


def test_resuming_with_another_config_is_refused(place: Path, slow: Path, cli: Cli, process: Start) -> None:
    killed = process("train", slow, *OPTIONS, cwd=place)
    killed.wait_for("epoch   1/6")
    killed.kill()
    client, run_id = run_of(place)
    (config,) = (place / "runs").rglob("config.yaml")
    written = config.read_text()
    assert "  lr: 0.001\n" in written
    assert "  pooling: norm\n" in written
    config.write_text(written.replace("  lr: 0.001\n", "  lr: 0.002\n").replace("  pooling: norm\n", ""))
    client.log_param(run_id, "train.of_an_older_drugml", 3)
    refused = cli("train", "--resume", "last")
    assert refused.code == 2
    assert refused.err.rstrip().endswith(
        f"error: run {run_id} was begun with other settings than {config} has now:\n"
        "  train.lr: 0.001 then, 0.002 now\n"
        "  train.of_an_older_drugml: 3 then, nothing now\n"
        "resuming would mix two experiments; put them back, use the drugml that began it, or train anew"
    )


def test_an_error_is_a_failed_run_with_its_reason(place: Path, slow: Path, cli: Cli) -> None:
    failed = cli("train", slow, *OPTIONS, "train.lr=1e30", "train.schedule=constant")
    assert failed.code == 2
    assert "the training loss is" in failed.err
    assert "error: epoch 1, step " in failed.err
    assert "at a learning rate of 1e+30; lower train.lr or set train.gradient_clip=1.0" in failed.err
    assert "No epoch before it was good" in failed.err
    assert "molecules of that step the label furthest from the mean is size = " in failed.err
    client, run_id = run_of(place)
    run = client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert "the training loss is" in run.data.tags["drugml.error"]

    one_step = ("train.batch_size=1000", "train.schedule=constant", "train.epochs=2")
    later = cli("train", slow, *OPTIONS, *one_step, "train.lr=1e30").err
    assert "error: epoch 2, step 1 of 1: the training loss is" in later
    assert "The last good epoch, 1, is in" in later
    assert "last.ckpt; --resume would go the same way, train anew" in later
    weights = cli("train", slow, *OPTIONS, *one_step, "train.lr=1e39", "train.gradient_clip=1").err
    said = (
        "epoch 1: the last step left weights that are no numbers, at a learning rate of 1e+39; lower train.lr. No epoch"
    )
    assert said in weights


def test_the_checkpoint_is_read_without_unpickling_code(place: Path, slow: Path, cli: Cli) -> None:
    assert cli("train", slow, *OPTIONS, "train.epochs=1").code == 0
    (checkpoint,) = (place / "runs").rglob("last.ckpt")
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 0


def test_nothing_to_resume_is_explained(place: Path, cli: Cli) -> None:
    assert "in sqlite:" in cli("train", "--resume", "last").err
    assert "run 'abc': not found in sqlite" in cli("train", "--resume", "abc").err
    mixed = cli("train", "x.csv", "--resume", "last")
    assert mixed.code == 2
    assert "--resume takes no config, table or options" in mixed.err


def test_early_stop_keeps_the_best_epoch(place: Path, slow: Path, cli: Cli) -> None:
    done = cli(
        "train", slow, *OPTIONS, "train.patience=1", "train.lr=0.3", "train.schedule=constant", "train.epochs=40"
    )
    assert done.code == 0, done.err
    client, run_id = run_of(place)
    history = {m.step: m.value for m in client.get_metric_history(run_id, "val/loss")}
    metrics = client.get_run(run_id).data.metrics
    assert len(history) < 40
    best = min(history, key=lambda step: history[step])
    assert metrics["best/epoch"] == best
    assert metrics["best/val/loss"] == pytest.approx(history[best])
    assert max(history) == best + 1
