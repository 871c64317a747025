"""Ensembles: members that differ as said, each a run of its own, joined to one model that says their mean."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import safetensors.torch
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.prediction.bundle import load
from drugml.runs.dataset import prepare
from drugml.runs.members import members_of
from drugml.runs.train import Result, resume, train
from drugml.tracking.store import connect
from drugml.training.fit import fit
from drugml.training.listener import Silent
from tests.conftest import SMILES, Cli, read_csv, write_csv
from tests.test_bundle import edit, message


class Made(NamedTuple):
    """An ensemble that was trained."""

    result: Result
    client: MlflowClient

    @property
    def folder(self) -> Path:
        return self.result.folder

    @property
    def run(self) -> Run:
        return self.client.get_run(self.result.run_id)

    @property
    def members(self) -> list[Run]:
        parent = f"tags.`mlflow.parentRunId` = '{self.result.run_id}'"
        found = self.client.search_runs([self.run.info.experiment_id], parent)
        return sorted(found, key=lambda r: int(r.data.tags["drugml.member"]))


def spec(folder: Path, *overrides: str, **sections: object) -> RunSpec:
    rows = [(s, round(len(s) * 0.5 + 0.01 * i, 4), 10 ** (0.1 * len(s)), int("1" in s)) for i, s in enumerate(SMILES)]
    table = folder / "t.csv"
    if not table.exists():
        write_csv(table, ["smiles", "size", "dose", "ring"], rows)
    config = {
        "data": {
            "path": str(table),
            "targets": ["size", "dose"],
            "labels": {"dose": {"log10": True}},
            "split": {"kind": "random"},
        },
        "model": {"name": "dmpnn", "hidden_dim": 16, "dropout": 0.1},
        "head": {"hidden_dim": 16},
        "train": {"epochs": 2, "batch_size": 16, "accelerator": "cpu", "seed": 5, "deterministic": True},
        "tracking": {"uri": f"sqlite:///{folder}/mlflow.db", "folder": str(folder / "runs")},
        **sections,
    }
    return check(RunSpec, config, {(): "test"}, overrides)


FOREST = {"name": "forest", "trees": 5}
CLASSES = {"model": FOREST, "data": {"targets": ["ring"], "split": {"kind": "random", "sizes": [0.6, 0.2, 0.2]}}}


def made(config: RunSpec) -> Made:
    return Made(train(config, Silent()), MlflowClient(config.tracking.uri))


def room(factory: pytest.TempPathFactory, database: Path) -> Path:
    folder = factory.mktemp("ensemble")
    shutil.copy(database, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Made:
    """Three D-MPNNs by seed, of a number and a logarithm."""
    return made(spec(room(tmp_path_factory, database), "ensemble.members=3"))


@pytest.fixture(scope="module")
def forests(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Made:
    """Two forests on bags, of a class, that validate out of their bags."""
    folder = room(tmp_path_factory, database)
    data = {"path": str(folder / "t.csv"), **CLASSES["data"]}  # type: ignore[dict-item]
    bags = ("ensemble.members=2", "ensemble.by=bagging", "ensemble.validation=out_of_bag")
    return made(spec(folder, *bags, model=FOREST, data=data))


def test_members_are_single_runs_with_their_seed(networks: Made, tmp_path: Path) -> None:
    whole = spec(networks.folder.parents[2])
    for number, seed in enumerate((5, 6, 7), 1):
        dataset = prepare(whole.model_copy(update={"train": whole.train.model_copy(update={"seed": seed})}))
        alone = fit(dataset.config, dataset.training, tmp_path / f"{seed}.ckpt", Silent()).trained.tensors()
        member = load(networks.folder / f"m{number}" / "bundle").trained.tensors()
        assert all(np.array_equal(alone[k], member[k]) for k in alone)
    first, second = (load(networks.folder / m / "bundle").trained.tensors() for m in ("m1", "m2"))
    assert not any(np.array_equal(first[k], second[k]) for k in first if k.endswith("weight"))


@pytest.mark.parametrize("rows", [1, 7, 64, 120])
def test_its_prediction_is_the_mean_of_its_members_bundles(networks: Made, rows: int) -> None:
    smiles = [*SMILES, "junk", *SMILES[::-1]][:rows]
    whole = load(networks.folder / "bundle").predict(smiles)
    own = np.stack([load(networks.folder / f"m{n}" / "bundle").predict(smiles).values for n in (1, 2, 3)])
    np.testing.assert_allclose(whole.values[:, 0], own[:, :, 0].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.log10(whole.values[:, 1]), np.log10(own[:, :, 1]).mean(axis=0), rtol=1e-12)
    assert whole.spread is not None
    np.testing.assert_allclose(whole.spread[:, 0], own[:, :, 0].std(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(whole.spread[:, 1], np.log10(own[:, :, 1]).std(axis=0, ddof=1), rtol=1e-6)
    bad = [i for i, s in enumerate(smiles) if s == "junk"]
    assert list(whole.rejects) == bad
    assert np.isnan(whole.columns).any(axis=1).nonzero()[0].tolist() == bad


def test_probabilities_are_averaged(forests: Made) -> None:
    whole = load(forests.folder / "bundle").predict(SMILES)
    own = np.stack([load(forests.folder / m / "bundle").predict(SMILES).values for m in ("m1", "m2")])
    np.testing.assert_allclose(whole.values, own.mean(axis=0), rtol=1e-12)
    assert whole.spread is not None
    assert whole.spread.max() > 0


def test_what_is_logged_is_of_the_mean_and_of_each_member(networks: Made, forests: Made) -> None:
    run, members = networks.run, networks.members
    assert [r.data.tags["drugml.kind"] for r in (run, *members)] == ["train", "member", "member", "member"]
    assert {r.info.status for r in (run, *members)} == {"FINISHED"}
    assert [r.data.params["ensemble.member"] for r in members] == ["1", "2", "3"]
    tested = read_csv(networks.folder / "test_predictions.csv")
    assert list(tested[0])[-4:] == ["size_pred", "dose_pred", "size_std", "dose_log10_std"]
    each = [read_csv(networks.folder / f"m{n}" / "test_predictions.csv") for n in (1, 2, 3)]
    for rows in (tested, *each):
        assert [r["line"] for r in rows] == [r["line"] for r in tested]
    mean = np.mean([[float(r["size_pred"]) for r in rows] for rows in each], axis=0)
    np.testing.assert_allclose([float(r["size_pred"]) for r in tested], mean, rtol=1e-12)
    rmse = root_mean_squared_error([float(r["size"]) for r in tested], mean)
    assert run.data.metrics["test/rmse/size"] == pytest.approx(rmse, rel=1e-12)
    for name in ("test/rmse/size", "best/val/rmse"):
        mean = np.mean([r.data.metrics[name] for r in members])
        assert run.data.metrics[f"members/{name}"] == pytest.approx(mean, rel=1e-12)
    assert [r["run"] for r in read_csv(networks.folder / "members.csv")] == [r.info.run_id for r in members]
    assert "best/val/roc_auc" in forests.run.data.metrics


def test_validation_is_by_members_that_did_not_learn_from_the_molecule(forests: Made) -> None:
    dataset = prepare(spec(forests.folder.parents[2], *_bags(2), **_classes(forests.folder.parents[2])))
    data, sums, counts = dataset.training, np.zeros(60), np.zeros(60)
    for n, member in enumerate(members_of(dataset), 1):
        at = member.training.plan.indices("val")
        trained = load(forests.folder / f"m{n}" / "bundle").trained
        sums[at] += trained.predict(data.store, at, 16)[:, 0]
        counts[at] += 1
        assert not set(at) & set(member.training.plan.indices("train"))
    known = counts > 0
    area = roc_auc_score(data.low[known, 0], sums[known] / counts[known])
    assert forests.run.data.metrics["best/val/roc_auc"] == pytest.approx(area, rel=1e-12)


def test_its_card_tells_of_the_members_and_of_what_they_learned_from(networks: Made, forests: Made) -> None:
    for made, words in (
        (networks, ("Members:** 3, by seed", "the value, learned as its log10", "it is no interval", " log10 dose |")),
        (forests, ("Members:** 2, by bagging", "learned from:** 48,", "probability of class 1", "by brier and ece")),
    ):
        card = (made.folder / "model_card.md").read_text(encoding="utf-8")
        assert [w for w in words if w not in card] == []
        metrics = json.loads((made.folder / "metrics.json").read_text())
        for name in ("test", "members/test", "best/val"):
            value = next(v for k, v in metrics.items() if k.startswith(f"{name}/"))
            assert f" {value:.4f} |" in card


def _bags(members: int) -> tuple[str, ...]:
    return (f"ensemble.members={members}", "ensemble.by=bagging", "ensemble.validation=out_of_bag")


def _classes(folder: Path) -> dict[str, object]:
    return {"model": FOREST, "data": {"path": str(folder / "t.csv"), **CLASSES["data"]}}  # type: ignore[dict-item]


def test_a_member_can_be_trained_alone_from_its_config(forests: Made, cli: Cli) -> None:
    done = cli("train", forests.folder / "m2" / "config.yaml")
    assert done.code == 0, done.err
    alone = forests.client.get_run(done.out.split("run       ")[1].split()[0])
    member = forests.members[1]
    for tag in ("drugml.split_hash", "drugml.data_hash", "drugml.metrics_hash"):
        assert alone.data.tags[tag] == member.data.tags[tag]
    assert alone.data.metrics["test/roc_auc"] == member.data.metrics["test/roc_auc"]
    folder = Path(alone.data.tags["drugml.folder"])
    tensors = [load(f / "bundle").trained.tensors() for f in (folder, forests.folder / "m2")]
    assert all(np.array_equal(tensors[0][k], tensors[1][k]) for k in tensors[0])


class Crash(Silent):
    """Fails in an epoch counted over all members."""

    def __init__(self, at: int) -> None:
        self.left = at

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        self.left -= 1
        if not self.left:
            raise RuntimeError("crash")


def test_a_broken_ensemble_keeps_its_members_and_comes_to_the_same_numbers(networks: Made) -> None:
    config = spec(networks.folder.parents[2], "ensemble.members=3", "tracking.experiment=broken")
    with pytest.raises(RuntimeError, match="crash"):
        train(config, Crash(3))  # in the first epoch of the second member
    (config_file,) = (networks.folder.parents[1] / "broken").glob("*/config.yaml")
    run_id = config_file.parent.name
    assert networks.client.get_run(run_id).info.status == "FAILED"
    again = Made(resume(run_id, Silent(), config.tracking.uri), networks.client)
    assert again.result.run_id == run_id
    assert [r.data.tags["drugml.member"] for r in again.members] == ["1", "2", "3"]
    assert again.members[0].info.end_time < again.members[1].info.end_time
    assert [len(networks.client.get_metric_history(r.info.run_id, "val/rmse")) for r in again.members] == [2, 2, 2]
    for name, value in networks.run.data.metrics.items():
        if not name.endswith("_seconds"):
            assert again.run.data.metrics[name] == value, name
    with pytest.raises(UserError, match="is complete"):
        resume(run_id, Silent(), config.tracking.uri)


def test_files_and_served_models_have_a_column_of_disagreement(
    networks: Made, tmp_path: Path, cli: Cli, small_pieces: None
) -> None:
    source = write_csv(tmp_path / "in.csv", ["smiles"], [[s] for s in (*SMILES, "junk", *SMILES[:20])])
    for name in ("out.csv", "out.parquet"):
        done = cli("predict", networks.folder, source, "--out", tmp_path / name)
        assert done.code == 0, done.err
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["smiles", "size", "dose", "size_std", "dose_log10_std", "status", "reason"]
    found = load(networks.folder / "bundle").predict([r["smiles"] for r in rows])
    outs = {c: np.array([float(r[c] or "nan") for r in rows]) for c in list(rows[0])[1:5]}
    np.testing.assert_array_equal(np.stack(list(outs.values()), axis=1), found.columns)
    table = pq.read_table(tmp_path / "out.parquet").to_pydict()
    for name, column in outs.items():
        np.testing.assert_array_equal(np.array(table[name], float), column)
    connect(networks.result.store)
    served = mlflow.pyfunc.load_model(networks.result.version.uri).predict(pd.DataFrame({"smiles": SMILES[:3]}))
    assert list(served.columns) == ["size", "dose", "size_std", "dose_log10_std", "status", "reason"]
    few = load(networks.folder / "bundle").predict(SMILES[:3]).columns
    np.testing.assert_array_equal(served[["size", "dose", "size_std", "dose_log10_std"]].to_numpy(), few)


@pytest.fixture
def copy(networks: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(networks.folder / "bundle", tmp_path / "bundle"))


def test_changed_bundles_are_refused(copy: Path) -> None:
    data = json.loads((copy / "spec.json").read_text())
    assert len(data["members"]) == 3
    edit(copy, rehash=False, members=data["members"][:2])
    assert "was changed after it was written" in message(copy)
    edit(copy, rehash=True, members=data["members"][:2])
    assert "the tensors do not fit the model of spec.json" in message(copy)
    edit(copy, rehash=True, members=[*data["members"], data["members"][0]])
    assert "the tensors do not fit the model of spec.json" in message(copy)
    other = [{**m, "scale": [2 * v for v in m["scale"]]} for m in data["members"]]
    edit(copy, rehash=True, members=other)
    assert "does not give the predictions it was saved with" in message(copy)
    tensors = safetensors.torch.load_file(copy / "model.safetensors")
    tensors["1.head.0.weight"] *= 2
    safetensors.torch.save_file(tensors, copy / "model.safetensors")
    edit(copy, rehash=False, **data)
    assert "changed or cut short" in message(copy)


def test_bundles_of_the_format_before_are_read(bundle: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(bundle, tmp_path / "old"))
    data = json.loads((old / "spec.json").read_text())
    del data["members"]
    (old / "spec.json").write_text(json.dumps(data))
    edit(old, rehash=True, format=1)
    np.testing.assert_array_equal(load(old).predict(SMILES).values, load(bundle).predict(SMILES).values)
