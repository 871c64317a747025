"""Atoms in space: conformers of RDKit, what cannot be embedded, positions of a file, and several conformers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from drugml.config.featurizers import GeometrySpec
from drugml.config.geometric import PaiNNSpec, SchNetSpec
from drugml.config.models import HeadSpec
from drugml.config.run import RunSpec
from drugml.config.standardize import FastStandardization, NoStandardization
from drugml.data.batch import DeviceStore
from drugml.data.status import Status
from drugml.data.store import PackedStore
from drugml.data.table import Table
from drugml.errors import UserError
from drugml.featurizers import pack as module
from drugml.featurizers.pack import Packed, pack
from drugml.models.network import Network
from drugml.prediction.trained import layout_of, outputs
from drugml.runs.judged import judge
from drugml.training.loading import Batches
from tests.conftest import QUICK, SMILES, Cli, read_csv, write_csv

IBUPROFEN = "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O"
FROM_FILE = {"name": "geometry", "source": "file"}
IMPOSSIBLE = "C1#CC1"
"""Cyclopropyne: no distances fit it."""


def packed(smiles: list[str], **options: object) -> Packed:
    return pack(smiles, GeometrySpec(**options), standardize=NoStandardization(), max_atoms=1000)  # type: ignore[arg-type]


def stored(smiles: list[str], **options: object) -> PackedStore:
    done = packed(smiles, **options)
    assert done.store is not None
    assert done.rejects == {}
    return done.store


def test_positions_are_rdkits() -> None:
    store = stored([IBUPROFEN], seed=7)
    mol = Chem.AddHs(Chem.MolFromSmiles(Chem.CanonSmiles(IBUPROFEN)))
    options = rdDistGeom.ETKDGv3()
    options.randomSeed = 708  # type: ignore[assignment]
    assert rdDistGeom.EmbedMolecule(mol, options) == 0
    np.testing.assert_allclose(store.atom["positions"][:, 0], mol.GetConformer().GetPositions(), atol=1e-5)
    np.testing.assert_array_equal(store.atom["numbers"], [a.GetAtomicNum() for a in mol.GetAtoms()])
    rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=1000)
    better = stored([IBUPROFEN], seed=7, optimize="mmff")
    np.testing.assert_allclose(better.atom["positions"][:, 0], mol.GetConformer().GetPositions(), atol=1e-4)


def test_a_molecule_has_the_same_conformers_however_it_is_written() -> None:
    mol = Chem.MolFromSmiles(IBUPROFEN)
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms()).tolist()
    others = [Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False), f"[CH3:3]{IBUPROFEN[1:]}"]
    first, *rest = (stored([s], conformers=2) for s in [IBUPROFEN, *others])
    for other in rest:
        np.testing.assert_array_equal(other.atom["positions"], first.atom["positions"])
        np.testing.assert_array_equal(other.atom["numbers"], first.atom["numbers"])


def test_conformers_and_seeds_differ() -> None:
    found = [stored([IBUPROFEN], seed=seed, conformers=4).atom["positions"] for seed in (0, 1, 2)]
    each = np.concatenate(found, axis=1).swapaxes(0, 1)
    apart = np.linalg.norm(each[:, None] - each, axis=-1).mean(axis=-1)
    assert apart[~np.eye(12, dtype=bool)].min() > 0.1


def test_without_hydrogens_the_heavy_atoms_stay_where_they_are() -> None:
    whole, heavy = stored([IBUPROFEN, "C"]), stored([IBUPROFEN, "C"], hydrogens=False)
    np.testing.assert_array_equal(heavy.atom["positions"], whole.atom["positions"][whole.atom["numbers"] > 1])
    assert np.diff(heavy.atom_start).tolist() == [15, 1]


def test_fragments_do_not_see_each_other() -> None:
    store = stored(["[Na+].CC(=O)[O-].[Cl-]"])
    positions = store.atom["positions"][:, 0]
    apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
    near = sorted((apart < 20).sum(axis=0).tolist())
    assert near == [1, 1, *[7] * 7]
    assert apart[apart >= 20].min() >= 50


def test_what_cannot_be_embedded_is_a_reject_and_costs_no_other_row() -> None:
    done = packed(["CCO", IMPOSSIBLE, "C(C", "c1ccccc1"])
    assert sorted(done.rejects) == [1, 2]
    assert done.rejects[1] == (
        Status.FEATURIZER,
        "it cannot be embedded in space: ETKDGv3 finds no conformer, nor from random coordinates",
    )
    assert done.store is not None
    assert np.diff(done.store.atom_start).tolist() == [9, 12]


def test_a_molecule_that_takes_too_long_is_given_up() -> None:
    peptide = Chem.MolToSmiles(Chem.MolFromSequence("ACDEFGHIKLMNPQRSTVWY"))
    done = packed([peptide, "C"], time_limit=1, conformers=50)
    assert done.rejects == {
        0: (Status.FEATURIZER, "its conformers are not made within featurizer.time_limit = 1 seconds")
    }


def test_what_the_force_field_does_not_know_is_a_reject() -> None:
    done = packed(["CB(O)O", "CCO"], optimize="mmff")
    reason = "MMFF94 has no parameters for it; featurizer.optimize=none needs none"
    assert done.rejects == {0: (Status.FEATURIZER, reason)}


def test_chunks_and_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = [*SMILES[:6], IMPOSSIBLE, *SMILES[6:12]]
    whole = packed(smiles)
    monkeypatch.setattr(module, "CHUNK", 5 * module.SLOWER)
    monkeypatch.setattr(module, "WORTH_A_POOL", 1)
    parts = pack(smiles, GeometrySpec(), standardize=NoStandardization(), max_atoms=1000, workers=2)
    assert parts.rejects == whole.rejects
    for name, array in whole.store.atom.items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(parts.store.atom[name], array)  # type: ignore[union-attr]


def test_a_batch_takes_one_conformer_of_each_molecule() -> None:
    smiles = [IBUPROFEN, "C", "CCO", "[Na+]"]
    store = stored(smiles, conformers=3)
    on_cpu = DeviceStore(store, layout_of(GeometrySpec()), torch.device("cpu"))
    assert on_cpu.conformers == 3
    for turn in (0, 1, 4):
        batch = on_cpu.in_turn(torch.tensor([2, 0, 3]), turn)
        expected = [
            store.atom["positions"][store.atom_start[m] : store.atom_start[m + 1], (m + turn) % 3] for m in (2, 0, 3)
        ]
        np.testing.assert_array_equal(batch.positions, np.concatenate(expected))  # type: ignore[arg-type]
        assert batch.z[:9].tolist() == store.atom["numbers"][store.atom_start[2] : store.atom_start[3]].tolist()  # type: ignore[index]
        assert batch.batch.tolist() == [0] * 9 + [1] * 33 + [2]


def test_a_prediction_is_the_mean_over_conformers_and_epochs_take_them_in_turn() -> None:
    packed = DeviceStore(
        stored([IBUPROFEN, "CCO", "CCCN"], conformers=3), layout_of(GeometrySpec()), torch.device("cpu")
    )
    network = Network(SchNetSpec(hidden_dim=8, depth=2), HeadSpec(hidden_dim=8), layout_of(GeometrySpec()), 2)
    at = torch.arange(3)
    each = torch.stack([network(packed.batch(at, c)) for c in range(3)])
    assert each.std(dim=0).max() > 1e-4
    torch.testing.assert_close(outputs(network, packed, at, 2), each.mean(dim=0).detach(), rtol=1e-5, atol=1e-6)
    for epoch in range(4):
        (loaded,) = Batches(packed, [at], epoch=epoch)
        assert loaded.graph is not None
        torch.testing.assert_close(loaded.graph.positions, packed.in_turn(at, epoch).positions, rtol=0, atol=0)


def test_descriptors_stand_beside_atoms_in_space() -> None:
    done = packed(["CCO", IMPOSSIBLE, "CCN"], descriptors=["rdkit"])
    assert [*done.rejects] == [1]
    assert done.store is not None
    assert done.store.molecule["descriptors"].shape == (2, 217)
    layout = layout_of(GeometrySpec(descriptors=["rdkit"]))  # type: ignore[arg-type]
    network = Network(PaiNNSpec(hidden_dim=8, depth=1), HeadSpec(hidden_dim=8), layout, 1)
    network.normalizer.fit(done.store.molecule["descriptors"])  # type: ignore[union-attr]
    batch = DeviceStore(done.store, layout, torch.device("cpu")).batch(torch.arange(2))
    assert network(batch).isfinite().all()
    assert network.head[0].in_features == network.encoder.out_dim + 217


def write_sdf(path: Path, mols: list[Chem.Mol]) -> Path:
    with Chem.SDWriter(str(path)) as writer:
        for n, mol in enumerate(mols):
            mol.SetProp("size", str(float(n)))
            writer.write(mol)
    return path


@pytest.fixture(scope="module")
def placed() -> list[Chem.Mol]:
    """Two molecules with hydrogens, a planar one, and one of which the file has heavy atoms only."""
    mols = [Chem.AddHs(Chem.MolFromSmiles(s)) for s in (IBUPROFEN, "CCO", "C#C", "CCN")]
    for mol in mols:
        rdDistGeom.EmbedMolecule(mol, rdDistGeom.ETKDGv3())
    flat = np.zeros((4, 3))
    flat[:, 0] = [0.0, 1.2, -1.06, 2.26]
    mols[2].GetConformer().SetPositions(flat)
    return [*mols[:3], Chem.RemoveHs(mols[3])]


def test_positions_of_a_file_are_kept(placed: list[Chem.Mol], tmp_path: Path) -> None:
    table = Table(write_sdf(tmp_path / "placed.sdf", placed), positions=True)
    smiles = [row.cells[0] for row in table]
    store = stored(smiles, source="file")
    for n, mol in enumerate(placed[:3]):
        found = store.atom["positions"][store.atom_start[n] : store.atom_start[n + 1], 0]
        expected = mol.GetConformer().GetPositions()
        z = store.atom["numbers"][store.atom_start[n] : store.atom_start[n + 1]]
        distances = np.linalg.norm(found[:, None] - found, axis=-1)
        wanted = np.linalg.norm(expected[:, None] - expected, axis=-1)
        order = [int(np.abs(expected - at).sum(axis=1).argmin()) for at in found - (n == 2) * np.array([0, 0, 1])]
        np.testing.assert_allclose(distances, wanted[np.ix_(order, order)], atol=3e-4)
        assert z.tolist() == [mol.GetAtomWithIdx(i).GetAtomicNum() for i in order]
    assert np.diff(store.atom_start).tolist() == [33, 9, 4, 10]  # hydrogens that the file leaves out are placed
    heavy = stored(smiles, source="file", hydrogens=False)
    np.testing.assert_array_equal(heavy.atom["positions"], store.atom["positions"][store.atom["numbers"] > 1])
    assert stored([row.cells[0] for row in Table(tmp_path / "placed.sdf")]).atom["positions"].shape == (56, 1, 3)


def test_what_came_without_positions_is_a_reject() -> None:
    drawn = "CO |(0,0,;1.5,0,)|"
    salt = "[Na+].[O-]C |(0,0,1;3,0,0;4,0,0)|"
    options = {"standardize": FastStandardization(), "max_atoms": 100}
    done = pack(["CCO", drawn, salt, "CO |(0,0,0;1.4,0,0.1)|"], GeometrySpec(source="file"), **options)  # type: ignore[arg-type]
    reason = "it came without 3D coordinates, and featurizer.source = 'file' makes none"
    changed = "standardization changed it, so that the positions of the file are those of another molecule"
    assert done.rejects == {n: (Status.FEATURIZER, r) for n, r in enumerate([reason, reason, changed])}
    assert len(done.store) == 1  # type: ignore[arg-type]
    twice = pack(["CO |(0,0,1;0,0,1)|"], GeometrySpec(source="file", hydrogens=False), **options)  # type: ignore[arg-type]
    assert twice.rejects == {0: (Status.FEATURIZER, "two of its atoms are in the same place")}


def test_a_table_without_coordinates_is_refused_by_name(small: Path) -> None:
    data = {"path": str(small), "targets": ["size"]}
    config = RunSpec.model_validate({"data": data, "model": {"name": "schnet"}, "featurizer": FROM_FILE})
    with pytest.raises(UserError) as refused:
        judge(config)
    assert str(refused.value) == (
        f"{small}: its molecules have no 3D coordinates, and featurizer.source = 'file' makes none; "
        "give an SDF with 3D coordinates, or set featurizer.source=generate"
    )


def test_a_graph_featurizer_is_refused_by_name() -> None:
    config = {"data": {"path": "t.csv", "targets": ["y"]}, "model": {"name": "schnet"}, "featurizer": {"name": "ogb"}}
    with pytest.raises(ValidationError, match="model 'schnet' takes a geometry, but featurizer 'ogb' gives a graph"):
        RunSpec.model_validate(config)


def test_file_positions_take_no_options_of_conformers() -> None:
    with pytest.raises(ValidationError, match="source 'file' takes the positions as they are; leave `conformers`"):
        GeometrySpec(source="file", conformers=2)


def test_an_sdf_is_trained_on_and_predicted_with_its_own_positions(
    placed: list[Chem.Mol], place: Path, cli: Cli
) -> None:
    mols = [Chem.Mol(mol) for mol in placed for _ in range(5)]
    for n, mol in enumerate(mols):  # a molecule of a slightly different shape each time
        conformer = mol.GetConformer()
        conformer.SetPositions(conformer.GetPositions() * (1 + 0.02 * (n % 5)))
    table = write_sdf(place / "shapes.sdf", mols)
    options = ("model=painn", "featurizer.name=geometry", "featurizer.source=file", "data.replicates=keep")
    small = [o for o in QUICK if "batch_size" not in o]
    done = cli("train", table, "--target", "size", *options, "model.depth=1", "train.batch_size=4", *small)
    assert done.code == 0, done.err
    model = next((place / "runs").rglob("bundle"))
    done = cli("predict", model, table, "--out", "p.csv")
    assert done.code == 0, done.err
    rows = read_csv(place / "p.csv")
    assert [row["status"] for row in rows] == ["ok"] * 20
    assert len({row["size_pred"] for row in rows}) == 20, "the same molecule in another shape has another value"
    write_csv(place / "plain.csv", ["smiles"], [["CCO"]])
    cli("predict", model, place / "plain.csv", "--out", "q.csv")
    (row,) = read_csv(place / "q.csv")
    assert (row["size"], row["status"]) == ("", "featurizer_error")
    assert row["reason"] == "it came without 3D coordinates, and featurizer.source = 'file' makes none"
