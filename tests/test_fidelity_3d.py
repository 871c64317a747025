"""Networks of atoms in space against PyG's, weights and neighbours being the same; PaiNN against its equations."""

import pytest
import torch
import torch_geometric.nn.models as pyg
from rdkit import Chem
from torch import nn

from drugml.config.featurizers import GeometrySpec
from drugml.config.geometric import SchNetSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.space import pairs
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES

MOLS = [Chem.MolFromSmiles(s) for s in [*SMILES[::4], "C", "[Na+]", "[Na+].[Cl-]", "C#C"]]
DIM = 16


@pytest.fixture(scope="module")
def batch() -> MoleculeBatch:
    store = FEATURIZERS.build(GeometrySpec()).pack(MOLS)
    return DeviceStore(store, layout_of(GeometrySpec()), torch.device("cpu")).batch(torch.arange(len(MOLS)))


def loaded(ours: nn.Module, theirs: nn.Module, *, left: tuple[str, ...]) -> None:
    """Our weights in PyG's network, whose embeddings have fewer elements; `left` are those that only it has."""
    own = ours.state_dict()
    for name, tensor in theirs.state_dict().items():
        if name in own and own[name].ndim == 2 and tensor.shape[0] < own[name].shape[0]:
            own[name] = own[name][: len(tensor)]
    missing, unexpected = theirs.load_state_dict(own, strict=False)
    assert unexpected == []
    assert [m for m in missing if not any(part in m for part in left)] == []


@pytest.mark.parametrize("cutoff", [2.0, 5.0, 100.0])
def test_pairs_are_those_of_all_distances(cutoff: float, batch: MoleculeBatch) -> None:
    found = pairs(batch, cutoff)
    distance = torch.cdist(batch.positions, batch.positions, compute_mode="donot_use_mm_for_euclid_dist")  # type: ignore[arg-type]
    near = (distance < cutoff) & (batch.batch[:, None] == batch.batch) & ~torch.eye(len(distance), dtype=torch.bool)
    target, source = torch.nonzero(near).T
    torch.testing.assert_close(found.target, target)
    torch.testing.assert_close(found.source, source)
    torch.testing.assert_close(found.distance, distance[target, source])
    torch.testing.assert_close(found.vector, batch.positions[source] - batch.positions[target])  # type: ignore[index]


def test_schnet_is_pygs(batch: MoleculeBatch) -> None:
    torch.manual_seed(0)
    ours = ENCODERS.build(SchNetSpec(hidden_dim=DIM, depth=3, cutoff=4.0, radial=12, pooling="sum"), 0, 0)
    assert isinstance(ours, nn.Module)
    near = pairs(batch, 4.0)
    theirs = pyg.SchNet(
        DIM, DIM, 3, 12, 4.0, interaction_graph=lambda *_: (torch.stack([near.source, near.target]), near.distance)
    )
    # the filter stands under two names in PyG
    loaded(ours, theirs, left=("conv.nn.", "lin2", "distance_expansion.offset"))
    theirs.lin2 = nn.Identity()
    expected = theirs(batch.z, batch.positions, batch.batch)
    torch.testing.assert_close(ours(batch), expected, rtol=1e-5, atol=1e-5)
