"""Epochs of training, Chemprop and drugml: same molecules, labels, network, batch size and schedule, both warm.

Chemprop lives in an environment of its own (see compare_chemprop.py) and runs at its best: graphs cached in memory, no
logger, checkpoints or progress bar.

    DRUGML_DATA=... python scripts/benchmark_epoch.py /tmp/chemprop/bin/python [--molecules 6400] [--threads 1 2]

Each runs in a process of its own and waits while the other does an epoch. An epoch is timed from the end of its first
batch to the end of its last; validation and the first epoch are left out. With one thread, the ratio by processor time
holds on a busy machine too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from benchmarked import gemm_rate, machine, molecules, run_spec, step_flop, training_data

from drugml.training.fit import fit
from drugml.training.listener import Silent

HERE = Path(__file__).resolve().parent


class Clock(Silent):
    """As that of epoch_chemprop.py."""

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Wait for the turn, or print the seconds."""
        if done == 1:
            sys.stdin.readline()
            self._start = time.perf_counter(), time.process_time()
        if done == total:
            print(json.dumps([time.perf_counter() - self._start[0], time.process_time() - self._start[1]]), flush=True)


def worker() -> None:
    """The side of drugml."""
    smiles, _, epochs = json.loads(sys.stdin.readline())
    _, store = molecules(len(smiles) + 64)
    with tempfile.TemporaryDirectory() as folder:
        data = training_data(store, len(store) - len(smiles))
        fit(run_spec(epochs=epochs), data, Path(folder) / "last.ckpt", Clock())


def start(command: list[str], path: str, threads: int, task: str) -> "subprocess.Popen[str]":
    """A side, told what to do."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tempfile.gettempdir()
    )
    assert process.stdin is not None
    process.stdin.write(task + "\n")
    return process


def epoch(process: "subprocess.Popen[str]") -> list[float]:
    """Let one epoch run; its wall and processor seconds."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args} stopped")
    return list(json.loads(line))


def compare(
    chemprop: Path, smiles: list[str], threads: int, epochs: int, rows: int
) -> tuple[dict[str, tuple[float, float]], float]:
    """Molecules per second by wall and by processor time of each; GFLOP/s of one thread in matrix products of `rows`.

    The three run in turn.
    """
    task = json.dumps([smiles, [float(len(s)) for s in smiles], epochs])
    sides = {
        "chemprop": start([str(chemprop), str(HERE / "epoch_chemprop.py")], "", threads, task),
        "drugml": start(
            [sys.executable, str(HERE / "benchmark_epoch.py"), "--worker"], f"{HERE.parent}", threads, task
        ),
    }
    seconds = {who: [] for who in sides}
    gemm = []
    for _ in range(epochs):
        gemm.append(gemm_rate(rows)[1])
        for who, process in sides.items():
            seconds[who].append(epoch(process))
    for process in sides.values():
        process.communicate()
    done = len(smiles) - 64
    medians = {who: [statistics.median(x) for x in zip(*s[1:], strict=True)] for who, s in seconds.items()}
    return {who: (done / wall, done / cpu) for who, (wall, cpu) in medians.items()}, statistics.median(gemm)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chemprop", type=Path, nargs="?", help="Python of the environment that has chemprop 2.3.1")
    parser.add_argument("--molecules", type=int, default=6400, help="an epoch of fewer is over too soon")
    parser.add_argument("--epochs", type=int, default=5, help="the first one is not counted")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker()
    smiles, store = molecules(args.molecules + 64)
    flop = step_flop(store)
    torch.set_num_threads(1)
    rows = int(64 * 2 * len(store.bond["codes"]) / len(store))
    print(machine(), f"{flop / 1e6:.0f} MFLOP per molecule and step", "", sep="\n")
    print("| threads | who | molecules/s, wall | per processor second | of chemprop | of matrix products |")
    print("|---|---|---|---|---|---|")
    for threads in args.threads:
        rates, gemm = compare(args.chemprop, smiles[: args.molecules // 64 * 64], threads, args.epochs, rows)
        for who, (wall, cpu) in rates.items():
            # by wall time with several threads: waiting for each other costs processor time
            used, peer = (cpu, rates["chemprop"][1]) if threads == 1 else (wall, rates["chemprop"][0])
            share = used * flop / (threads * gemm * 1e9)
            print(f"| {threads} | {who} | {wall:.0f} | {cpu:.0f} | {used / peer:.2f} | {share:.2f} |", flush=True)
    return None


if __name__ == "__main__":
    main()
