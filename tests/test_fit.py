"""Fits by every fast way: compiled, in bfloat16, resumed with any order of batches; equal to the plain one."""

import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from rdkit import Chem
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from drugml.config.models import DmpnnSpec, HeadSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models.network import Network
from drugml.prediction.trained import layout_of
from drugml.training.compiled import Compiled
from drugml.training.data import TrainingData
from drugml.training.fit import fit
from drugml.training.listener import Silent
from drugml.training.loading import Loaded
from drugml.training.module import Module
from tests.conftest import SMILES
from tests.fits import check_resumes_exactly, fitted, run_spec, sixty

CPU = torch.device("cpu")
COMPILER = os.environ.get("CXX", "g++")
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C++ compiler: {COMPILER} not found")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return sixty()


@pytest.mark.parametrize(
    "train",
    [
        {"order": "bucketed"},
        {"batch_atoms": 120},
        {"batch_atoms": 120, "order": "bucketed", "precision": "bf16-mixed"},
    ],
    ids=str,
)
def test_a_resumed_fit_is_an_uninterrupted_one(data: TrainingData, tmp_path: Path, train: dict[str, object]) -> None:
    check_resumes_exactly(run_spec(**train), data, tmp_path)


def test_every_batch_of_every_epoch_is_trained_on_where_epochs_differ_in_length(
    data: TrainingData, tmp_path: Path
) -> None:
    seen: dict[int, list[tuple[int, int]]] = {}

    class Counts(Silent):
        def batch(self, epoch: int, done: int, total: int) -> None:
            seen.setdefault(epoch, []).append((done, total))

    config = run_spec(batch_atoms=25, epochs=8)
    fit(config, data, tmp_path / "last.ckpt", Counts())
    order = Module(config, data).order
    expected = [len(order.batches(e)) for e in range(8)]
    assert len(set(expected)) > 1
    assert [seen[e] for e in range(8)] == [[(i + 1, n) for i in range(n)] for n in expected]


def test_bfloat16_learns_the_same_in_fewer_digits(data: TrainingData, tmp_path: Path) -> None:
    train = {"epochs": 12, "lr": 0.01, "schedule": {"kind": "constant"}}
    _, plain = fitted(run_spec(**train), data, tmp_path, "plain")
    _, short = fitted(run_spec(precision="bf16-mixed", **train), data, tmp_path, "short")
    assert plain[-1]["val/rmse"] < 0.5 * plain[0]["val/rmse"]
    assert short[-1]["val/rmse"] == pytest.approx(plain[-1]["val/rmse"], rel=0.1)
    assert short[0]["train/loss"] != plain[0]["train/loss"]
    assert short[0]["train/loss"] == pytest.approx(plain[0]["train/loss"], rel=0.02)


@pytest.mark.parametrize(("precision", "fused"), [("32-true", True), ("bf16-mixed", True), ("16-mixed", False)])
def test_the_optimiser_is_fused_where_lightning_can_clip(data: TrainingData, precision: str, fused: bool) -> None:
    module = Module(run_spec(precision=precision), data)
    assert module.configure_optimizers()["optimizer"].param_groups[0]["fused"] is fused


def test_the_precision_of_matrix_products_is_given_back(data: TrainingData, tmp_path: Path) -> None:
    during = []

    class Looks(Silent):
        def batch(self, epoch: int, done: int, total: int) -> None:
            during.append(torch.get_float32_matmul_precision())

    fit(run_spec(epochs=1, matmul_precision="high"), data, tmp_path / "last.ckpt", Looks())
    assert set(during) == {"high"}
    assert torch.get_float32_matmul_precision() == "highest"


class NoWait(TorchDispatchMode):
    """Refuses what makes the host wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func is not torch.ops.aten._local_scalar_dense.default, "a number is read from the device"
        assert func is not torch.ops.aten.nonzero.default, "a shape depends on the data"
        return func(*args, **(kwargs or {}))


def test_a_step_waits_for_nothing(data: TrainingData) -> None:
    module = Module(run_spec(), data)
    module.on_fit_start()
    optimizer = module.configure_optimizers()["optimizer"]
    at = torch.arange(8)
    batch = Loaded(at, module.packed().batch(at), at)
    module._loss, module._weight = torch.zeros(()), torch.zeros(())
    with NoWait():
        module.training_step(batch, 0).backward()
        optimizer.step()
    with pytest.raises(AssertionError, match="read from the device"), NoWait():
        module._loss.item()


@needs_compiler
def test_compiled_equals_eager(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)  # else processes are started that import torch
    model = DmpnnSpec(hidden_dim=20, depth=2)
    layout = layout_of(model.featurizer)
    store = FEATURIZERS.build(model.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    torch.manual_seed(0)
    network, packed = Network(model, HeadSpec(hidden_dim=16), layout, 2), DeviceStore(store, layout, CPU)
    batches = list(torch.arange(60).split(20))
    compiled = Compiled(network, packed, batches)
    compiled.shapes = compiled.shapes[-1:]  # one compilation is enough here
    assert compiled.works(batches), caplog.text
    assert all(p.grad is None for p in network.parameters())
    largest = torch.arange(60)  # no shape is large enough: eager, but right
    for at in (*batches, batches[0][:3], largest):
        batch = packed.batch(at)
        outs = [f(batch) for f in (network, compiled)]
        torch.testing.assert_close(outs[1], outs[0], rtol=1e-5, atol=1e-5)
        grads = [torch.autograd.grad((out**2).mean(), list(network.parameters())) for out in outs]
        for eager, fast in zip(*grads, strict=True):
            torch.testing.assert_close(fast, eager, rtol=1e-5, atol=1e-5 * float(eager.abs().max()))
    assert len(torch._dynamo.eval_frame._debug_get_cache_entry_list(Network.forward.__code__)) == 1  # type: ignore[attr-defined]


def test_a_shape_that_is_met_late_is_compiled_before_the_first_step(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise its failure would end a run that had begun well."""
    layout = layout_of(DmpnnSpec.featurizer)
    store = FEATURIZERS.build(DmpnnSpec.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    network, packed = Network(DmpnnSpec(hidden_dim=4), HeadSpec(), layout, 1), DeviceStore(store, layout, CPU)
    batches = list(torch.arange(60).split(7))
    compiled = Compiled(network, packed, batches)
    largest = compiled.shapes[-1]
    tried = []

    def fail(batch: MoleculeBatch) -> Tensor:
        tried.append(len(batch.x))
        if len(batch.x) == largest:
            raise RuntimeError("no room on the device\nfor so large a kernel")
        return network(batch)  # type: ignore[no-any-return]

    compiled.compiled = fail
    assert not compiled.works(batches)
    assert tried == compiled.shapes
    assert caplog.messages == [
        "train.compile: not compiled, the network runs as it is: RuntimeError: no room on the device"
    ]
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("wrong", ["outputs", "gradients", "infinite", "nothing"])
def test_a_compiled_network_that_is_wrong_is_not_used(
    wrong: str, dropout: float, caplog: pytest.LogCaptureFixture
) -> None:
    """But for one that draws, of which no two outputs are the same."""
    layout = layout_of(DmpnnSpec.featurizer)
    store = FEATURIZERS.build(DmpnnSpec.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    torch.manual_seed(0)
    model = DmpnnSpec(hidden_dim=64, dropout=dropout)
    network, packed = Network(model, HeadSpec(), layout, 1), DeviceStore(store, layout, CPU)
    batches = list(torch.arange(60).split(20))
    compiled = Compiled(network, packed, batches)
    atoms = compiled.shapes[-1]

    def run(batch: MoleculeBatch) -> Tensor:
        out: Tensor = network(batch)
        if len(batch.x) < atoms or wrong == "nothing":
            return out
        if wrong == "gradients":
            return out.detach() + 1.05 * (out - out.detach())
        return out * (1.05 if wrong == "outputs" else math.inf)

    compiled.compiled = run
    works = wrong == "nothing" or (dropout > 0 and wrong != "infinite")
    assert compiled.works(batches) == works
    if not works:
        by = "inf%" if wrong == "infinite" else "5%"
        said = f"ArithmeticError: it differs by {by} from the plain network at {atoms} atoms"
        assert caplog.messages[-1] == f"train.compile: not compiled, the network runs as it is: {said}"
    assert all(p.grad is None for p in network.parameters())


def test_shapes_are_few_and_hold_every_batch() -> None:
    layout = layout_of(DmpnnSpec.featurizer)
    store = FEATURIZERS.build(DmpnnSpec.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    network, packed = Network(DmpnnSpec(hidden_dim=4), HeadSpec(), layout, 1), DeviceStore(store, layout, CPU)
    batches = list(torch.randperm(60, generator=torch.Generator().manual_seed(0)).split(7))
    compiled = Compiled(network, packed, batches)
    asked = []
    compiled.compiled = lambda batch: asked.append((len(batch.x), len(batch.bonds))) or network(batch)  # type: ignore[func-returns-value,assignment]
    for at in batches:
        compiled(packed.batch(at))
    assert len(asked) == len(batches)
    assert len(set(asked)) <= 6
    assert all(n % 8 == 0 for n, _ in asked)


@needs_compiler
def test_a_fit_where_compiling_fails_says_so_and_goes_on(
    data: TrainingData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain, _ = fitted(run_spec(epochs=2), data, tmp_path, "plain")
    import torch._inductor.config as inductor

    with inductor.patch({"cpp.cxx": ("/no/such/compiler",)}):
        other, _ = fitted(run_spec(epochs=2, compile=True), data, tmp_path, "compiled")
    assert "train.compile: not compiled, " in caplog.text
    assert "the network runs as it is" in caplog.text
    for name, tensor in plain.trained.tensors().items():
        assert torch.equal(tensor, other.trained.tensors()[name])
