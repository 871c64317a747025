"""Positional encodings: what they are, and that neither signs nor the order of atoms change them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from torch_geometric.data import Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE
from torch_geometric.utils import get_laplacian, to_dense_adj

from drugml.config.base import Spec
from drugml.config.encoders import GcnSpec, GineSpec
from drugml.config.encodings import DegreeEncoding, LaplacianEncoding, WalkEncoding
from drugml.config.featurizers import OgbSpec
from drugml.config.load import ConfigError, load
from drugml.config.run import RunSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.dense import Dense
from drugml.models.encodings import ENCODINGS, SAME, Eigenvectors, eigenvectors, encoder_of
from drugml.prediction.bundle import load as load_bundle
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES
from tests.test_predict import make_bundle

SYMMETRIC = [
    "CC(C)(C)C",
    "FC(F)(F)c1ccccc1",
    "C1CCCCC1",
    "[Na+].[Cl-]",
    "C",
    "c1ccc(cc1)-c1ccccc1",
    "CC",
    "C1CC1.C1CC1",
]
MOLS = [Chem.MolFromSmiles(s) for s in [*SMILES[::6], *SYMMETRIC]]
ALL = (WalkEncoding(), LaplacianEncoding(), DegreeEncoding())
every_encoder = pytest.mark.parametrize(
    "spec", [s for s in ENCODERS if "encodings" in s.model_fields], ids=lambda s: s.__name__
)


def batch_of(mols: list[Chem.Mol], featurizer: Spec | None = None) -> MoleculeBatch:
    spec = featurizer or OgbSpec()
    store = FEATURIZERS.build(spec).pack(mols)
    return DeviceStore(store, layout_of(spec), torch.device("cpu")).batch(torch.arange(len(mols)))


def build(spec: type[Spec], **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    options = {"hidden_dim": 16, "depth": 2, "encodings": ALL, **options}
    model = encoder_of(spec(**options), layout_of(spec.featurizer))  # type: ignore[attr-defined]
    assert isinstance(model, torch.nn.Module)
    return model.eval()


def shuffled(mol: Chem.Mol, seed: int) -> Chem.Mol:
    return Chem.RenumberAtoms(mol, np.random.default_rng(seed).permutation(mol.GetNumAtoms()).tolist())


@every_encoder
def test_every_encoder_takes_all_of_them_and_each_reaches_its_output(spec: type[Spec]) -> None:
    encoder, batch = build(spec), batch_of(MOLS, spec.featurizer)  # type: ignore[attr-defined]
    out = encoder(batch)
    assert out.shape == (len(MOLS), encoder.out_dim)
    alone = [encoder(batch_of([m], spec.featurizer)) for m in MOLS]  # type: ignore[attr-defined]
    torch.testing.assert_close(out, torch.cat(alone), rtol=1e-4, atol=1e-5)
    mixed = encoder(batch_of([shuffled(m, 3) for m in MOLS], spec.featurizer))  # type: ignore[attr-defined]
    torch.testing.assert_close(out, mixed, rtol=1e-4, atol=1e-5)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
    held = [id(p) for layer in encoder.layers() for module in layer for p in module.parameters()]  # type: ignore[operator]
    assert sorted(held) == sorted(id(p) for p in encoder.parameters())


def test_without_encodings_the_encoder_is_what_it_was() -> None:
    assert type(build(GcnSpec, encodings=())) is ENCODERS[GcnSpec]


def graph(mol: Chem.Mol) -> Data:
    batch = batch_of([mol])
    return Data(edge_index=batch.edge_index, num_nodes=len(batch.x))


def test_walks_are_pygs() -> None:
    batch = batch_of(MOLS)
    found = ENCODINGS.build(WalkEncoding(steps=6))(batch, Dense(batch))
    expected = [AddRandomWalkPE(6, attr_name="walk")(graph(m)).walk for m in MOLS]
    torch.testing.assert_close(found, torch.cat(expected))


def test_degrees_are_rdkits() -> None:
    batch = batch_of(MOLS)
    found = ENCODINGS.build(DegreeEncoding(most=2))(batch, Dense(batch))
    assert found.argmax(1).tolist() == [min(a.GetDegree(), 2) for m in MOLS for a in m.GetAtoms()]
    assert (found.sum(1) == 1).all()


def test_lone_eigenvectors_are_pygs_up_to_their_sign() -> None:
    """PyG's of one component; where an eigenvalue is shared its vectors are any basis, and ours are zero."""
    batch = batch_of(MOLS)
    vector, length, _, there = eigenvectors(Dense(batch), 4)
    compared = 0
    for i, mol in enumerate(MOLS):
        if (size := mol.GetNumAtoms()) < 6 or "." in Chem.MolToSmiles(mol):
            continue
        expected = AddLaplacianEigenvectorPE(4, attr_name="pe", is_undirected=True)(graph(mol)).pe
        at = batch.batch == i
        alone = vector[at].abs().sum(0) > 0
        torch.testing.assert_close(vector[at][:, alone].abs(), expected[:, alone].abs(), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(length[at][:, alone], vector[at][:, alone].abs(), rtol=1e-4, atol=1e-5)
        assert (there[at] == 1).all()
        compared += int(alone.sum())
        assert size == at.sum()
    assert compared >= 12


def test_shared_eigenvalues_give_the_projection_onto_what_they_span() -> None:
    batch = batch_of(MOLS)
    vector, length, value, there = eigenvectors(Dense(batch), 8)
    shared = 0
    for i, mol in enumerate(MOLS):
        data, at = graph(mol), batch.batch == i
        edges, weights = get_laplacian(data.edge_index, normalization="sym", num_nodes=data.num_nodes)
        values, vectors = np.linalg.eigh(
            to_dense_adj(edges, edge_attr=weights, max_num_nodes=data.num_nodes)[0].double()
        )
        for k in range(8):
            if k + 1 >= len(values):
                assert not torch.stack([vector, length, value, there])[:, at, k].any()
                continue
            same = np.abs(values - values[k + 1]) < 1e-5
            np.testing.assert_allclose(value[at, k], values[k + 1], atol=1e-5)
            np.testing.assert_allclose(length[at, k] ** 2, np.diag(vectors[:, same] @ vectors[:, same].T), atol=1e-5)
            if same.sum() > 1:
                assert not vector[at, k].any()
                shared += 1
    assert shared >= 10


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1), st.sampled_from(MOLS))
def test_the_order_of_atoms_changes_nothing(seed: int, mol: Chem.Mol) -> None:
    torch.manual_seed(0)
    laplacian = ENCODINGS.build(LaplacianEncoding())
    order = np.random.default_rng(seed).permutation(mol.GetNumAtoms()).tolist()
    first, other = (batch_of([m]) for m in (mol, Chem.RenumberAtoms(mol, order)))
    torch.testing.assert_close(
        laplacian(other, Dense(other)), laplacian(first, Dense(first))[order], rtol=1e-4, atol=1e-5
    )


def test_neither_signs_nor_another_basis_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    laplacian, batch = ENCODINGS.build(LaplacianEncoding()), batch_of(MOLS)
    before = laplacian(batch, Dense(batch))
    whole = Dense.spectrum

    def turned(self: Dense) -> tuple[torch.Tensor, torch.Tensor]:
        values, vectors = whole(self)
        for row, molecule in zip(values, vectors, strict=True):
            start = 0
            while start < len(row):
                end = start + int(((row[start:] - row[start]).abs() <= SAME).sum())
                basis = torch.linalg.qr(torch.randn(end - start, end - start, dtype=torch.float64))[0]
                molecule[:, start:end] = molecule[:, start:end] @ basis
                start = end
        return values, vectors

    monkeypatch.setattr(Dense, "spectrum", turned)
    torch.testing.assert_close(laplacian(batch, Dense(batch)), before, rtol=1e-4, atol=1e-5)


def test_the_network_of_signs_is_the_papers_formula() -> None:
    """Atom by atom: rho([phi(v) + phi(-v)]), where phi reads an atom, hears its neighbours once, and reads again."""
    torch.manual_seed(0)
    ours, batch = ENCODINGS.build(LaplacianEncoding(vectors=3)), batch_of([Chem.MolFromSmiles("CC(C)(C)OC")])
    found = eigenvectors(Dense(batch), 3)
    edges = batch.edge_index.t().tolist()

    def phi(sign: float, atom: int, k: int) -> torch.Tensor:
        def read(v: int) -> torch.Tensor:
            return torch.relu(ours.see(torch.stack([sign * found.vector[v, k], found.length[v, k], found.value[v, k]])))

        heard = [read(u) for u, v in edges if v == atom]
        return torch.relu(ours.hear(read(atom) + torch.stack(heard).sum(0)))

    expected = [ours.join(torch.cat([phi(1, v, k) + phi(-1, v, k) for k in range(3)])) for v in range(len(batch.x))]
    torch.testing.assert_close(ours(batch, Dense(batch)), torch.stack(expected), rtol=1e-5, atol=1e-6)


def test_signs_of_neighbours_are_told_apart() -> None:
    """More than absolute values: atoms with equal ones, whose neighbours are on the same and on the other side."""
    torch.manual_seed(0)
    laplacian, batch = ENCODINGS.build(LaplacianEncoding(vectors=1)), batch_of([Chem.MolFromSmiles("CCCC")])
    dense = Dense(batch)
    before = laplacian(batch, dense)
    vector = eigenvectors(dense, 1)[0]
    assert vector[1] * vector[2] < 0  # the middle bond joins the two sides
    with pytest.MonkeyPatch.context() as patch:
        absolute = Eigenvectors(*(x.abs() for x in eigenvectors(dense, 1)))
        patch.setattr("drugml.models.encodings.eigenvectors", lambda *_: absolute)
        assert not torch.allclose(laplacian(batch, dense), before, atol=1e-4)


@pytest.mark.parametrize(
    ("encodings", "apart"), [((), False), (["degree"], False), (["walk"], True), (["laplacian"], True)], ids=str
)
def test_rings_are_told_apart_that_messages_cannot_tell_apart(encodings: object, apart: bool) -> None:
    """Decalin and bicyclopentyl: to messages among neighbours each atom looks the same in both."""
    pair = [Chem.MolFromSmiles(s) for s in ("C1CCC2CCCCC2C1", "C1CCC(C1)C1CCCC1")]
    one, other = build(GineSpec, encodings=encodings)(batch_of(pair))
    assert torch.allclose(one, other, atol=1e-6) is not apart


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[walks]", "there is no `model.encodings.0` called 'walks'; did you mean 'walk'?"),
        ("[{name: walk, step: 3}]", "unknown key `model.encodings.0.step`; did you mean 'steps'?"),
        ("[{name: laplacian, vectors: 0}]", "`model.encodings.0.vectors` = 0: input should be greater than"),
        ("walk", "`model.encodings`: expected a list such as [walk, degree], found 'walk'"),
        ("[walk, {name: walk, steps: 2}]", "`model.encodings`: 'walk' is named more than once; leave one out"),
    ],
)
def test_wrong_encodings_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"data: {{path: t.csv, targets: [y]}}\nmodel:\n  name: gine\n  encodings: {text}\n")
    with pytest.raises(ConfigError) as error:
        load(RunSpec, path)
    assert message in str(error.value)


def test_a_trained_network_keeps_its_encodings_and_is_not_compiled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = ["model.encodings=[{name: walk, steps: 4}, laplacian, degree]", "train.compile=true"]
    with caplog.at_level("WARNING"):
        predictor = load_bundle(make_bundle(tmp_path, "gine", *overrides))
    assert "train.compile: not compiled, it is not built for gine with encodings" in caplog.text
    assert predictor.spec.model.encodings == (WalkEncoding(steps=4), LaplacianEncoding(), DegreeEncoding())
    smiles = ["CC(C)(C)C", "FC(F)(F)c1ccccc1", "[Na+].[Cl-]"]
    values, rejects, *_ = predictor.predict(smiles)
    again = predictor.predict([Chem.MolToSmiles(shuffled(Chem.MolFromSmiles(s), 1), canonical=False) for s in smiles])[
        0
    ]
    assert not rejects
    np.testing.assert_allclose(values, again, rtol=1e-4, atol=1e-5)
