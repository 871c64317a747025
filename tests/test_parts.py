"""Steps in parts: gradients add up to those of the whole batch, and memory that is short costs nothing but time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.config.training import TrainSpec
from drugml.data.batch import MoleculeBatch
from drugml.errors import UserError
from drugml.models.network import Network
from drugml.runs.dataset import prepare
from drugml.runs.folds import Place, draw_folds
from drugml.training.autosize import fits, largest, with_largest
from drugml.training.data import TrainingData
from drugml.training.fit import Fitted, fit
from drugml.training.listener import Silent
from drugml.training.module import Module
from drugml.training.order import lengths
from drugml.training.parts import fitting, out_of_memory
from tests.fits import Epochs, check_resumes_exactly, fitted, run_spec, sixty

PLAIN: dict[str, Any] = {"deterministic": False, "gradient_clip": 0.5, "optimizer": {"weight_decay": 0.01}}
TOO_MUCH = 2**50
"""Floats that no machine has room for."""


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """Two targets with gaps, bounds and weights: parts differ in how many labels they have."""
    plain, rng = sixty(), np.random.default_rng(0)
    low = np.hstack([plain.low, plain.low**0.5])
    low[rng.random(low.shape) < 0.3] = np.nan
    high = np.where(rng.random(low.shape) < 0.2, np.inf, low)
    weight = rng.uniform(0.2, 3.0, low.shape)
    return replace(plain, targets=("atoms", "root"), low=low, high=high, weight=weight)


def config(**train: Any) -> Any:
    made = run_spec(**{**PLAIN, **train})
    data = made.data.model_copy(update={"targets": ("atoms", "root")})
    return made.model_copy(update={"data": data, "model": made.model.model_copy(update={"dropout": 0.0})})


def check_equal(found: Fitted, other: Fitted) -> None:
    theirs = other.trained.tensors()
    for name, tensor in found.trained.tensors().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ({"batch_size": 12}, {"batch_size": 4, "accumulate": 3}),
        ({"batch_size": 12, "order": "bucketed"}, {"batch_size": 6, "accumulate": 2, "order": "bucketed"}),
        ({"batch_atoms": 120}, {"batch_atoms": 30, "accumulate": 4}),
        (
            {"batch_size": 12, "average": {"kind": "ema"}, "task_weights": "learned"},
            {"batch_size": 3, "accumulate": 4, "average": {"kind": "ema"}, "task_weights": "learned"},
        ),
    ],
    ids=str,
)
def test_batches_that_accumulate_are_one_larger_batch(
    data: TrainingData, tmp_path: Path, whole: dict[str, Any], parts: dict[str, Any]
) -> None:
    """45 molecules, so that the last step of an epoch is uneven."""
    one, metrics = fitted(config(**whole), data, tmp_path, "one")
    many, others = fitted(config(**parts), data, tmp_path, "many")
    check_equal(many, one)
    for mine, theirs in zip(others, metrics, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_half_precision_accumulates_too(data: TrainingData, tmp_path: Path) -> None:
    bf16 = {"precision": "bf16-mixed", "gradient_clip": None}
    one, _ = fitted(config(batch_size=12, **bf16), data, tmp_path, "one")
    many, _ = fitted(config(batch_size=4, accumulate=3, **bf16), data, tmp_path, "many")
    for name, tensor in many.trained.tensors().items():
        torch.testing.assert_close(tensor, one.trained.tensors()[name], rtol=0.1, atol=0.01)


@given(
    atoms=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    size=st.integers(1, 20),
    budget=st.none() | st.integers(1, 100),
    times=st.integers(1, 4),
    halvings=st.integers(0, 8),
)
def test_groups_hold_every_molecule_within_their_limit(
    atoms: list[int], size: int, budget: int | None, times: int, halvings: int
) -> None:
    spec = TrainSpec(batch_size=size, batch_atoms=budget)
    found = lengths(torch.tensor(atoms), spec, times, halvings)
    assert sum(found) == len(atoms)
    assert min(found) >= 1
    for group in torch.tensor(atoms).split(found):
        if budget is None:
            assert len(group) <= max(size * times >> halvings, 1)
        else:
            assert len(group) == 1 or int(group.sum()) <= max(budget * times >> halvings, 1)


def starve(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let torch run out of memory, truly, with more than `room` molecules in a training pass."""
    plain = Network.forward

    def forward(self: Network, batch: MoleculeBatch) -> Tensor:
        if batch.num_graphs > room and torch.is_grad_enabled():
            torch.empty(TOO_MUCH)
        return plain(self, batch)

    monkeypatch.setattr(Network, "forward", forward)


@pytest.mark.parametrize("train", [{"batch_size": 12}, {"batch_atoms": 120}], ids=str)
def test_a_batch_that_does_not_fit_is_halved_and_the_numbers_stay(
    data: TrainingData,
    tmp_path: Path,
    train: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole, metrics = fitted(config(**train), data, tmp_path, "whole")
    assert not whole.tags
    starve(monkeypatch, 5)
    short, others = fitted(config(**train), data, tmp_path, "short")
    check_equal(short, whole)
    for mine, theirs in zip(others, metrics, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    size, unit = (120, "atoms") if "batch_atoms" in train else (12, "molecules")
    told = short.tags["drugml.batch_halved"]
    assert told in (f"from here on at most {size >> n} {unit} instead of {size}" for n in (1, 2, 3))
    assert f"out of memory with {12 if unit == 'molecules' else ''}" in caplog.text
    assert told in caplog.text
    assert "gradients are added up, so that a step is still one of as many molecules as before" in caplog.text


def test_memory_that_is_short_in_the_backward_pass_leaves_no_half_gradient(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = fitted(config(batch_size=12), data, tmp_path, "whole")
    plain, tried = Network.forward, list[int]()

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
            tried.append(len(grad))
            if len(grad) > 6:
                torch.empty(TOO_MUCH)
            return grad

    def forward(self: Network, batch: MoleculeBatch) -> Tensor:
        if not torch.is_grad_enabled():
            return plain(self, batch)
        out: Tensor = self.head(Fails.apply(self.encoder(batch)))
        return out

    monkeypatch.setattr(Network, "forward", forward)
    short, _ = fitted(config(batch_size=12), data, tmp_path, "short")
    assert [n for n in tried if n > 6] == [12]  # once, and never again
    check_equal(short, whole)


def test_a_resumed_fit_goes_on_with_the_parts_it_had(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    starve(monkeypatch, 5)
    check_resumes_exactly(config(batch_size=12, accumulate=2, deterministic=True), data, tmp_path)
    assert caplog.text.count("out of memory with") == 2 * 2  # 12 to 6 to 3, in the whole and in the cut one, not after


def test_a_molecule_that_does_not_fit_alone_ends_the_run(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starve(monkeypatch, 0)
    with pytest.raises(UserError, match=r"a molecule of up to \d+ atoms does not fit into memory even alone; set a"):
        fit(config(batch_size=4), data, tmp_path / "last.ckpt", Silent())


def test_other_errors_are_not_taken_for_a_want_of_memory(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Network, batch: MoleculeBatch) -> Tensor:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Network, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        fit(config(), data, tmp_path / "last.ckpt", Silent())
    with pytest.raises(RuntimeError) as short:
        torch.empty(TOO_MUCH)
    assert out_of_memory(short.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not out_of_memory(RuntimeError("shapes differ"))


def test_validation_goes_by_smaller_steps_where_memory_is_short() -> None:
    tried = []

    def run(size: int) -> int:
        tried.append(size)
        if size > 64:
            torch.empty(TOO_MUCH)
        return size

    assert fitting(run, 256) == 64
    assert tried == [256, 128, 64]


@given(room=st.integers(1, 5000), most=st.integers(1, 5000))
def test_the_size_found_is_the_largest_that_fits(room: int, most: int) -> None:
    found = largest(lambda n: n <= room, 64, most)
    assert found == 64 or found <= min(room, most)
    assert found * 2 > min(room, most)


def test_trying_a_size_leaves_nothing_behind(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    starve(monkeypatch, 8)
    module, state = Module(config(), data), torch.get_rng_state()
    assert fits(module, torch.arange(8))
    assert not fits(module, torch.arange(9))
    assert all(p.grad is None for p in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_on_a_cpu_there_is_no_size_to_find(
    data: TrainingData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    asked = config(batch_size="largest", epochs=2)
    assert with_largest(asked, data, tmp_path / "none").train.batch_size == 64
    assert (
        "train.batch_size = largest: on a CPU there is nothing to find, larger batches are not faster: 64"
        in caplog.text
    )
    auto, _ = fitted(asked, data, tmp_path, "auto")
    assert auto.tags == {"drugml.batch_size": "64"}
    fixed, _ = fitted(config(batch_size=64, epochs=2), data, tmp_path, "fixed")
    check_equal(auto, fixed)
    with pytest.raises(RuntimeError, match="crash"):
        fit(config(batch_size=8), data, tmp_path / "cut.ckpt", Epochs(1))
    assert with_largest(asked, data, tmp_path / "cut.ckpt").train.batch_size == 8
    assert "train.batch_size = largest: 8, as before" in caplog.text
    with pytest.raises(UserError, match="batch_size=largest has no meaning where `batch_atoms` counts"):
        run_spec(batch_size="largest", batch_atoms=100)


@pytest.mark.parametrize(("molecules", "size"), [(1, 16), (2000, 16), (2001, 32), (4000, 32), (4001, 64), (10**6, 64)])
def test_small_tables_have_small_batches(molecules: int, size: int) -> None:
    assert config(batch_size="auto").with_batch_size(molecules).train.batch_size == size
    assert config(batch_size=12).with_batch_size(molecules).train.batch_size == 12


def test_auto_is_a_number_wherever_it_is_asked_for(data: TrainingData, tmp_path: Path) -> None:
    """As in a trial of a search that has it among its values."""
    auto, _ = fitted(config(batch_size="auto", epochs=2), data, tmp_path, "auto")
    fixed, _ = fitted(config(batch_size=16, epochs=2), data, tmp_path, "fixed")
    check_equal(auto, fixed)
    assert "drugml.batch_size" not in auto.tags


def test_a_run_and_its_folds_have_the_batch_size_of_the_whole_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["smiles,y", *(f"{'C' * n}O,{n}" for n in range(1, 41))]))
    asked = check(RunSpec, {"data": {"path": str(tmp_path / "t.csv"), "targets": ["y"]}}, {(): "test"})
    assert asked.train.batch_size == "auto"
    assert prepare(asked).config.train.batch_size == 16
    assert {draw_folds(asked, 4, 1).dataset(Place(1, n)).config.train.batch_size for n in (1, 4)} == {16}
