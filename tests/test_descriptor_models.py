"""Descriptors in models: they reach the output, and only training molecules are looked at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.featurizers import ChempropV2Spec, MorganSpec
from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.data.batch import DeviceStore
from drugml.featurizers import DESCRIPTORS, FEATURIZERS
from drugml.featurizers.descriptors import NAMES
from drugml.models.network import Network
from drugml.prediction.trained import columns, layout_of, medians
from drugml.training.module import Module
from tests.conftest import SMILES
from tests.fits import sixty


@pytest.mark.parametrize("name", ["rank", "standard"])
@pytest.mark.parametrize("model", ["gine", "mlp"])
def test_only_training_molecules_are_looked_at_and_each_descriptor_can_reach_the_output(model: str, name: str) -> None:
    data = sixty()
    sections = {
        "data": {"path": "x.csv", "targets": ["atoms"]},
        "task": {"kind": "regression"},
        "model": {"name": model, "hidden_dim": 16, "dropout": 0.0},
        "featurizer": {
            "name": "ogb" if model == "gine" else "morgan",
            "descriptors": ["rdkit"],
            "descriptor_scale": name,
        },
    }
    config = check(RunSpec, sections, {(): "test"})
    store = FEATURIZERS.build(config.featurizer).pack([Chem.MolFromSmiles(s) for s in SMILES])
    values, train = store.molecule["descriptors"].copy(), data.plan.indices("train")
    values[np.setdiff1d(np.arange(len(values)), train)] = 1e6  # what no training molecule has

    def networks(descriptors: np.ndarray) -> Network:
        changed = replace(store, molecule={**store.molecule, "descriptors": descriptors})
        torch.manual_seed(0)
        return Module(config, replace(data, store=changed)).network.eval()

    network, other = networks(store.molecule["descriptors"]), networks(values)
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], tensor, rtol=0, atol=0, msg=key)
    batch = DeviceStore(store, layout_of(config.featurizer), torch.device("cpu")).batch(torch.arange(60))
    normal = network.normalizer(batch.descriptors)  # type: ignore[misc]
    network.normalizer = torch.nn.Identity()  # type: ignore[assignment]
    batch.descriptors = normal.detach().requires_grad_()
    network(batch).sum().backward()
    assert (batch.descriptors.grad.abs().sum(dim=0) > 0).all()  # type: ignore[union-attr]


def test_a_tree_gets_the_medians_of_the_training_molecules() -> None:
    store = FEATURIZERS.build(MorganSpec(descriptors=("rdkit",))).pack(
        [Chem.MolFromSmiles(s) for s in [*SMILES[:13], "CC(=O)[O-].[Na+]"]]
    )
    train = np.array([0, 2, 13])  # the last one is a salt, of which some are undefined
    found, known = medians(store, train), np.nanmedian(store.molecule["descriptors"][train], axis=0)
    np.testing.assert_allclose(found, np.nan_to_num(known))
    rows = columns(store, np.array([13]), found)
    undefined = np.isnan(store.molecule["descriptors"][13])
    assert undefined.any()
    np.testing.assert_array_equal(rows[0, -len(NAMES) :][undefined], found.astype(np.float32)[undefined])


@pytest.mark.parametrize("name", ["morgan_binary", "morgan_count"])
def test_morgan_beside_a_graph_is_rdkits(name: str) -> None:
    made = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048, includeChirality=True)
    read = made.GetFingerprint if name == "morgan_binary" else made.GetCountFingerprint
    (spec,) = ChempropV2Spec(descriptors=(name,)).descriptors  # type: ignore[arg-type]
    mols = [Chem.MolFromSmiles(s) for s in SMILES]
    np.testing.assert_array_equal(DESCRIPTORS.build(spec).compute(mols), [[*read(mol)] for mol in mols])
