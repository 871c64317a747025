"""Training steps of the networks of atoms in space beside PyG's of the same size, on the same molecules and neighbours.

    DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_space.py [--batch-size 16] [--models schnet painn]

Both run in turn on batches of ESOL with our conformers; figures are medians over the rounds, molecules per processor
second: neighbours, forward, loss, backward and optimiser. PyG looks for neighbours with a package that is not needed
here, so it is given ours, of which it keeps all; triplets are found by index arithmetic for it too. PyG has no PaiNN.
"""

import argparse
import csv
from collections.abc import Callable

import torch
from benchmarked import CACHE, TABLE, Rate, interleaved, machine
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn.models import DimeNetPlusPlus, SchNet, ViSNet, dimenet

from drugml.config.featurizers import GeometrySpec
from drugml.config.geometric import DimeNetSpec, GeometricSpec, PaiNNSpec, SchNetSpec, ViSNetSpec
from drugml.config.standardize import NoStandardization
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.memory import keep_freed
from drugml.featurizers.cached import pack_cached
from drugml.models import ENCODERS
from drugml.models.space import both, pairs
from drugml.prediction.trained import layout_of

SPECS: dict[str, GeometricSpec] = {
    "schnet": SchNetSpec(),
    "painn": PaiNNSpec(),
    "dimenet": DimeNetSpec(),
    "visnet": ViSNetSpec(),
}


class Ours(nn.Module):
    """The encoder and a linear head."""

    def __init__(self, spec: GeometricSpec) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(spec, 0, 0)
        self.head = nn.Linear(self.encoder.out_dim, 1)

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """One number for each molecule."""
        out: Tensor = self.head(self.encoder(batch))
        return out


class Theirs(nn.Module):
    """PyG's network with our neighbours."""

    def __init__(self, name: str, spec: GeometricSpec) -> None:
        super().__init__()
        self.cutoff = spec.cutoff
        if name == "schnet":
            self.body = SchNet(cutoff=spec.cutoff, interaction_graph=lambda *_: (self.edges, self.distance))
        elif name == "dimenet":
            dimenet.radius_graph = lambda *_, **__: self.edges
            dimenet.triplets = lambda edges, num_nodes: triplets(edges[0], edges[1], num_nodes)
            self.body = DimeNetPlusPlus(128, 1, 4, 64, 8, 256, 7, 6, spec.cutoff)
        else:
            self.body = ViSNet(hidden_channels=128, cutoff=spec.cutoff)
            self.body.representation_model.distance = Given(self)

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """One number for each molecule."""
        near = pairs(batch, self.cutoff)
        self.edges, self.distance, self.vector = (
            torch.stack([near.source, near.target]),
            both(near.distance),
            near.vector,
        )
        out = self.body(batch.z, batch.positions, batch.batch)
        return (out[0] if isinstance(out, tuple) else out).reshape(-1, 1)


class Given(nn.Module):
    """Neighbours as PyG's ViSNet wants them: each atom is one of its own."""

    def __init__(self, owner: Theirs) -> None:
        super().__init__()
        self.owner = [owner]  # in a list it is no submodule

    def forward(self, positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Edges, distances and vectors."""
        own, owner = torch.arange(len(batch)), self.owner[0]
        edges = torch.cat([owner.edges, torch.stack([own, own])], dim=1)
        distance = torch.cat([owner.distance.flatten(), torch.zeros(len(own))])
        return edges, distance, torch.cat([owner.vector, torch.zeros(len(own), 3)])


def triplets(source: Tensor, target: Tensor, atoms: int) -> tuple[Tensor, ...]:
    """Pairs k → j and j → i that meet in j, i being another atom than k, as PyG returns them."""
    into = torch.bincount(target, minlength=atoms)
    first, by_target, meet = into.cumsum(0) - into, torch.argsort(target, stable=True), into[source]
    hearer = torch.arange(len(meet)).repeat_interleave(meet)
    heard = by_target[torch.arange(len(hearer)) + (first[source] - meet.cumsum(0) + meet)[hearer]]
    other = source[heard] != target[hearer]
    heard, hearer = heard[other], hearer[other]
    return target, source, target[hearer], source[hearer], source[heard], heard, hearer


def steps(network: nn.Module, store: DeviceStore, batches: list[Tensor]) -> Callable[[], int]:
    """A job: trains on the batches, returns how many molecules that were."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)

    def run() -> int:
        for at in batches:
            optimizer.zero_grad()
            batch = store.batch(at)
            atoms = torch.bincount(batch.batch, minlength=len(at)).float().unsqueeze(1)
            F.mse_loss(network(batch), atoms).backward()
            optimizer.step()
        return sum(map(len, batches))

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(SPECS), choices=list(SPECS))
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6, help="steps per kind and round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    keep_freed()
    count = args.steps * args.batch_size
    with (TABLE.parent / "esol.csv").open(encoding="utf-8") as file:
        smiles = [row["smiles"] for row in csv.DictReader(file)][:count]
    packed = pack_cached(
        smiles, GeometrySpec(), standardize=NoStandardization(), max_atoms=1000, cache=CACHE, workers=1
    )
    assert packed.store is not None
    store = DeviceStore(packed.store, layout_of(GeometrySpec()), torch.device("cpu"))
    batches = list(torch.arange(len(packed.store)).split(args.batch_size))
    print(machine(), "", "| model | drugml | PyG | ratio |", "|---|---|---|---|", sep="\n")
    for name in args.models:
        networks = {"drugml": Ours(SPECS[name])} | ({} if name == "painn" else {"PyG": Theirs(name, SPECS[name])})
        jobs = {who: steps(network, store, batches) for who, network in networks.items()}
        for job in jobs.values():
            job()  # warm
        print(line(name, interleaved(jobs, args.rounds)), flush=True)


def line(name: str, rates: dict[str, Rate]) -> str:
    """A line of the table."""
    ours, theirs = rates["drugml"].cpu, rates["PyG"].cpu if "PyG" in rates else None
    return f"| {name} | {ours:.1f} | {f'{theirs:.1f} | {ours / theirs:.2f}' if theirs else '|'} |"


if __name__ == "__main__":
    main()
