"""Training steps of D-MPNN (300, depth 3): a bare loop, Lightning's fit, precisions, compiled; against matrix products.

DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_step.py [--steps 30] [--compile]

All kinds of step run in turn on the same batches; figures are medians over the rounds, in molecules per second.
The ceiling is the rate of float32 matrix products alone, at the width and the numbers of rows of the model.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarked import gemm_rate, interleaved, machine, molecules, run_spec, step_flop, training_data

from drugml.data.memory import keep_freed
from drugml.tasks.masks import masked_loss
from drugml.training.compiled import Compiled
from drugml.training.fit import fit
from drugml.training.listener import Silent
from drugml.training.module import TINY, Module


class Clock(Silent):
    """Wall and processor time from the end of the first batch of an epoch to the end of its last."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Note the time."""
        if done == 1:
            self._start = time.perf_counter(), time.process_time()
        if done == total:
            self.wall.append(time.perf_counter() - self._start[0])
            self.cpu.append(time.process_time() - self._start[1])


def bare(
    module: Module, options: dict[str, bool], precision: str, compiled: bool, alike: bool = True
) -> Callable[[list[torch.Tensor]], int]:
    """A loop without Lightning, over the module's own parts."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, **options)
    packed = module.packed()
    forward = Compiled(module.network, packed, module.order.batches(0)) if compiled else module.network

    def run(batches: list[torch.Tensor]) -> int:
        for at in batches:
            optimizer.zero_grad()
            batch = packed.batch(at)
            if not alike:
                batch.looks = None
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                total, weight = masked_loss(module.task, forward(batch), *(t[at] for t in module.labels))
            (total / weight.clamp(min=TINY)).backward()
            optimizer.step()
        return sum(map(len, batches))

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="steps per kind and round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="with torch.compile, which takes half a minute more")
    args = parser.parse_args()
    keep_freed()
    count = (args.steps + 1) * 64
    _, store = molecules(max(count + 64, 2000))
    data = training_data(store, val=len(store) - count)
    module = Module(run_spec(), data)
    kinds = {"bare loop": bare(module, {"fused": True}, "32", False)}
    kinds["bare, bonds that look alike one by one"] = bare(module, {"fused": True}, "32", False, alike=False)
    kinds["bare, optimiser not fused"] = bare(module, {"foreach": False}, "32", False)
    kinds["bare, bf16-mixed"] = bare(module, {"fused": True}, "bf16", False)
    if args.compile:
        kinds["bare, compiled"] = bare(module, {"fused": True}, "32", True)
    batches = module.order.batches(0)[: args.steps]
    for run in kinds.values():
        run(batches)  # warm, and compiled where it is
    clock = Clock()

    def lightning() -> int:
        with tempfile.TemporaryDirectory() as folder:
            fit(run_spec(epochs=1), data, Path(folder) / "last.ckpt", clock)
        return count

    jobs = {name: lambda run=run: run(batches) for name, run in kinds.items()}
    rates = interleaved({**jobs, "Lightning": lightning}, args.rounds)
    done = args.steps * 64
    wall, cpu = (done / sorted(t)[len(t) // 2] for t in (clock.wall, clock.cpu))
    table = {name: (r.wall, r.cpu) for name, r in rates.items() if name != "Lightning"}
    table["Lightning's fit"] = (wall, cpu)
    flop = step_flop(store)
    plain, best = gemm_rate(int(64 * 2 * len(store.bond["codes"]) / len(store)))
    ceiling = best * 1e9 / flop
    print(machine())
    print(
        f"torch.mm: {plain:.0f} GFLOP/s at 300 columns, {best:.0f} at 304; {flop / 1e6:.0f} MFLOP per molecule and step"
    )
    print(
        f"ceiling: {ceiling:.0f} molecules/s", "", "| step | wall | processor | of ceiling | of bare loop |", sep="\n"
    )
    print("|---|---|---|---|---|")
    threads = torch.get_num_threads()
    for name, (by_wall, by_cpu) in table.items():
        share, ratio = by_cpu * threads / ceiling, by_cpu / table["bare loop"][1]
        print(f"| {name} | {by_wall:.0f} | {by_cpu * threads:.0f} | {share:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
