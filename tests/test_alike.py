"""Directed bonds that look alike: found as comparing rows finds them, and computing them once changes nothing."""

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
    kind, example = batch.alike
    rows = torch.cat([batch.x[batch.edge_index[0]], batch.edge_attr], dim=1)
    assert torch.equal(rows[example][kind], rows)
    assert len(example) == len(torch.unique(rows, dim=0)) if len(rows) else len(example) == 0


@every_featurizer
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_what_is_computed_once_is_what_is_computed_of_each(
    spec: Spec, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = encoder(spec, depth=depth, dropout=0.3)
    found = []
    for once in (True, False):
        batch = batch_of(spec, [*SMILES, *MORE])
        if not once:
            batch.looks = None
        assert (batch.alike is not None) == once
        if once and depth > 1:
            monkeypatch.setattr(model, "_of_all", None)  # whoever computes each of them fails
        else:
            monkeypatch.undo()
        model.zero_grad()
        torch.manual_seed(1)  # of the dropout
        out = model(batch)
        out.square().sum().backward()
        found.append([out.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(list(model.parameters())) + (depth > 1)
    for once_, each in zip(*found, strict=True):
        torch.testing.assert_close(once_, each, rtol=1e-5, atol=1e-6)


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
