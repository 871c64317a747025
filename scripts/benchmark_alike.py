"""Training steps of the networks that compute once what is alike, beside the same steps with each atom by itself.

    DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_alike.py [--batch-size 64] [--models gcn gin]

Both kinds run in turn on the same batches of HIV; figures are medians over the rounds, molecules per processor second.
Width and depth are those of each model's defaults. Forward, loss, backward and optimiser, without Lightning.
"""

import argparse
from collections.abc import Callable

from benchmark_step import bare
from benchmarked import interleaved, machine, molecules, run_spec, training_data

from drugml.data.memory import keep_freed
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
    module = Module(run_spec(name, batch_size=args.batch_size), data)
    run, batches = bare(module, {"fused": True}, "32", False, alike), module.order.batches(0)[: args.steps]
    return lambda: run(batches)


if __name__ == "__main__":
    main()
