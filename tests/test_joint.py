"""Two processes that train together: the numbers of one, exact resuming, and an end for both when one dies."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, distributed

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.runs import joint
from drugml.runs.checks import check_config
from drugml.runs.dataset import Dataset, prepare
from drugml.training.fit import fit
from drugml.training.listener import Silent
from drugml.training.order import Order
from drugml.training.ranks import Ranks, trainer_options
from tests.conftest import SMILES, Cli, write_csv

AGAIN = "drugml train --resume X"


def spec(folder: Path, devices: int, *overrides: str) -> RunSpec:
    table = folder / "t.csv"
    if not table.exists():
        rows = [
            (s, round(len(s) * 0.5 + 0.01 * i, 4) if i % 3 else "", f">{len(s)}" if i % 5 else len(s), int("1" in s))
            for i, s in enumerate(SMILES)
        ]
        write_csv(table, ["smiles", "size", "long", "ring"], rows)
    config = {
        "data": {
            "path": str(table),
            "targets": ["size", "long"],
            "split": {"kind": "random", "sizes": [0.7, 0.15, 0.15]},
        },
        "model": {"name": "dmpnn", "hidden_dim": 16},
        "head": {"hidden_dim": 16},
        # 42 molecules: the last batch has one, so that a process has none of it; and 9 to validate
        "train": {"epochs": 4, "batch_size": 41, "lr": 0.01, "accelerator": "cpu", "devices": devices},
    }
    return check(RunSpec, config, {(): "test"}, overrides)


KINDS: dict[str, tuple[str, ...]] = {
    "masked": (),
    "classes": ("data.targets=[ring]", "train.batch_size=8", "train.gradient_clip=0.1"),
    "member": ("ensemble.members=3", "ensemble.by=bagging", "ensemble.member=2"),
    "by size": ("train.batch_atoms=100", "train.order=bucketed", "model=gine", "model.hidden_dim=16"),
}


class Epochs(Silent):
    """Keeps the metrics and, where it is asked to, the checkpoint of the second epoch."""

    def __init__(self, checkpoint: Path, copy: Path | None = None) -> None:
        self.checkpoint, self.copy, self.metrics = checkpoint, copy, list[dict[str, float]]()

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        self.metrics.append(dict(metrics))
        if self.copy and epoch == 1:
            shutil.copy(self.checkpoint, self.copy)


class Killer(Silent):
    """Kills the other process in the first epoch."""

    def batch(self, epoch: int, done: int, total: int) -> None:
        joint._others[0].kill()


class Came(NamedTuple):
    """What came of a fit."""

    metrics: list[dict[str, float]]
    tensors: dict[str, Tensor]


def come(config: RunSpec, folder: Path, name: str, copy: Path | None = None) -> Came:
    dataset, checkpoint = joint._prepared(config), folder / f"{name}.ckpt"
    listener = Epochs(checkpoint, copy)
    with joint.joint(dataset, checkpoint, AGAIN):
        fitted = fit(dataset.config.with_member_seed(), dataset.training, checkpoint, listener)
    return Came(listener.metrics, fitted.trained.tensors())


class Results(NamedTuple):
    """Of all fits of this file."""

    alone: dict[str, Came]
    both: dict[str, Came]
    resumed: Came
    error: str


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Every fit alone, then by two processes; at last one process is killed in the middle of a fit."""
    folder = tmp_path_factory.mktemp("joint")
    threads = torch.get_num_threads()
    alone = {k: come(spec(folder, 1, *o), folder, f"alone {k}") for k, o in KINDS.items()}
    cut = ("model.dropout=0.3",)
    both: dict[str, Came] = {}

    def by_two() -> Came:
        with joint.together(spec(folder, 2).train):
            both.update({k: come(spec(folder, 2, *o), folder, k) for k, o in KINDS.items()})
            both["dropout"] = come(spec(folder, 2, *cut), folder, "whole", folder / "cut.ckpt")
            resumed.append(come(spec(folder, 2, *cut), folder, "cut"))
            dataset = prepare(spec(folder, 2, "train.epochs=100"))
            with joint.joint(dataset, folder / "killed.ckpt", AGAIN):
                fit(dataset.config, dataset.training, folder / "killed.ckpt", Killer())
        raise AssertionError("the fit went on alone")

    resumed: list[Came] = []
    with pytest.raises(UserError) as error:
        by_two()
    assert not distributed.is_initialized()
    assert torch.get_num_threads() == threads
    return Results(alone, both, resumed[0], str(error.value))


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_come_to_the_metrics_of_one(results: Results, kind: str) -> None:
    one, two = results.alone[kind].metrics, results.both[kind].metrics
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for name, value in a.items():
            assert b[name] == pytest.approx(value, abs=1e-5, rel=1e-5, nan_ok=True), name
    assert one[-1]["val/loss"] != pytest.approx(one[0]["val/loss"], rel=1e-3)  # something was learned
    for name, tensor in results.alone[kind].tensors.items():
        torch.testing.assert_close(results.both[kind].tensors[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_resumed_fit_is_an_uninterrupted_one(results: Results) -> None:
    assert results.resumed.metrics == results.both["dropout"].metrics[2:]
    for name, tensor in results.both["dropout"].tensors.items():
        assert torch.equal(results.resumed.tensors[name], tensor)


def test_a_process_that_dies_ends_all_and_is_said(results: Results) -> None:
    assert results.error == (
        "process 2 of 2, which trains with this one, was killed by SIGKILL. All have ended; go on from the last "
        f"epoch with: {AGAIN}"
    )
    assert not joint._others


def test_shares_are_the_whole_and_one_molecule_is_nobodys_twice(tmp_path: Path) -> None:
    data: Dataset = prepare(spec(tmp_path, 1))
    train = torch.as_tensor(data.training.plan.indices("train"))
    atoms = torch.as_tensor(np.diff(data.training.store.atom_start))[train]
    batches = Order(train, atoms, data.config.train).batches(0)
    assert [len(b) for b in batches] == [41, 1]
    for whole in batches:
        shares = [Ranks(r, 3).share(whole) for r in range(3)]
        assert sorted(torch.cat(shares).tolist()) == sorted(whole.tolist())
        assert [len(Ranks(r, 3).busy(whole)) for r in range(3)] == [max(1, len(s)) for s in shares]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.compile=true"], "train.compile = true: is not built for several devices; use train.compile=false"),
        (["model=forest"], "train.devices = 2, train.nodes = 1: 'forest' is no network, it learns in one process"),
    ],
    ids=str,
)
def test_what_several_devices_cannot_do_is_refused(tmp_path: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        check_config(spec(tmp_path, 2, *overrides))
    assert said in str(error.value)


def test_nodes_are_started_by_torchrun(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"train.nodes = 2: several nodes are started by torchrun on each of them"),
        joint.together(spec(tmp_path, 1, "train.nodes=2").train),
    ):
        pass
    with pytest.raises(UserError, match=r"this trains in 1 process\(es\), not in 2; several are for drugml train"):
        trainer_options(spec(tmp_path, 2).train)


def test_a_cross_validation_trains_each_fold_on_one_device(place: Path, small: Path, cli: Cli) -> None:
    refused = cli("cv", small, "--target", "size", "train.devices=2", "train.accelerator=cpu")
    assert refused.code == 2
    assert "drugml cv trains folds side by side, each on one device; use 1 of both, and --jobs" in refused.err
