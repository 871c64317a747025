"""Directed bonds that are alike: found as comparing them finds them, and computing them once changes nothing."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.encodings import WalkEncoding
from drugml.config.featurizers import ChempropV2Spec, OgbSpec
from drugml.config.graph_features import ChempropOrganicSpec, ChempropV1Spec, RigrSpec
from drugml.config.models import DmpnnSpec
from drugml.data import alike
from drugml.data.alike import Around, _joined
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.store import Layout, OneHotLayout
from drugml.featurizers import FEATURIZERS
from drugml.models.dmpnn import Dmpnn
from drugml.models.encodings import encoder_of
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES

FEATURES = [ChempropV2Spec(), ChempropV1Spec(), ChempropOrganicSpec(), RigrSpec(), OgbSpec()]
every_featurizer = pytest.mark.parametrize("spec", FEATURES, ids=lambda s: s.name)
MORE = [
    "[13CH4]",
    "[13CH3]C",
    "[2H]C([2H])[2H]",
    "C[C@H](N)O",
    "C[C@@H](N)O",
    "C/C=C/C",
    "C/C=C\\C",
    "[Na+].[Cl-]",
    "[U]",
]


def batch_of(spec: Spec, smiles: list[str]) -> MoleculeBatch:
    store = FEATURIZERS.build(spec).pack([Chem.MolFromSmiles(s) for s in smiles])
    return DeviceStore(store, layout_of(spec), torch.device("cpu")).batch(torch.arange(len(smiles)))


def encoder(spec: Spec, **options: object) -> Dmpnn:
    torch.manual_seed(0)
    found = encoder_of(DmpnnSpec(hidden_dim=24, **options), layout_of(spec))
    assert isinstance(found, Dmpnn)
    return found


@every_featurizer
@settings(max_examples=25)
@given(smiles=st.lists(st.sampled_from([*SMILES, *MORE]), min_size=1, max_size=12))
def test_bonds_are_of_one_kind_if_and_only_if_all_their_features_are_the_same(spec: Spec, smiles: list[str]) -> None:
    batch = batch_of(spec, smiles)
    assert batch.alike is not None
    _, kind, example, *_ = batch.alike
    rows = torch.cat([batch.x[batch.edge_index[0]], batch.edge_attr], dim=1)
    assert torch.equal(rows[example][kind], rows)
    assert len(example) == len(torch.unique(rows, dim=0)) if len(rows) else len(example) == 0


def partition(names: Sequence[Hashable]) -> list[int]:
    """The first place of each name."""
    return [names.index(n) for n in names]


@every_featurizer
@settings(max_examples=25)
@given(smiles=st.lists(st.sampled_from([*SMILES, *MORE]), min_size=1, max_size=12))
def test_after_rounds_bonds_and_atoms_are_of_one_kind_if_and_only_if_all_they_have_heard_is_the_same(
    spec: Spec, smiles: list[str]
) -> None:
    batch = batch_of(spec, smiles)
    assert batch.alike is not None
    source, target = batch.edge_index.tolist()
    into: list[list[int]] = [[e for e, t in enumerate(target) if t == atom] for atom in range(len(batch.x))]
    atoms = [tuple(row) for row in batch.x.tolist()]
    looks = [(atoms[s], tuple(bond)) for s, bond in zip(source, batch.edge_attr.tolist(), strict=True)]
    names: list[Hashable] = list(looks)
    kind = batch.alike.kind
    for _ in range(3):
        around = Around(batch.alike, kind, batch.edge_index)
        whole = [(x, tuple(sorted(names[e] for e in into[a]))) for a, x in enumerate(atoms)]
        assert partition(around.atom.tolist()) == partition(whole)
        assert around.atom[around.example].tolist() == list(range(len(around.example)))
        assert torch.equal(around.owner, around.atom[batch.edge_index[1][around.into]])
        assert torch.equal(around.heard, kind[around.into])
        after = around.after()
        names = [(looks[e], tuple(sorted(names[u] for u in into[source[e]] if u != e ^ 1))) for e in range(len(looks))]
        assert partition(after.kind.tolist()) == partition(names)
        of_examples = after.kind[around.into[after.example] ^ 1]
        assert of_examples.tolist() == list(range(len(after.example)))
        order = sorted(set(names))
        names, kind = [order.index(n) for n in names], after.kind


def test_a_number_of_many_columns_tells_all_rows_apart() -> None:
    rows = torch.randint(0, 2, (500, 13), generator=torch.Generator().manual_seed(0)) * (2**40 - 1)
    first = torch.randint(0, 3, (500,), generator=torch.Generator().manual_seed(1))
    found = _joined(first, rows, 2**40)
    assert partition(found.tolist()) == partition([(f, *r) for f, r in zip(first.tolist(), rows.tolist(), strict=True)])


@every_featurizer
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("shares", ["first", "all"])
def test_what_is_computed_once_is_what_is_computed_of_each(
    spec: Spec, depth: int, shares: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = encoder(spec, depth=depth, dropout=0.3 if shares == "first" else 0.0)
    monkeypatch.setattr(alike, "WORTH", 0)
    found = []
    for once in (True, False):
        batch = batch_of(spec, [*SMILES, *MORE])
        if not once:
            batch.looks = None
        assert (batch.alike is not None) == once
        with monkeypatch.context() as patch:
            if once and depth > 1:  # whoever computes each of them fails
                patch.setattr(model, "_of_all" if shares == "first" else "_each", None)
            model.zero_grad()
            torch.manual_seed(1)  # of the dropout
            out = model(batch)
        out.square().sum().backward()
        found.append([out.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(list(model.parameters())) + (depth > 1)
    for once_, each in zip(*found, strict=True):
        torch.testing.assert_close(once_, each, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("smiles", "shares"), [(["CCO"] * 30, True), (["CCO"], False), (["C", "[Na+]"], False)])
def test_few_or_no_bonds_are_computed_one_by_one(
    smiles: list[str], shares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = encoder(ChempropV2Spec()).eval()
    each = model(batch_of(ChempropV2Spec(), smiles))
    monkeypatch.setattr(model, "_each" if shares else "_shared", None)
    torch.testing.assert_close(model(batch_of(ChempropV2Spec(), smiles)), each)


def test_features_that_somebody_changed_are_compared_no_more() -> None:
    spec = ChempropV2Spec()
    assert batch_of(spec, SMILES).alike is not None
    other = batch_of(spec, SMILES)
    assert replace(other, x=other.x.clone()).alike is None
    other.x[0, 0] += 1
    assert other.alike is None
    asked = batch_of(spec, SMILES)
    asked.bonds.requires_grad_()
    assert asked.alike is None
    padded = batch_of(spec, SMILES).padded(len(SMILES) + 1, 2000, 2000)
    assert padded.alike is None
    with torch.inference_mode():
        assert batch_of(spec, SMILES).alike is not None


def test_an_encoding_of_places_makes_atoms_differ() -> None:
    """Two atoms with the same features have different encodings, so that bonds must not be taken for alike."""
    torch.manual_seed(0)
    spec = ChempropV2Spec()
    model = encoder_of(DmpnnSpec(hidden_dim=24, encodings=(WalkEncoding(),)), layout_of(spec))
    batch = batch_of(spec, SMILES)
    found = model(batch)
    batch.looks = None
    torch.testing.assert_close(model(batch), found, rtol=0, atol=0)


def test_where_codes_have_no_room_in_a_key_nothing_is_known_and_all_is_computed() -> None:
    spec = ChempropV2Spec()
    store = FEATURIZERS.build(spec).pack([Chem.MolFromSmiles(s) for s in SMILES])
    layout = layout_of(spec)
    wide = [[*c, *[-1] * 250] for c in layout.atoms.columns]
    large = Layout(OneHotLayout(wide, layout.atoms.width), layout.bonds)
    batch = DeviceStore(store, large, torch.device("cpu")).batch(torch.arange(len(SMILES)))
    assert batch.alike is None
    model = encoder(spec)
    torch.testing.assert_close(model(batch), model(batch_of(spec, SMILES)), rtol=1e-5, atol=1e-6)
