"""Networks of atoms in space against PyG's, weights and neighbours being the same; PaiNN against its equations."""

from typing import Literal

import numpy as np
import pytest
import torch
import torch_geometric.nn.models as pyg
from rdkit import Chem
from scipy import special
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn.models import dimenet

from drugml.config.base import Spec
from drugml.config.featurizers import GeometrySpec
from drugml.config.geometric import DimeNetSpec, PaiNNSpec, SchNetSpec, ViSNetSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.bessel import roots, spherical
from drugml.models.space import both, pairs
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES
from tests.test_encoders import turned

MOLS = [Chem.MolFromSmiles(s) for s in [*SMILES[::6], "C", "[Na+]", "[Na+].[Cl-]", "C#C"]]
DIM, CUTOFF = 16, 4.0


@pytest.fixture(scope="module")
def packed() -> DeviceStore:
    store = FEATURIZERS.build(GeometrySpec()).pack(MOLS)
    return DeviceStore(store, layout_of(GeometrySpec()), torch.device("cpu"))


@pytest.fixture(scope="module")
def batch(packed: DeviceStore) -> MoleculeBatch:
    return packed.batch(torch.arange(len(MOLS)))


def build(spec: Spec) -> nn.Module:
    torch.manual_seed(0)
    ours = ENCODERS.build(spec, 0, 0)
    assert isinstance(ours, nn.Module)
    for name, bias in ours.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(bias, std=0.1)
    return ours


def load(ours: nn.Module, theirs: nn.Module, *, left: tuple[str, ...]) -> None:
    """Our weights in PyG's network, whose embeddings have fewer elements; `left` are names that only it has."""
    own, wanted = ours.state_dict(), theirs.state_dict()
    for name in own.keys() & wanted.keys():
        own[name] = own[name][: len(wanted[name])]
    missing, unexpected = theirs.load_state_dict(own, strict=False)
    assert unexpected == []
    assert [m for m in missing if not any(part in m for part in left)] == []


@pytest.mark.parametrize("cutoff", [2.0, 5.0, 20.0])
def test_pairs_are_those_of_all_distances(cutoff: float, batch: MoleculeBatch) -> None:
    found = pairs(batch, cutoff)
    assert batch.positions is not None
    distance = (batch.positions[:, None] - batch.positions).norm(dim=2)
    near = (distance < cutoff) & (batch.batch[:, None] == batch.batch) & ~torch.eye(len(distance), dtype=torch.bool)
    target, source = torch.nonzero(near).T
    order = torch.argsort(found.target * len(distance) + found.source)
    torch.testing.assert_close(found.target[order], target)
    torch.testing.assert_close(found.source[order], source)
    torch.testing.assert_close(both(found.distance)[order], distance[target, source])
    torch.testing.assert_close(found.vector[order], batch.positions[source] - batch.positions[target])


def test_schnet_is_pygs(batch: MoleculeBatch) -> None:
    ours = build(SchNetSpec(hidden_dim=DIM, depth=3, cutoff=CUTOFF, radial=12, pooling="sum"))
    near = pairs(batch, CUTOFF)
    graph = torch.stack([near.source, near.target]), both(near.distance)
    theirs = pyg.SchNet(DIM, DIM, 3, 12, CUTOFF, interaction_graph=lambda *_: graph)
    load(ours, theirs, left=("conv.nn.", "lin2", "distance_expansion.offset"))  # the filter has two names in PyG
    theirs.lin2 = nn.Identity()
    expected = theirs(batch.z, batch.positions, batch.batch)
    torch.testing.assert_close(ours(batch), expected, rtol=1e-5, atol=1e-5)


def test_bessel_functions_are_scipys() -> None:
    at = roots(8, 6)
    order = np.arange(8)[:, None]
    np.testing.assert_allclose(special.spherical_jn(order, at), 0, atol=1e-12)
    signs = np.sign(
        special.spherical_jn(order, np.linspace(0.01, at[:, -1] + 0.1, 5000)[:, :, None].swapaxes(0, 1)[..., 0])
    )
    assert ((np.diff(signs, axis=1) != 0).sum(axis=1) == 6).all()  # none is left out
    x = torch.from_numpy(at) * torch.linspace(0.1, 1, 7, dtype=torch.float64)[:, None, None]
    np.testing.assert_allclose(spherical(x).numpy(), special.spherical_jn(order, x.numpy()), atol=1e-9)


def test_dimenet_is_pygs(batch: MoleculeBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """In double precision: PyG's formulas of Bessel functions cancel out in single."""
    ours = build(DimeNetSpec(hidden_dim=DIM, depth=2, cutoff=CUTOFF, radial=2, angular=3, pooling="sum")).double()
    near = pairs(batch, CUTOFF)
    triplets = [
        (p, q)
        for q, (j, i) in enumerate(zip(near.source.tolist(), near.target.tolist(), strict=True))
        for p in torch.nonzero((near.target == j) & (near.source != i)).flatten().tolist()
    ]
    heard, hearer = torch.tensor(triplets).T
    i, j, k = near.target[hearer], near.source[hearer], near.source[heard]
    monkeypatch.setattr(dimenet, "radius_graph", lambda *_, **__: torch.stack([near.source, near.target]))
    monkeypatch.setattr(dimenet, "triplets", lambda *_, **__: (near.target, near.source, i, j, k, heard, hearer))
    theirs = pyg.DimeNetPlusPlus(DIM, DIM, 2, DIM // 2, 8, 2 * DIM, 3, 2, CUTOFF).double()
    load(ours, theirs, left=())
    assert batch.positions is not None
    precise = MoleculeBatch(**{**vars(batch), "positions": batch.positions.double()})
    said = theirs(batch.z, precise.positions, batch.batch)
    torch.testing.assert_close(ours(precise), said, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.float()(batch).double(), said, rtol=1e-4, atol=1e-4)


class Given(nn.Module):
    """Neighbours for PyG's ViSNet: ours, and each atom with itself."""

    def forward(self, positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        own = torch.arange(len(batch))
        near = (positions[:, None] - positions).norm(dim=2) < CUTOFF
        source, target = torch.nonzero(near & (batch[:, None] == batch)).T
        assert (source == target).sum() == len(own)
        vector = positions[source] - positions[target]
        return torch.stack([source, target]), vector.norm(dim=1), vector


@pytest.mark.parametrize("norm", ["none", "max_min"])
@pytest.mark.parametrize("degree", [1, 2])
def test_visnet_is_pygs(degree: int, norm: Literal["none", "max_min"], batch: MoleculeBatch) -> None:
    spec = ViSNetSpec(hidden_dim=DIM, depth=4, cutoff=CUTOFF, radial=12, heads=4, degree=degree, vector_norm=norm)
    ours = build(spec.model_copy(update={"pooling": "sum"}))
    theirs = pyg.ViSNet(degree, norm if norm == "max_min" else None, False, 4, 4, DIM, 12, False, 100, CUTOFF)
    body, gate = theirs.representation_model, theirs.output_model.output_network[0]
    gate.update_net[2] = nn.Linear(DIM, DIM // 2)  # scalars only: nobody reads the vectors that the other half gates
    unused = tuple(f"vis_mp_layers.0.{name}" for name in ("vec_proj", "f_proj", "w_src_proj", "w_trg_proj"))
    whole = nn.Module()
    for name, child in body.named_children():
        whole.add_module(name, child)
    whole.gate = gate
    load(ours, whole, left=(*unused, "vec_layernorm", "vec_out_norm", "distance_expansion", "vec2_proj"))
    body.distance = Given()
    x, v = body(batch.z, batch.positions, batch.batch)
    own_x, own_v = ours.atoms(batch)  # type: ignore[operator]
    torch.testing.assert_close(own_x, x, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own_v, v, rtol=1e-5, atol=1e-5)
    said = F.silu(gate.update_net(torch.cat([x, gate.vec1_proj(v).norm(dim=-2)], dim=-1)))
    expected = said.new_zeros(len(MOLS), DIM // 2).index_add(0, batch.batch, said)
    torch.testing.assert_close(ours(batch), expected, rtol=1e-5, atol=1e-5)


def test_painn_is_the_papers_equations(packed: DeviceStore) -> None:
    """Atom by atom: equations 7 to 10 of arXiv:2102.03150."""
    batch = packed.batch(torch.tensor([len(MOLS) - 1, 1, len(MOLS) - 3]))
    ours = build(PaiNNSpec(hidden_dim=DIM, depth=2, cutoff=CUTOFF, radial=5))
    assert batch.positions is not None
    s, v = ours.embedding(batch.z), torch.zeros(len(batch.batch), 3, DIM)  # type: ignore[operator]
    for message, update in zip(ours.messages, ours.updates, strict=True):  # type: ignore[arg-type]
        ds, dv = torch.zeros_like(s), torch.zeros_like(v)
        for i in range(len(s)):
            for j in range(len(s)):
                r = batch.positions[j] - batch.positions[i]
                d = r.norm()
                if i == j or batch.batch[i] != batch.batch[j] or d >= CUTOFF:
                    continue
                waves = torch.stack([torch.sin(n * torch.pi * d / CUTOFF) / d for n in range(1, 6)])
                w = message.filter(waves) * 0.5 * (torch.cos(torch.pi * d / CUTOFF) + 1)
                vv, ss, vs = (message.sent(s[j]) * w).chunk(3)
                ds[i] += ss
                dv[i] += v[j] * vv + r[:, None] / d * vs
        s, v = s + ds, v + dv
        mix = v @ update.mix.weight.T
        u, w = mix[..., :DIM], mix[..., DIM:]
        a_vv, a_sv, a_ss = update.gate(torch.cat([s, w.norm(dim=1)], dim=1)).chunk(3, dim=1)
        s, v = s + a_ss + a_sv * (u * w).sum(1), v + a_vv[:, None] * u
    own_s, own_v = ours.atoms(batch)  # type: ignore[operator]
    torch.testing.assert_close(own_s, s, rtol=1e-4, atol=1e-3)  # the paper's length has no slope at 0, ours has
    torch.testing.assert_close(own_v, v, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("spec", [PaiNNSpec(hidden_dim=DIM), ViSNetSpec(hidden_dim=DIM)], ids=lambda s: s.name)
def test_vectors_turn_with_the_molecule(spec: Spec, batch: MoleculeBatch) -> None:
    ours, other = build(spec), turned(batch)
    assert batch.positions is not None
    assert other.positions is not None
    at = batch.batch == 0  # the rotation, from the first molecule before and after
    before, after = (b.positions[at] - b.positions[at].mean(dim=0) for b in (batch, other))  # type: ignore[index]
    s, v = ours.atoms(batch)  # type: ignore[operator]
    turned_s, turned_v = ours.atoms(other)  # type: ignore[operator]
    rotation = torch.linalg.lstsq(before, after).solution.T
    torch.testing.assert_close(turned_s, s, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(turned_v, torch.einsum("xy,nyd->nxd", rotation, v), rtol=1e-3, atol=1e-3)
    assert v.abs().max() > 0.01
