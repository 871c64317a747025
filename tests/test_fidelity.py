"""Each architecture against its reference: PyG where PyG has it, the paper's equation written out where not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from rdkit import Chem
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE

from drugml.config.encoders import AttentiveFpSpec, CmpnnSpec, GraphormerSpec, Pooling
from drugml.config.featurizers import OgbSpec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.featurizers import FEATURIZERS
from drugml.models import ENCODERS
from drugml.models.dense import Dense
from drugml.models.gat import GatConv, Gatv2Conv
from drugml.models.gatedgcn import GatedGcnConv
from drugml.models.gcn import GcnConv, SageConv
from drugml.models.gine import GinConv, GineConv
from drugml.models.gps import GpsConv
from drugml.models.layered import Conv
from drugml.models.mpnn import EdgeNetwork
from drugml.models.pna import LOG_DEGREE, PnaConv
from drugml.models.readout import STEPS, Readout
from drugml.models.rounds import Hood
from drugml.prediction.trained import layout_of
from tests.conftest import SMILES

MOLS = [Chem.MolFromSmiles(s) for s in [*SMILES, "C", "[Na+].[Cl-]"]]
DIM, HEADS = 16, 4


@pytest.fixture(scope="module")
def batch() -> MoleculeBatch:
    store = FEATURIZERS.build(OgbSpec()).pack(MOLS)
    return DeviceStore(store, layout_of(OgbSpec()), torch.device("cpu")).batch(torch.arange(len(MOLS)))


def atoms_of(batch: MoleculeBatch) -> Tensor:
    return torch.randn(len(batch.x), DIM, generator=torch.Generator().manual_seed(1))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.ReLU(), nn.Linear(2 * DIM, DIM))


def pna(bond_dim: int) -> nn.Module:
    aggregators, scalers = ["mean", "min", "max", "std"], ["identity", "amplification", "attenuation"]
    conv = pyg.PNAConv(DIM, DIM, aggregators, scalers, torch.tensor([0, 1]), edge_dim=bond_dim)
    conv.aggr_module.avg_deg_log.fill_(LOG_DEGREE)
    return conv


CONVS = {
    "gcn": (GcnConv, {}, lambda _: pyg.GCNConv(DIM, DIM), False),
    "graphsage": (SageConv, {}, lambda _: pyg.SAGEConv(DIM, DIM), False),
    "gin": (GinConv, {}, lambda _: pyg.GINConv(mlp(), train_eps=True), False),
    "gine": (GineConv, {}, lambda bond: pyg.GINEConv(mlp(), train_eps=True, edge_dim=bond), True),
    "gat": (GatConv, {"heads": HEADS}, lambda bond: pyg.GATConv(DIM, DIM // HEADS, HEADS, edge_dim=bond), True),
    "gatv2": (Gatv2Conv, {"heads": HEADS}, lambda bond: pyg.GATv2Conv(DIM, DIM // HEADS, HEADS, edge_dim=bond), True),
    "pna": (PnaConv, {}, pna, True),
}


@pytest.mark.parametrize("name", CONVS)
def test_a_round_is_pygs(name: str, batch: MoleculeBatch) -> None:
    kind, options, make, bonds = CONVS[name]
    torch.manual_seed(0)
    ours: Conv = kind(DIM, batch.bonds.shape[1], **options)
    for bias in (p for p in ours.parameters() if p.ndim == 1):
        nn.init.normal_(bias)
    theirs = make(batch.bonds.shape[1])
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected
    assert all("avg_deg" in m for m in missing)
    x = atoms_of(batch)
    expected = theirs(x, batch.edge_index, *([batch.edge_attr] if bonds else []))
    torch.testing.assert_close(ours(x, Hood.of(batch)), expected, rtol=1e-5, atol=1e-5)


def test_the_edge_network_is_pygs(batch: MoleculeBatch) -> None:
    ours = EdgeNetwork(DIM, batch.bonds.shape[1], 8)
    theirs = pyg.NNConv(DIM, DIM, ours.nn, root_weight=False)
    theirs.load_state_dict(ours.state_dict())
    x = atoms_of(batch)
    expected = theirs(x, batch.edge_index, batch.edge_attr)
    assert batch.alike is not None
    for each in (batch, replace(batch, x=batch.x.clone())):  # by kinds of bonds, and each bond by itself
        ways = ours.ways(each)
        assert (len(ways.matrices) < len(batch.bonds) / 10) == (each is batch)
        torch.testing.assert_close(ours(x, ways), expected, rtol=1e-5, atol=1e-5)


def test_attentive_fp_is_pygs(batch: MoleculeBatch) -> None:
    torch.manual_seed(0)
    ours = ENCODERS.build(AttentiveFpSpec(hidden_dim=DIM, depth=3), batch.x.shape[1], batch.bonds.shape[1])
    assert isinstance(ours, nn.Module)
    theirs = pyg.AttentiveFP(batch.x.shape[1], DIM, DIM, batch.bonds.shape[1], num_layers=3, num_timesteps=2)
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert (missing, unexpected) == (["lin2.weight", "lin2.bias"], [])
    theirs.lin2 = nn.Identity()
    expected = theirs(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    torch.testing.assert_close(ours(batch), expected, rtol=1e-5, atol=1e-5)


def test_a_round_of_gps_is_pygs(batch: MoleculeBatch) -> None:
    """Norms apart: PyG's layer norm is over all atoms of a molecule, its batch norm over all of a batch."""
    torch.manual_seed(0)
    bond_dim = batch.bonds.shape[1]
    ours = GpsConv(DIM, bond_dim, heads=HEADS, dropout=0.0)
    ours.norm1 = ours.norm2 = ours.norm3 = nn.Identity()  # type: ignore[assignment]
    theirs = pyg.GPSConv(DIM, pyg.GINEConv(mlp(), train_eps=True, edge_dim=bond_dim), HEADS, norm=None)
    theirs.load_state_dict(ours.state_dict())
    x = atoms_of(batch)
    expected = theirs(x, batch.edge_index, batch.batch, edge_attr=batch.edge_attr)
    torch.testing.assert_close(ours(x, Hood.of(batch), Dense(batch)), expected, rtol=1e-5, atol=1e-5)


READOUTS = {
    "sum": lambda _: pyg.global_add_pool,
    "mean": lambda _: pyg.global_mean_pool,
    "max": lambda _: pyg.global_max_pool,
    "norm": lambda _: lambda x, batch, size: pyg.global_add_pool(x, batch, size) / 100,
    "attention": lambda r: lambda x, batch, size: pyg.aggr.AttentionalAggregation(r.gate)(x, batch, dim_size=size),
    "sum_max": lambda r: lambda x, batch, size: sum_and_max(r)(x, batch, dim_size=size),
    "set2set": lambda r: lambda x, batch, size: set2set(r)(x, batch, dim_size=size),
}


def sum_and_max(readout: Readout) -> Callable[..., Tensor]:
    """DGL-LifeSci's `WeightedSumAndMax`, of PyG's parts."""
    parts = pyg.aggr.SumAggregation(), pyg.aggr.MaxAggregation()
    return lambda x, *on, **by: torch.cat(
        [parts[0](torch.sigmoid(x @ readout.gate.weight.T + readout.gate.bias) * x, *on, **by), parts[1](x, *on, **by)],
        dim=1,
    )


def set2set(readout: Readout) -> nn.Module:
    theirs = pyg.aggr.Set2Set(DIM, STEPS)
    theirs.load_state_dict(readout.state_dict())
    return theirs


def test_all_readouts_are_compared() -> None:
    assert READOUTS.keys() == set(get_args(Pooling))


@pytest.mark.parametrize("pooling", READOUTS)
def test_a_readout_is_pygs(pooling: str, batch: MoleculeBatch) -> None:
    torch.manual_seed(0)
    ours, x = Readout(DIM, pooling), atoms_of(batch)
    expected = READOUTS[pooling](ours)(x, batch.batch, batch.num_graphs)
    assert expected.shape == (len(MOLS), ours.out_dim)
    torch.testing.assert_close(ours(x, batch), expected, rtol=1e-5, atol=1e-5)
    filled = torch.nn.functional.pad(x, (0, 5))
    torch.testing.assert_close(ours(filled, batch), expected, rtol=1e-5, atol=1e-5)


def test_gates_are_the_papers_equation(batch: MoleculeBatch) -> None:
    """Atom by atom: Dwivedi et al., arXiv:2003.00982, equations 12 to 14."""
    torch.manual_seed(0)
    conv, x = GatedGcnConv(DIM), atoms_of(batch)
    e = torch.randn(batch.edge_index.shape[1], DIM)
    heard, gates = conv(x, e, batch)
    for v in range(0, len(x), 7):
        own, top, below = conv.own(x[v]), torch.zeros(DIM), torch.full((DIM,), 1e-6)
        for i in torch.nonzero(batch.edge_index[1] == v).flatten().tolist():
            u = int(batch.edge_index[0, i])
            gate = conv.bond(e[i]) + conv.source(x[u]) + conv.target(x[v])
            torch.testing.assert_close(gates[i], gate, rtol=1e-5, atol=1e-5)
            top, below = top + gate.sigmoid() * conv.sent(x[u]), below + gate.sigmoid()
        torch.testing.assert_close(heard[v], own + top / below, rtol=1e-5, atol=1e-5)


def test_communication_is_the_papers_algorithm(batch: MoleculeBatch) -> None:
    """Atom by atom and bond by bond: Song et al., doi:10.24963/ijcai.2020/392, algorithm 1, in its authors' form."""
    torch.manual_seed(0)
    spec = CmpnnSpec(hidden_dim=DIM, depth=3, pooling="sum")
    ours = ENCODERS.build(spec, batch.x.shape[1], batch.bonds.shape[1])
    assert isinstance(ours, nn.Module)
    found = ours(batch)
    for m in range(0, len(MOLS), 5):
        single = DeviceStore(FEATURIZERS.build(OgbSpec()).pack([MOLS[m]]), layout_of(OgbSpec()), torch.device("cpu"))
        torch.testing.assert_close(found[m], communicated(ours, single.batch(torch.tensor([0]))), rtol=1e-5, atol=1e-5)


def communicated(net: nn.Module, one: MoleculeBatch) -> Tensor:
    """The network written out for one molecule; a bond is the pair of its atoms."""
    bonds = {(v, w): one.edge_attr[i] for i, (v, w) in enumerate(one.edge_index.t().tolist())}
    first = {(v, w): torch.relu(net.W_b(torch.cat([one.x[v], bonds[v, w]]))) for v, w in bonds}
    own = [torch.relu(net.W_a(x)) for x in one.x]
    h, e = [*own], dict(first)

    def message(v: int) -> Tensor:
        heard = [e[u, w] for u, w in bonds if w == v]
        return torch.stack(heard).sum(0) * torch.stack(heard).max(0).values if heard else torch.zeros(DIM)

    for linear in net.W_t:
        h = [h[v] + message(v) for v in range(len(h))]
        e = {(v, w): torch.relu(first[v, w] + linear(h[v] - e[w, v])) for v, w in bonds}
    z = torch.stack([net.W_r(torch.cat([message(v), h[v], own[v]])) for v in range(len(h))])
    held = [net.memory.gru(torch.relu(row + net.memory.bias), z.max(0).values) for row in z]
    return torch.stack([torch.relu(net.W_o(state)) for state in held]).sum(0)


def test_walks_are_pygs(batch: MoleculeBatch) -> None:
    data = Data(edge_index=batch.edge_index, num_nodes=len(batch.x))
    expected = AddRandomWalkPE(6, attr_name="walk")(data).walk
    torch.testing.assert_close(Dense(batch).returns(6), expected)


@pytest.mark.parametrize("most", [1, 4, 64])
def test_distances_are_rdkits(batch: MoleculeBatch, most: int) -> None:
    found = Dense(batch).distances(most)
    for i, mol in enumerate(MOLS):
        expected = Chem.GetDistanceMatrix(mol)
        expected = np.where(expected > 1e6, most + 1, np.minimum(expected, most))
        np.testing.assert_array_equal(found[i, : len(expected), : len(expected)].numpy(), expected)


@pytest.mark.parametrize("pooling", ["node", "norm"])
def test_attention_of_graphormer_is_torchs(pooling: Literal["node", "norm"], batch: MoleculeBatch) -> None:
    """A block against `nn.MultiheadAttention` with the bias as its mask."""
    torch.manual_seed(0)
    spec = GraphormerSpec(hidden_dim=DIM, heads=HEADS, pooling=pooling)
    ours = ENCODERS.build(spec, batch.x.shape[1], batch.bonds.shape[1])
    dense, block = Dense(batch), ours.blocks[0]  # type: ignore[attr-defined]
    bias, h = ours._bias(batch, dense), dense.spread(atoms_of(batch))  # type: ignore[attr-defined]
    molecules, atoms = dense.shape
    one_to_two = int(dense.pair[0])  # a bond adds to the bias of its two atoms, beside that of distance one
    of_bond = ours.bond(batch.bonds[0]) + ours.distance(torch.tensor(1))  # type: ignore[attr-defined]
    of_atoms = bias[:, :, :atoms, :atoms].permute(0, 2, 3, 1).reshape(-1, HEADS)
    torch.testing.assert_close(of_atoms[one_to_two], of_bond)
    if pooling == "node":
        h = torch.cat([h, torch.randn(molecules, 1, DIM)], dim=1)
        to_node = ours.distance.weight[-1].view(1, HEADS, 1)  # type: ignore[attr-defined]
        torch.testing.assert_close(bias[:, :, :, -1], to_node.expand(molecules, HEADS, atoms + 1))
        hidden = F.pad(~dense.mask, (0, 1)).unsqueeze(1)
        torch.testing.assert_close(bias[:, :, -1], to_node.expand_as(bias[:, :, -1]).masked_fill(hidden, -torch.inf))
    theirs = nn.MultiheadAttention(DIM, HEADS, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": block.qkv.weight,
            "in_proj_bias": block.qkv.bias,
            "out_proj.weight": block.out.weight,
            "out_proj.bias": block.out.bias,
        }
    )
    normed = block.norm(h)
    heard = h + theirs(normed, normed, normed, attn_mask=bias.flatten(0, 1), need_weights=False)[0]
    expected = heard + block.mlp(heard)
    found = block(h, bias)
    found_atoms, expected_atoms = dense.gather(found[:, :atoms]), dense.gather(expected[:, :atoms])
    torch.testing.assert_close(found_atoms, expected_atoms, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[:, atoms:], expected[:, atoms:], rtol=1e-5, atol=1e-5)
