"""Batches from a packed store: molecules per second, beside PyG's collation and beside copying the same bytes.

DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_batches.py [--molecules 4000] [--batch-size 64]

PyG collates graphs that lie in memory ready-made, one-hot rows included; drugml gathers codes and makes the rows. The
ceiling is a copy of a finished batch. All ways run in turn; figures are medians over the rounds.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from benchmarked import interleaved, machine, molecules
from torch_geometric.data import Batch, Data

from drugml.config.featurizers import ChempropV2Spec
from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.store import PackedStore
from drugml.prediction.trained import layout_of
from drugml.training.loading import Batches

CPU = torch.device("cpu")


def arrays(batch: MoleculeBatch) -> list[torch.Tensor]:
    """All that a model may ask of a batch."""
    return [batch.x, batch.bonds, batch.edge_index, batch.edge_attr, batch.batch]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    _, store = molecules(args.molecules)
    layout = layout_of(ChempropV2Spec())
    packed = DeviceStore(store, layout, CPU)
    count, generator = len(store), torch.Generator().manual_seed(0)
    plan = list(torch.randperm(count, generator=generator).split(args.batch_size))
    alone = [packed.batch(torch.tensor([i])) for i in range(count)]
    graphs = [Data(x=b.x, edge_index=b.edge_index, edge_attr=b.edge_attr) for b in alone]
    made = [arrays(packed.batch(at)) for at in plan]

    def job(each: Callable[[], Iterable[object]]) -> Callable[[], int]:
        return lambda: (sum(1 for _ in each()), count)[1]

    with tempfile.TemporaryDirectory() as folder:
        store.save(Path(folder) / "store", {})
        mapped, _ = PackedStore.load(Path(folder) / "store")
        loaded = DeviceStore(mapped, layout, CPU, resident=False)
        jobs = {
            "copy of finished batches": job(lambda: ([a.clone() for a in batch] for batch in made)),
            "drugml, resident": job(lambda: (arrays(b.graph) for b in Batches(packed, plan))),
            "drugml, mapped and read ahead": job(lambda: (arrays(b.graph) for b in Batches(loaded, plan))),
            "PyG Batch.from_data_list": job(
                lambda: (Batch.from_data_list([graphs[i] for i in at.tolist()]) for at in plan)
            ),
        }
        rates = interleaved(jobs, args.rounds)
    print(machine(), "", "| way | molecules/s, wall | per processor second | of copying | of PyG |", sep="\n")
    print("|---|---|---|---|---|")
    copy, pyg = rates["copy of finished batches"].cpu, rates["PyG Batch.from_data_list"].cpu
    for name, rate in rates.items():
        print(f"| {name} | {rate.wall:,.0f} | {rate.cpu:,.0f} | {rate.cpu / copy:.2f} | {rate.cpu / pyg:.1f} |")


if __name__ == "__main__":
    main()
