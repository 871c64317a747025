"""The contract of every encoder and baseline; a new model is covered by registering it."""

import inspect
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.encoders import GatSpec, LayeredSpec, MlpSpec, Pooling
from drugml.config.featurizers import MorganSpec, OgbSpec
from drugml.config.geometric import GeometricSpec
from drugml.config.models import ForestSpec
from drugml.config.standardize import NoStandardization
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.store import PackedStore, concatenate
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.pack import pack
from drugml.models import BASELINES, ENCODERS
from drugml.models.encodings import encoder_of
from drugml.models.normalizer import Normalizer
from drugml.prediction.trained import default_size, layout_of
from tests.conftest import SMILES

CPU = torch.device("cpu")
CAFFEINE = "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
every_encoder = pytest.mark.parametrize("spec", list(ENCODERS), ids=lambda s: s.__name__)
every_encoder_in_space = pytest.mark.parametrize(
    "spec", [s for s in ENCODERS if issubclass(s, GeometricSpec)], ids=lambda s: s.__name__
)
every_baseline = pytest.mark.parametrize("spec", list(BASELINES), ids=lambda s: s.__name__)


def batch_of(spec: type[Spec], mols: list[Chem.Mol]) -> MoleculeBatch:
    featurizer = spec.featurizer  # type: ignore[attr-defined]
    if featurizer.gives == "geometry":
        store = in_space(featurizer, tuple(Chem.MolToSmiles(m, canonical=False) for m in mols))
    else:
        store = FEATURIZERS.build(featurizer).pack(mols)
    batch = DeviceStore(store, layout_of(featurizer), CPU).batch(torch.arange(len(mols)))
    return batch if batch.descriptors is None else batch.with_descriptors(normalizer()(batch.descriptors))


@cache
def normalizer() -> Normalizer:
    """As a network has one that was trained on SMILES."""
    store = FEATURIZERS.build(MlpSpec.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    made = Normalizer(layout_of(MlpSpec.featurizer).descriptors)
    made.fit(store.molecule["descriptors"])
    return made


@cache
def in_space(featurizer: Spec, smiles: tuple[str, ...]) -> PackedStore:
    """As they stand, atoms in that order; once for all networks, since it takes long."""
    if len(smiles) > 1:
        return concatenate([in_space(featurizer, (s,)) for s in smiles])
    return FEATURIZERS.build(featurizer).pack([Chem.MolFromSmiles(smiles[0])])


def build(spec: type[Spec], **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    layout = layout_of(spec.featurizer)  # type: ignore[attr-defined]
    model = encoder_of(spec(hidden_dim=32, **options), layout)
    assert isinstance(model, torch.nn.Module)
    return model.eval()


@pytest.mark.parametrize("registry", [ENCODERS, BASELINES, FEATURIZERS], ids=lambda r: r.what)
def test_defaults_live_in_the_spec_only(registry: object) -> None:
    for spec in registry:  # type: ignore[attr-defined]
        parameters = inspect.signature(registry[spec]).parameters.values()  # type: ignore[index]
        options = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        assert {p.name for p in options} == set(spec().kwargs()) - {"descriptors", "descriptor_scale"}  # of all
        assert all(p.default is p.empty for p in options)


@every_encoder
def test_the_size_that_is_listed_is_the_size(spec: type[Spec]) -> None:
    assert spec.size == default_size(spec())  # type: ignore[attr-defined]


@every_encoder
def test_molecules_in_a_batch_do_not_see_each_other(spec: type[Spec]) -> None:
    encoder, mols = build(spec), [Chem.MolFromSmiles(s) for s in [*SMILES, "C", "[Na+].[Cl-]"]]
    together = encoder(batch_of(spec, mols))
    assert together.shape == (len(mols), encoder.out_dim)
    assert together.isfinite().all()
    alone = torch.cat([encoder(batch_of(spec, [m])) for m in mols])
    torch.testing.assert_close(together, alone, rtol=2e-5, atol=1e-5)


@every_encoder
@given(seed=st.integers(0, 2**31 - 1))
def test_atom_order_does_not_matter(spec: type[Spec], seed: int) -> None:
    encoder, mol = build(spec), Chem.MolFromSmiles(CAFFEINE)
    order = torch.randperm(mol.GetNumAtoms(), generator=torch.Generator().manual_seed(seed)).tolist()
    shuffled = Chem.RenumberAtoms(mol, order)
    torch.testing.assert_close(encoder(batch_of(spec, [shuffled])), encoder(batch_of(spec, [mol])))


def turned(batch: MoleculeBatch, *, mirror: bool = False) -> MoleculeBatch:
    """Each molecule turned by the same rotation, or also mirrored, and moved elsewhere."""
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    rotation *= rotation.det() * (-1 if mirror else 1)
    moved = 10 * torch.randn(batch.num_graphs, 3, generator=generator, dtype=torch.float64)
    positions = (batch.positions.double() @ rotation.T + moved[batch.batch]).float()  # type: ignore[union-attr]
    return replace(batch, positions=positions)


@every_encoder_in_space
@pytest.mark.parametrize("mirror", [False, True])
def test_a_molecule_may_be_turned_and_moved(spec: type[Spec], mirror: bool) -> None:
    encoder, batch = build(spec), batch_of(spec, [Chem.MolFromSmiles(s) for s in [*SMILES[20:40], "C", "[Na+]"]])
    torch.testing.assert_close(encoder(turned(batch, mirror=mirror)), encoder(batch), rtol=1e-4, atol=1e-4)


@every_encoder_in_space
def test_positions_make_a_difference(spec: type[Spec]) -> None:
    encoder, batch = build(spec), batch_of(spec, [Chem.MolFromSmiles(CAFFEINE)])
    stretched = replace(batch, positions=batch.positions * 1.05)  # type: ignore[operator]
    assert not torch.allclose(encoder(stretched), encoder(batch), rtol=1e-3, atol=1e-4)


@every_encoder
def test_the_gradient_reaches_every_parameter(spec: type[Spec]) -> None:
    encoder = build(spec)
    encoder(batch_of(spec, [Chem.MolFromSmiles(s) for s in SMILES])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


@every_encoder
def test_every_parameter_has_a_gradient_where_no_atom_has_another(spec: type[Spec]) -> None:
    """Of 0 at least: processes that train together wait for each other's gradients of every parameter."""
    encoder = build(spec)
    encoder(batch_of(spec, [Chem.MolFromSmiles("[Na+]")] * 2)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@every_encoder
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_the_whole(spec: type[Spec], precision: torch.dtype) -> None:
    encoder, batch = build(spec), batch_of(spec, [Chem.MolFromSmiles(s) for s in [*SMILES, "C", "[Na+].[Cl-]"]])
    whole = encoder(batch)
    with torch.autocast("cpu", precision):
        half = encoder(batch)
    assert (half - whole).norm() < 0.03 * whole.norm()
    half.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@every_encoder
def test_layers_hold_every_parameter_once(spec: type[Spec]) -> None:
    encoder = build(spec)
    held = [id(p) for layer in encoder.layers() for module in layer for p in module.parameters()]  # type: ignore[operator]
    assert sorted(held) == sorted(id(p) for p in encoder.parameters())


@every_encoder
def test_sixteen_molecules_are_learned_by_heart(spec: type[Spec]) -> None:
    batch = batch_of(spec, [Chem.MolFromSmiles(s) for s in SMILES[:16]])
    options = {"depth": 2, **({"pooling": "sum"} if "pooling" in spec.model_fields else {})}
    encoder = build(spec, **options)
    head = torch.nn.Linear(encoder.out_dim, 1)  # type: ignore[arg-type]
    labels = torch.randn(16, 1, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.003)
    for _ in range(300):
        loss = (head(encoder(batch)) - labels).square().mean()
        if loss < 0.05:
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pytest.fail(f"loss {loss.item():.3f} after 300 steps, {labels.var().item():.3f} at first")


@pytest.mark.parametrize("spec", [s for s in ENCODERS if issubclass(s, LayeredSpec)], ids=lambda s: s.__name__)
def test_a_virtual_node_sees_its_own_molecule_only(spec: type[Spec]) -> None:
    torch.manual_seed(0)
    layout, mols = layout_of(OgbSpec()), [Chem.MolFromSmiles(s) for s in SMILES[:9]]
    model = ENCODERS.build(spec(hidden_dim=32, virtual_node=True), layout.atoms.width, layout.bonds.width)
    assert isinstance(model, torch.nn.Module)
    together = model(batch_of(spec, mols))
    torch.testing.assert_close(together, torch.cat([model(batch_of(spec, [m])) for m in mols]))
    together.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    held = [id(p) for layer in model.layers() for module in layer for p in module.parameters()]  # type: ignore[operator]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("pooling", get_args(Pooling))
@pytest.mark.parametrize("spec", [s for s in ENCODERS if "pooling" in s.model_fields], ids=lambda s: s.__name__)
def test_every_readout_fits_every_network_that_has_one(spec: type[Spec], pooling: str) -> None:
    layout = layout_of(spec.featurizer)  # type: ignore[attr-defined]
    model = ENCODERS.build(spec(hidden_dim=24, pooling=pooling), layout.atoms.width, layout.bonds.width)
    assert isinstance(model, torch.nn.Module)
    batch = batch_of(spec, [Chem.MolFromSmiles(s) for s in SMILES[:5]])
    out = model(batch)
    assert out.shape == (5, model.out_dim)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_heads_that_do_not_share_the_width_are_named() -> None:
    with pytest.raises(ValidationError, match="hidden_dim 30 is not a multiple of heads 4, which share it equally"):
        GatSpec(hidden_dim=30)


@every_encoder
def test_edges_are_paired_and_speak_pyg(spec: type[Spec]) -> None:
    batch = batch_of(spec, [Chem.MolFromSmiles(s) for s in SMILES])
    edges = torch.arange(batch.edge_index.shape[1])
    torch.testing.assert_close(batch.edge_index[:, edges ^ 1], batch.edge_index.flip(0))
    torch.testing.assert_close(batch.edge_attr[edges ^ 1], batch.edge_attr)
    assert (batch.batch[batch.edge_index[0]] == batch.batch[batch.edge_index[1]]).all()


def fingerprints() -> np.ndarray:
    store = pack(SMILES, MorganSpec(bits=256), standardize=NoStandardization(), max_atoms=100).store
    assert store is not None
    return np.asarray(store.molecule["fingerprint"])


@every_baseline
@pytest.mark.parametrize("classify", [False, True])
def test_a_baseline_is_restored_from_its_arrays(spec: type[Spec], classify: bool) -> None:
    x = fingerprints()
    labels = np.array([[len(s) > 6, len(s) > 9] for s in SMILES], np.float64)
    labels[::7, 1] = np.nan
    first, second = (BASELINES.build(spec(trees=5) if "trees" in spec.model_fields else spec()) for _ in range(2))
    first.fit(x, labels, np.ones_like(labels), widths=[x.shape[1]], classify=classify, seed=0)
    second.restore(first.arrays())
    np.testing.assert_array_equal(first.predict(x), second.predict(x))
    assert first.predict(x).shape == (len(SMILES), 2)


def test_the_forest_is_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    x, y = fingerprints(), np.array([float(len(s)) for s in SMILES])
    options = {"n_estimators": 20, "max_features": 0.33, "random_state": 3}
    numbers = BASELINES.build(ForestSpec(trees=20))
    one = np.ones((len(y), 1))
    numbers.fit(x, y[:, None], one, widths=[x.shape[1]], classify=False, seed=3)
    reference = RandomForestRegressor(**options).fit(x, y).predict(x)
    np.testing.assert_allclose(numbers.predict(x)[:, 0], reference, rtol=1e-12)
    classes = BASELINES.build(ForestSpec(trees=20))
    classes.fit(x, (y > 8).astype(float)[:, None], one, widths=[x.shape[1]], classify=True, seed=3)
    chances = RandomForestClassifier(**options).fit(x, y > 8).predict_proba(x)[:, 1]
    np.testing.assert_allclose(classes.predict(x)[:, 0], chances, rtol=1e-12, atol=1e-12)


@every_baseline
def test_a_weight_counts_as_so_many_copies(spec: type[Spec]) -> None:
    """For the forest only in its leaves: drawing bootstrap samples makes copies and weights differ in the trees."""
    x, y = np.eye(4, dtype=np.uint8), np.array([[1.0], [2.0], [3.0], [np.nan]])
    options = {"trees": 1, "min_leaf": 4} if spec is ForestSpec else {}
    heavy = BASELINES.build(spec(**options))
    heavy.fit(
        x[[0, 0, 1, 2]],
        y[[0, 0, 1, 2]],
        np.array([[9.0], [9.0], [0.0], [0.0]]),
        widths=[x.shape[1]],
        classify=False,
        seed=0,
    )
    np.testing.assert_allclose(heavy.predict(x), 1.0)
