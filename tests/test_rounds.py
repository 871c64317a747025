"""Atoms that are alike: found as comparing them finds them, and computing a round once for them changes nothing."""

from collections.abc import Hashable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from drugml.config.base import Spec
from drugml.config.encoders import GatSpec, Gatv2Spec, GcnSpec, GineSpec, GinSpec, GraphSageSpec, PnaSpec
from drugml.data import alike
from drugml.data.batch import MoleculeBatch
from drugml.models import rounds
from drugml.models.encodings import encoder_of
from drugml.models.layered import Layered
from drugml.models.rounds import Hood, Rounds
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES
from tests.test_alike import FEATURES, MORE, batch_of, every_featurizer, partition

MODELS: list[type[Spec]] = [GcnSpec, GraphSageSpec, GinSpec, GineSpec, GatSpec, Gatv2Spec, PnaSpec]
every_model = pytest.mark.parametrize("kind", MODELS, ids=lambda s: s().name)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share, however little there is to share."""
    monkeypatch.setattr(alike, "WORTH", 0)
    monkeypatch.setattr(rounds, "MOST", 1.0)


def test_all_networks_of_equal_rounds_are_here() -> None:
    kinds = [c for each in Layered.__subclasses__() for c in (each.__subclasses__() or [each])]
    assert len([c for c in kinds if c.__module__.startswith("drugml.")]) == len(MODELS)


@every_featurizer
@settings(max_examples=25)
@given(smiles=st.lists(st.sampled_from([*SMILES, *MORE]), min_size=1, max_size=12))
def test_atoms_are_of_one_kind_if_and_only_if_all_they_have_heard_is_the_same(spec: Spec, smiles: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "WORTH", 0)
        patch.setattr(rounds, "MOST", 1.0)
        batch = batch_of(spec, smiles)
        ways = Rounds(batch, share=True)
        assert (ways._alike is not None) == (len(batch.bonds) > 0)
        if ways._alike is None:
            return
        edges = batch.edge_index.t().tolist()
        into: list[list[int]] = [[e for e, (_, t) in enumerate(edges) if t == a] for a in range(len(batch.x))]
        bonds = [tuple(row) for row in batch.edge_attr.tolist()]
        names: list[Hashable] = [(tuple(x), len(heard)) for x, heard in zip(batch.x.tolist(), into, strict=True)]
        assert torch.equal(ways.atoms()[ways._kind], batch.x)
        for _ in range(4):
            before, (rows, kind) = names, (ways._example.tolist(), ways._kind.tolist())
            assert partition(kind) == partition(before)
            hood = ways.next()
            names = [
                (own, tuple(sorted((before[edges[e][0]], bonds[e]) for e in into[a]))) for a, own in enumerate(names)
            ]
            order = sorted(set(names))
            names = [order.index(n) for n in names]
            assert hood.own is not None
            for a, example in enumerate(ways._example.tolist()):
                assert kind[rows[hood.own[a]]] == kind[example]
                heard = [
                    (kind[rows[int(s)]], bonds_of(hood, i)) for i, s in enumerate(hood.source) if hood.target[i] == a
                ]
                assert sorted(heard) == sorted((kind[edges[e][0]], bonds[e]) for e in into[example])
            assert hood.degree.flatten().tolist() == [len(into[r]) for r in rows]
            assert hood.atoms == len(set(names))


def bonds_of(hood: Hood, i: int) -> tuple[float, ...]:
    return tuple(hood.bonds[hood.bond[i]].tolist())


def passed(network: torch.nn.Module, batch: MoleculeBatch) -> list[Tensor]:
    """Output and gradients."""
    network.zero_grad()
    out = network(batch)
    (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
    return [out.detach(), *(p.grad for p in network.parameters() if p.grad is not None)]


@every_model
@every_featurizer
@pytest.mark.parametrize("depth", [1, 2, 4, 7])
@pytest.mark.usefixtures("always")
def test_what_is_computed_once_is_what_is_computed_of_each(kind: type[Spec], spec: Spec, depth: int) -> None:
    torch.manual_seed(0)
    network = encoder_of(kind(hidden_dim=24, depth=depth), layout_of(spec))
    assert isinstance(network, Layered)
    network.double()
    found = []
    for share in (True, False):
        batch = batch_of(spec, [*SMILES, *MORE, *SMILES[:5]])
        x, bonds = batch.x.double(), batch.bonds.double()
        if not share:
            batch.looks = None
        else:
            assert batch.alike is not None  # kept: it is asked for once
        batch.x, batch.bonds = x, bonds
        found.append(passed(network, batch))
    largest = max(float(each.abs().max()) for each in found[1])
    for once, each in zip(*found, strict=True):
        torch.testing.assert_close(once, each, rtol=1e-9, atol=1e-12 * largest)


@every_model
@pytest.mark.parametrize("most", [0.3, 0.7, 1.0])
def test_sharing_ends_where_most_atoms_differ(kind: type[Spec], most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MOST", most)
    torch.manual_seed(0)
    network = encoder_of(kind(hidden_dim=24), layout_of(FEATURES[0]))
    assert isinstance(network, Layered)
    asked: list[Hood] = []
    plain = Rounds.next
    monkeypatch.setattr(Rounds, "next", lambda self: asked.append(plain(self)) or asked[-1])
    batch = batch_of(FEATURES[0], [*SMILES, *MORE] * 2)
    once = passed(network, batch)
    atoms = [hood.atoms for hood in asked]
    assert atoms[0] < atoms[1] <= atoms[2] <= atoms[3]
    assert all(n <= most * len(batch.x) or n == len(batch.x) for n in atoms)
    assert (atoms[-1] == len(batch.x)) == (most < 0.5)  # of molecules that are all there twice half the atoms differ
    batch.looks = None
    del batch.alike
    for a, b in zip(once, passed(network, batch), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()))


@every_model
@pytest.mark.parametrize("how", ["dropout", "virtual_node"])
@pytest.mark.usefixtures("always")
def test_what_makes_atoms_differ_is_not_shared(kind: type[Spec], how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"dropout": 0.5} if how == "dropout" else {"virtual_node": True}
    network = encoder_of(kind(hidden_dim=24, **options), layout_of(FEATURES[0]))
    assert isinstance(network, Layered)
    asked: list[Hood] = []
    plain = Rounds.next
    monkeypatch.setattr(Rounds, "next", lambda self: asked.append(plain(self)) or asked[-1])
    batch = batch_of(FEATURES[0], SMILES)
    network.train()(batch)
    assert {hood.atoms for hood in asked} == {len(batch.x)}
    asked.clear()
    network.eval()(batch)
    assert (asked[0].atoms < len(batch.x)) == (how == "dropout")  # which is none in prediction
