"""Encoders trained before: loaded, frozen, thawed, adapted; what of it is said, recorded and refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from mlflow import MlflowClient

from drugml.config.base import Spec
from drugml.config.models import HeadSpec
from drugml.config.techniques import Lora
from drugml.data.splits import SplitPlan
from drugml.models.network import Network
from drugml.prediction.source import Source
from drugml.prediction.trained import TrainedNetwork, layout_of
from drugml.training.data import TrainingData
from drugml.training.fit import fit
from drugml.training.module import Module
from drugml.training.transfer import adapt, merge
from tests.conftest import SMILES, Cli
from tests.fits import check_resumes_exactly, fitted, run_spec, sixty
from tests.test_averaging import Checkpoints
from tests.test_encoders import batch_of, every_encoder

FAST = {"schedule": {"kind": "constant"}, "lr": 0.02, "init_from": "here"}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """With an encoder to start from."""
    plain, config = sixty(), run_spec(seed=7)
    torch.manual_seed(7)
    tensors = Network(config.model, config.head, layout_of(config.featurizer), 1).encoder.state_dict()
    source = Source("here", config.model, config.featurizer, config.data.standardize, ("y",), tensors, None)
    return replace(plain, source=source)


def encoder_of(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")}


def test_the_encoder_is_loaded_and_the_head_is_new(data: TrainingData, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert data.source is not None
    module, other = Module(run_spec(**FAST), data), Module(run_spec(seed=1, **FAST), data)
    for name, tensor in module.network.encoder.state_dict().items():
        assert torch.equal(tensor, data.source.tensors[name])
    assert not torch.equal(module.network.head[0].weight, other.network.head[0].weight)
    told = "train.init_from here: loaded encoder (W_i.weight, W_h.weight, W_o.weight, W_o.bias); not loaded: its head"
    assert told in caplog.text
    assert "of the new head for atoms are drawn by train.seed" in caplog.text


def test_a_network_never_begins_from_scratch_where_an_encoder_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"train\.init_from is set, but no encoder was handed over"):
        Module(run_spec(**FAST), sixty())


def test_trials_of_a_search_keep_standard_errors() -> None:
    from drugml.runs.tune.data import without_test

    plain = sixty()
    molecules = plain.plan.molecules._replace(
        lines=list(map(str, range(60))),
        inchikeys=np.arange(60).astype("S8"),
        scaffolds=np.arange(60),
        smiles=SMILES,
    )
    fold = plain.plan.fold.copy()
    fold[:5] = 2
    error = np.arange(60.0).reshape(60, 1)
    cut = without_test(replace(plain, plan=SplitPlan(molecules, fold), error=error))
    assert cut.error is not None
    np.testing.assert_array_equal(cut.error, error[5:])


def test_a_frozen_encoder_keeps_its_weights(data: TrainingData, tmp_path: Path) -> None:
    assert data.source is not None
    found, metrics = fitted(run_spec(freeze={"kind": "encoder"}, **FAST), data, tmp_path)
    for name, tensor in encoder_of(found.trained.tensors()).items():
        assert torch.equal(tensor, data.source.tensors[name])
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]


def test_layers_thaw_from_the_head_down(data: TrainingData, tmp_path: Path) -> None:
    assert data.source is not None
    seen = Checkpoints(tmp_path / "last.ckpt")
    fit(run_spec(freeze={"kind": "gradual", "epochs": 2}, epochs=7, **FAST), data, seen.path, seen)
    for name, first in (("W_o.weight", 2), ("W_h.weight", 4), ("W_i.weight", 6)):
        same = [torch.equal(s[f"network.encoder.{name}"], data.source.tensors[name]) for s in seen.states]
        assert same == [True] * first + [False] * (7 - first)


@pytest.mark.parametrize(
    "train",
    [
        {"freeze": {"kind": "encoder"}},
        {"freeze": {"kind": "gradual", "epochs": 1}, "optimizer": {"layer_decay": 0.5, "weight_decay": 0.1}},
        {"adapters": {"kind": "lora", "rank": 2}},
        {"adapters": {"kind": "lora", "rank": 2}, "average": {"kind": "ema", "decay": 0.9}, "gradient_clip": 0.5},
    ],
    ids=str,
)
def test_a_resumed_transfer_is_an_uninterrupted_one(
    data: TrainingData, tmp_path: Path, train: dict[str, object]
) -> None:
    check_resumes_exactly(run_spec(**FAST, **train), data, tmp_path)


@every_encoder
def test_adapters_change_nothing_at_first_and_are_merged_without_a_change(spec: type[Spec]) -> None:
    model = spec(hidden_dim=24)  # type: ignore[call-arg]
    featurizer = spec.featurizer  # type: ignore[attr-defined]
    torch.manual_seed(0)
    network = Network(model, HeadSpec(hidden_dim=4), layout_of(featurizer), 1).eval()
    from rdkit import Chem

    batch, before = batch_of(spec, [Chem.MolFromSmiles(s) for s in SMILES]), dict(network.state_dict())
    plain = network(batch)
    adapt(network.encoder, Lora(rank=3))
    torch.testing.assert_close(network(batch), plain)
    learning = [p for p in network.encoder.parameters() if p.requires_grad]
    assert len(learning) == 2 * sum(isinstance(m, torch.nn.Linear) for m in network.encoder.modules())
    much = 0.1 if spec.takes == "geometry" else 1.0  # type: ignore[attr-defined]  # products of vectors grow beyond floats
    for parameter in learning:
        torch.nn.init.normal_(parameter, std=much)
    adapted = network(batch)
    assert not torch.allclose(adapted, plain)
    merge(network.encoder)
    torch.testing.assert_close(network(batch), adapted)
    assert set(network.state_dict()) == set(before)
    assert all(p.requires_grad for p in network.parameters())


def test_what_adapters_add_is_of_low_rank(data: TrainingData, tmp_path: Path) -> None:
    assert data.source is not None
    found, metrics = fitted(run_spec(adapters={"kind": "lora", "rank": 2}, epochs=8, **FAST), data, tmp_path)
    assert metrics[-1]["train/loss"] < metrics[0]["train/loss"]
    assert isinstance(found.trained, TrainedNetwork)
    for name, tensor in encoder_of(found.trained.tensors()).items():
        added = (tensor - data.source.tensors[name]).double()
        if tensor.ndim == 1:
            assert not added.any()
        else:
            assert torch.linalg.matrix_rank(added, atol=1e-5) == 2


SOURCE = ("model.hidden_dim=16", "head.hidden_dim=16", "train.epochs=1", "train.batch_size=16", "data.split=random",
          "train.accelerator=cpu")  # fmt: skip


def runs(place: Path) -> list[Any]:
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name == "small"]
    return list(client.search_runs([experiment], order_by=["attributes.start_time"]))


def test_an_encoder_comes_from_any_reference_and_its_descent_is_recorded(place: Path, small: Path, cli: Cli) -> None:
    assert cli("train", small, "--target", "size", *SOURCE).code == 0
    first = runs(place)[0]
    folder = Path(first.data.tags["drugml.folder"])
    weights = safetensors.torch.load_file(folder / "bundle" / "model.safetensors")
    version = "models:/small-size/1"
    for reference, written in (
        (first.info.run_id[:10], first.info.run_id),
        ("models:/small-size@candidate", version),
        (folder / "last.ckpt", folder / "last.ckpt"),
    ):
        name = "tracking.register_as=tuned"
        done = cli("train", small, "--target", "ring", *SOURCE, f"train.init_from={reference}", "train.freeze=encoder",
                   name)  # fmt: skip
        assert done.code == 0, done.err
        assert f"train.init_from {written}: loaded encoder (W_i.weight, W_h" in done.err
        assert "not loaded: its head for size" in done.err
        assert "the encoder has seen none of the 6 test molecules" in done.err
        run = runs(place)[-1]
        assert run.data.params["train.init_from"] == str(written)
        assert run.data.tags["drugml.init_from"] == str(written)
        assert run.data.tags["drugml.init_run"] == first.info.run_id
        assert run.data.tags["drugml.init_seen_in_test"] == "0"
        tuned = safetensors.torch.load_file(Path(run.data.tags["drugml.folder"]) / "bundle" / "model.safetensors")
        for key, tensor in encoder_of(tuned).items():
            assert torch.equal(tensor, weights[f"encoder.{key}"])
    assert len({r.data.tags["drugml.init_hash"] for r in runs(place)[1:]}) == 1


def test_what_does_not_fit_is_refused_with_its_differences(place: Path, small: Path, cli: Cli, forest: Path) -> None:
    assert cli("train", small, "--target", "size", *SOURCE).code == 0
    start = ("train", small, "--target", "ring", *SOURCE, "train.init_from=models:/small-size/1")
    for options, said in (
        (("model.hidden_dim=24", "model.dropout=0.1"), "  model.hidden_dim: 16 there, 24 here\nwrite the same model"),
        (("model=gine", "model.hidden_dim=16"), "  model.name: dmpnn there, gine here\n  featurizer.name: chemprop_v2"),
        (("model=forest",), "train.init_from is for networks; model 'forest' has no encoder"),
        ((f"train.init_from={forest}",), "is a 'forest', which has no encoder"),
        (("train.init_from=models:/small-size/7",), "models:/small-size/7: no such model in"),
        (("train.init_from=null", "train.freeze=encoder"), "freeze=encoder is for an encoder that was trained before"),
        (("train.init_from=null", "train.adapters=lora"), "adapters=lora is for an encoder that was trained before"),
        (
            ("train.freeze=encoder", "train.adapters=lora"),
            "adapters=lora freezes the encoder by itself; leave `freeze`",
        ),
        (("train.compile=true", "train.adapters=lora"), "compile=true does not go with adapters=lora"),
        ((f"train.init_from={small}",), "there is no config.yaml beside it to say what encoder it holds"),
    ):
        refused = cli(*start, *options)
        assert refused.code == 2, options
        assert said in refused.err, refused.err
    assert len(runs(place)) == 1


def test_molecules_that_the_encoder_has_seen_are_counted(place: Path, small: Path, cli: Cli, bundle: Path) -> None:
    assert cli("train", small, "--target", "size", *SOURCE).code == 0
    other = cli(
        "train", small, "--target", "ring", *SOURCE, "data.split.seed=1", "train.init_from=models:/small-size/1"
    )
    assert other.code == 0, other.err
    shared = int(other.err.split("the encoder has seen ")[1].split()[0])
    assert f"the encoder has seen {shared} of the 6 test molecules (with their labels of size)" in other.err
    assert 3 <= shared <= 6
    assert runs(place)[-1].data.tags["drugml.init_seen_in_test"] == str(shared)
    unknown = cli("train", small, "--target", "ring", *SOURCE, f"train.init_from={bundle}")
    assert "the molecules that the encoder was trained on are not known here" in unknown.err
    assert runs(place)[-1].data.tags["drugml.init_seen_in_test"] == "unknown"


def test_a_run_is_not_resumed_from_another_encoder(place: Path, small: Path, cli: Cli, bundle: Path) -> None:
    import shutil

    shutil.copytree(bundle, place / "start")
    options = ("train", small, "--target", "ring", *SOURCE, "train.init_from=start")
    assert cli(*options).code == 0
    run = runs(place)[-1]
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    client.set_terminated(run.info.run_id, "KILLED")
    shutil.rmtree(place / "start")
    assert cli("train", small, "--target", "size", *SOURCE).code == 0
    shutil.copytree(Path(runs(place)[-1].data.tags["drugml.folder"]) / "bundle", place / "start")
    refused = cli("train", "--resume", run.info.run_id)
    assert refused.code == 2
    assert "drugml.init_hash changed since it was started" in refused.err
