"""Training steps of the networks that compute once what is alike, beside the same steps with each atom by itself.

    DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_alike.py [--batch-size 64] [--models gcn gin]

Both kinds run in turn on the same batches of HIV; figures are medians over the rounds, molecules per processor second.
Width and depth are those of each model's defaults. Forward, loss, backward and optimiser, without Lightning.
"""

import argparse
from collections.abc import Callable

import torch
from benchmarked import interleaved, machine, molecules, training_data

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.data.memory import keep_freed
from drugml.tasks.masks import masked_loss
from drugml.training.data import TrainingData
from drugml.training.module import Module

MODELS = ["dmpnn", "gcn", "graphsage", "gin", "gine", "gat", "gatv2", "pna", "mpnn"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="steps per kind and round")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    keep_freed()
    _, store = molecules(args.steps * args.batch_size + 64)
    data = training_data(store)
    print(machine(), "", "| model | shared | each by itself | ratio |", "|---|---|---|---|", sep="\n")
    for name in args.models:
        jobs = {str(alike): steps(name, data, args, alike) for alike in (True, False)}
        for job in jobs.values():
            job()  # warm
        rates = interleaved(jobs, args.rounds)
        once, each = rates["True"].cpu, rates["False"].cpu
        print(f"| {name} | {once:.0f} | {each:.0f} | {once / each:.2f} |", flush=True)


def steps(name: str, data: TrainingData, args: argparse.Namespace, alike: bool) -> Callable[[], int]:
    """The steps of one kind, as a job that returns how many molecules it did."""
    config = {
        "data": {"path": "x.csv", "targets": ["y"]},
        "task": {"kind": "regression"},
        "featurizer": {"name": "chemprop_v2"},
        "model": {"name": name},
        "train": {"accelerator": "cpu", "batch_size": args.batch_size},
    }
    module = Module(check(RunSpec, config, {(): "benchmark"}), data)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)
    batches = module.order.batches(0)[: args.steps]

    def job() -> int:
        for at in batches:
            optimizer.zero_grad()
            batch = module.packed().batch(at)
            if not alike:
                batch.looks = None
            total, weight = masked_loss(module.task, module.network(batch), *(t[at] for t in module.labels))
            (total / weight).backward()
            optimizer.step()
        return sum(map(len, batches))

    return job


if __name__ == "__main__":
    main()
