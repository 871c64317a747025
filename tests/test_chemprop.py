"""Chemprop 2.3.1 as the reference: the same features, and the same outputs with its weights."""

import json

import numpy as np
import pytest
import torch
from rdkit import Chem

from drugml.config.featurizers import ChempropV2Spec
from drugml.config.models import DmpnnSpec, HeadSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models.network import Network
from drugml.prediction.trained import layout_of
from tests.conftest import ROOT

GOLDEN = json.loads((ROOT / "tests/golden/chemprop.json").read_text())


@pytest.fixture(scope="module")
def batch() -> MoleculeBatch:
    store = FEATURIZERS.build(ChempropV2Spec()).pack([Chem.MolFromSmiles(s) for s in GOLDEN["smiles"]])
    packed = DeviceStore(store, layout_of(ChempropV2Spec()), torch.device("cpu"))
    return packed.batch(torch.arange(len(GOLDEN["smiles"])))


@pytest.mark.parametrize(("level", "columns"), [("atoms", 72), ("bonds", 14)])
def test_one_hot_rows_are_chemprops(batch: MoleculeBatch, level: str, columns: int) -> None:
    rows = [row for molecule in GOLDEN[level] for row in molecule]
    expected = np.zeros((len(rows), columns), np.float32)
    for i, row in enumerate(rows):
        for column, value in row:
            expected[i, column] = value
    found = batch.x if level == "atoms" else batch.bonds
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-6)


def test_its_weights_give_its_outputs(batch: MoleculeBatch) -> None:
    head = HeadSpec(hidden_dim=5)
    network = Network(DmpnnSpec(hidden_dim=6), head, layout_of(ChempropV2Spec()), 2).eval()
    names = {"head.0.0.": "head.0.", "head.1.2.": "head.3."}
    weights = {k: torch.tensor(v) for k, v in GOLDEN["weights"].items()}
    for theirs, ours in names.items():
        weights = {k.replace(theirs, ours): v for k, v in weights.items()}
    network.load_state_dict(weights)
    torch.testing.assert_close(network(batch), torch.tensor(GOLDEN["outputs"]), rtol=1e-5, atol=1e-6)
