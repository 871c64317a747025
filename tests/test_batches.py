"""Batches: which molecules, in what order, from where; every fast way gives the bits of the plain one."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.encoders import EncoderSpec
from drugml.config.featurizers import ChempropV2Spec
from drugml.config.models import DmpnnSpec
from drugml.config.training import TrainSpec
from drugml.data import memory
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.store import PackedStore
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.encodings import encoder_of
from drugml.prediction.trained import layout_of
from drugml.training import loading
from drugml.training.loading import Batches, ahead, load
from drugml.training.order import POOL, Order, epoch_seed
from tests.conftest import SMILES

CPU = torch.device("cpu")
LAYOUT = layout_of(ChempropV2Spec())


@pytest.fixture(scope="module")
def store() -> PackedStore:
    mols = [Chem.MolFromSmiles(s) for s in [*SMILES, "C", "[Na+].[Cl-]"]]
    return FEATURIZERS.build(ChempropV2Spec()).pack(mols)


def fields(batch: MoleculeBatch) -> dict[str, torch.Tensor]:
    return {k: getattr(batch, k) for k in ("x", "bonds", "ends", "batch", "edge_index", "edge_attr", "reverse")}


def assert_same(a: MoleculeBatch, b: MoleculeBatch) -> None:
    assert a.num_graphs == b.num_graphs
    for name, value in fields(a).items():
        assert torch.equal(value, fields(b)[name]), name
        assert value.dtype == fields(b)[name].dtype, name


SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=300)
SPECS = st.builds(
    TrainSpec,
    batch_size=st.integers(1, 40),
    batch_atoms=st.none() | st.integers(1, 500),
    order=st.sampled_from(["random", "bucketed"]),
    seed=st.integers(0, 99),
)


@given(sizes=SIZES, spec=SPECS, epoch=st.integers(0, 5))
def test_every_molecule_is_in_one_batch_within_the_limit(sizes: list[int], spec: TrainSpec, epoch: int) -> None:
    atoms = torch.tensor(sizes)
    indices = torch.arange(len(sizes)) * 3 + 1
    batches = Order(indices, atoms, spec).batches(epoch)
    assert torch.equal(torch.cat(batches).sort().values, indices)
    for batch in batches:
        if spec.batch_atoms is None:
            assert 1 <= len(batch) <= spec.batch_size
        else:
            assert len(batch) == 1 or int(atoms[(batch - 1) // 3].sum()) <= spec.batch_atoms
    if spec.batch_atoms is None:
        assert len(batches) == -(-len(sizes) // spec.batch_size)


@given(sizes=SIZES, spec=SPECS, epoch=st.integers(0, 5))
def test_the_order_depends_on_seed_and_epoch_only(sizes: list[int], spec: TrainSpec, epoch: int) -> None:
    atoms, indices = torch.tensor(sizes), torch.arange(len(sizes))
    torch.manual_seed(1)
    order = Order(indices, atoms, spec)
    order.batches(epoch + 1)
    first = order.batches(epoch)
    torch.manual_seed(2)
    again = Order(indices, atoms, spec).batches(epoch)
    assert len(first) == len(again)
    assert all(map(torch.equal, first, again))


def test_random_order_is_a_permutation_that_is_cut() -> None:
    """Checkpoints of earlier versions go on with the same batches."""
    generator = torch.Generator().manual_seed(epoch_seed(5, 2))
    expected = torch.randperm(1000, generator=generator).split(64)
    found = Order(torch.arange(1000), torch.ones(1000), TrainSpec(seed=5, batch_size=64)).batches(2)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("limit", [{"batch_size": 16}, {"batch_atoms": 400}], ids=lambda d: next(iter(d)))
def test_buckets_hold_molecules_of_like_size_in_random_order(limit: dict[str, int]) -> None:
    atoms = torch.randint(5, 60, (8000,), generator=torch.Generator().manual_seed(0))
    spread = {}
    for order in ("random", "bucketed"):
        batches = Order(torch.arange(8000), atoms, TrainSpec(order=order, **limit)).batches(0)
        spread[order] = np.mean([atoms[b].double().std(correction=0) for b in batches])
        means = [float(atoms[b].double().mean()) for b in batches]
        assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.1  # small ones do not come first
    assert spread["bucketed"] < 0.1 * spread["random"]
    assert len(batches) > POOL  # more than one pool: not a sort of the whole fold


def test_an_atom_budget_fills_batches() -> None:
    atoms = torch.randint(5, 60, (5000,), generator=torch.Generator().manual_seed(0))
    batches = Order(torch.arange(5000), atoms, TrainSpec(batch_atoms=2000)).batches(0)
    assert min(int(atoms[b].sum()) for b in batches[:-1]) > 2000 - 60


def test_resident_and_loaded_batches_are_bit_by_bit_the_same(
    store: PackedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(tmp_path / "store", {})
    mapped, _ = PackedStore.load(tmp_path / "store")
    batches = Order(torch.arange(len(store)), torch.as_tensor(np.diff(store.atom_start)), TrainSpec(batch_size=7))
    with caplog.at_level("INFO", "drugml"):
        resident = load(store, LAYOUT, CPU)
        monkeypatch.setattr(loading, "available", lambda device: 2 * store.nbytes - 1)
        loaded = load(mapped, LAYOUT, CPU)
    assert (resident.resident, loaded.resident) == (True, False)
    first, second = caplog.messages
    assert first.startswith("batches: 0 MB of features, ")
    assert first.endswith(" MB free on cpu: resident on cpu")
    assert second == "batches: 0 MB of features, 0 MB free on cpu: too large to be resident, read ahead in a thread"
    plan = batches.batches(0)
    pairs = list(zip(Batches(resident, plan), Batches(loaded, plan), strict=True))
    assert len(pairs) == len(plan)
    for (at, a, _), (also_at, b, _) in pairs:
        assert torch.equal(at, also_at)
        assert_same(a, b)


def test_a_batch_is_what_packing_its_molecules_alone_gives(store: PackedStore) -> None:
    at = [61, 3, 3, 60, 17]
    everything = [*SMILES, "C", "[Na+].[Cl-]"]
    alone = FEATURIZERS.build(ChempropV2Spec()).pack([Chem.MolFromSmiles(everything[i]) for i in at])
    batch = DeviceStore(store, LAYOUT, CPU).batch(torch.tensor(at))
    assert_same(batch, DeviceStore(alone, LAYOUT, CPU).batch(torch.arange(5)))
    assert torch.equal(batch.edge_index[:, batch.reverse], batch.edge_index.flip(0))


def test_atoms_beyond_the_sign_bit_of_their_number_are_bonded_rightly(store: PackedStore) -> None:
    atoms, bonds = 40_001, 40_000
    chain = np.stack([np.arange(bonds), np.arange(1, atoms)], axis=1).astype(np.uint16)
    long = PackedStore(
        molecule={},
        atom={"codes": np.repeat(store.atom["codes"][:1], atoms, 0), "floats": np.zeros((atoms, 1), np.float32)},
        bond={"codes": np.repeat(store.bond["codes"][:1], bonds, 0), "ends": chain},
        atom_start=np.array([0, atoms]),
        bond_start=np.array([0, bonds]),
    )
    assert DeviceStore(long, LAYOUT, CPU).batch(torch.tensor([0])).ends.tolist() == chain.tolist()


PADDED = [s for s in ENCODERS if issubclass(s, EncoderSpec) and s.takes != "geometry"]


@pytest.mark.parametrize("spec", PADDED, ids=lambda s: s.__name__)
def test_padding_changes_no_output(spec: type[Spec]) -> None:
    featurizer = spec.featurizer  # type: ignore[attr-defined]
    layout = layout_of(featurizer)
    packed = FEATURIZERS.build(featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES[:9]])
    encoder = encoder_of(spec(hidden_dim=32, dropout=0.0), layout)
    batch = DeviceStore(packed, layout, CPU).batch(torch.arange(9))
    if batch.descriptors is not None:
        batch = batch.with_descriptors(batch.descriptors.nan_to_num().arcsinh())
    shape = (12, len(batch.x) + 50, len(batch.bonds) + 3)
    padded = batch.padded(*shape)
    assert (padded.num_graphs, len(padded.x), len(padded.bonds)) == shape
    torch.testing.assert_close(encoder(padded)[:9], encoder(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("width", [16, 17, 30, 300])
def test_filled_up_rows_change_no_gradient(store: PackedStore, width: int) -> None:
    """Against the equation written out: a matrix product per step, neighbours added one by one."""
    torch.manual_seed(0)
    encoder = ENCODERS.build(DmpnnSpec(hidden_dim=width, pooling="sum"), LAYOUT.atoms.width, LAYOUT.bonds.width)
    assert isinstance(encoder, torch.nn.Module)
    batch = DeviceStore(store, LAYOUT, CPU).batch(torch.arange(5))
    (source, target), weights = batch.edge_index, list(encoder.parameters())
    first = encoder.W_i(torch.cat([batch.x[source], batch.edge_attr], 1))  # type: ignore[operator]
    h = first.relu()
    neighbours = (target[None] == source[:, None]) & (batch.reverse[:, None] != torch.arange(len(source)))
    for _ in range(2):
        h = (first + encoder.W_h(neighbours.float() @ h)).relu()  # type: ignore[operator]
    into = (target[None] == torch.arange(len(batch.x))[:, None]).float() @ h
    atoms = encoder.W_o(torch.cat([batch.x, into], 1)).relu()  # type: ignore[operator]
    expected = (batch.batch[None] == torch.arange(5)[:, None]).float() @ atoms
    found = encoder(batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    ours, theirs = (torch.autograd.grad((out**2).sum(), weights) for out in (found, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max()))


def test_what_the_thread_meets_is_raised_where_it_is_used_and_no_thread_stays(store: PackedStore) -> None:
    (one,) = Batches(DeviceStore(store, LAYOUT, CPU), [torch.tensor([0])])

    def broken() -> Iterator[loading.Loaded]:
        yield one
        raise OSError("the disk is gone")

    items = ahead(broken())
    assert next(items) is one
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    left = ahead(iter([one] * 100))
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert "batches" not in [t.name for t in threading.enumerate()]


def test_free_memory_is_that_of_the_machine() -> None:
    free = memory.available(CPU)
    assert 2**26 < free < 2**45


FREED = """
import resource, sys, torch
from drugml.data import memory
if not memory.give_back():
    sys.exit(3)
def faults(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(size * 2**18).sum()  # of 4 bytes: above the threshold where glibc maps blocks by default
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(20)
print(min(faults(20) for _ in range(5)))  # which glibc by itself would keep after the first
memory.keep_freed()
faults(64)
print(min(faults(60) for _ in range(5)))  # smaller: to align a block glibc asks for more than the one it freed had
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])
kept = resident()
memory.give_back()
print(kept - resident())
"""


def test_freed_blocks_stay_with_the_process_only_from_when_it_keeps_them_until_it_gives_them_back() -> None:
    """In a process of its own: a test before may have left the main thread another arena than glibc's first."""
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    before, anew, given_back = map(int, done.stdout.split())
    assert before > 5000  # of 5,120 pages
    assert anew < 1000  # of 15,360 pages
    assert given_back > 15000
