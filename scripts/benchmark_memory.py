"""Peak memory and time of `drugml data check|curate|split` by rows of the table.

    python scripts/benchmark_memory.py SMILES_TABLE --rows 20000 200000 --verbs check curate

The table is cut (or repeated) to each number of rows, with a number per row as label. Memory is the proportional share
(PSS) of the command and all its workers together, sampled twice a second.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from drugml.data.columns import find_smiles
from drugml.data.table import Table, locate

VERBS = {
    "check": ["data", "check", "{table}", "--target", "y"],
    "curate": ["data", "curate", "{table}", "--target", "y", "--out", "{folder}/out.csv"],
    "split": ["data", "split", "{table}", "--target", "y", "data.split=random", "--out", "{folder}/split.csv"],
}


def write(source: str, rows: int, path: Path) -> None:
    """The first `rows` structures, from the start again where there are fewer."""
    table = Table(locate(source))
    at, _ = find_smiles(table, None)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "y"])
        writer.writerows([r.cells[at], f"{(i * 7919) % 9973 / 997:.3f}"] for i, r in zip(range(rows), cycle(table)))


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in below for p in tree(int(child)))]


def pss(pid: int) -> int:
    """Bytes; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def run(command: list[str], folder: Path) -> tuple[float, float, int]:
    """Seconds, peak of the whole tree and of the main process in bytes."""
    start, most, main = time.perf_counter(), 0, 0
    env = os.environ | {"DRUGML_CACHE": str(folder / "cache")}
    with (folder / "log").open("w") as log:
        job = subprocess.Popen(
            [sys.executable, "-c", "from drugml.cli.main import main; main()", *command],
            stdout=log,
            stderr=log,
            env=env,
        )
        while job.poll() is None:
            each = [pss(p) for p in tree(job.pid)]
            most, main = max(most, sum(each)), max(main, each[0] if each else 0)
            time.sleep(0.5)
    if job.returncode:
        sys.exit((folder / "log").read_text()[-2000:])
    return time.perf_counter() - start, most, main


def main() -> None:
    """Print one line per verb and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--verbs", nargs="+", default=[*VERBS], choices=[*VERBS])
    parser.add_argument("--tmp", default=None, help="folder with room for the tables")
    options = parser.parse_args()
    print(f"{'verb':8s} {'rows':>10s} {'wall':>9s} {'rows/s':>8s} {'peak, all':>10s} {'peak, main':>11s}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.tmp) as name:
            folder = Path(name)
            write(options.source, rows, folder / "t.csv")
            for verb in options.verbs:
                command = [a.format(table=folder / "t.csv", folder=folder) for a in VERBS[verb]]
                wall, most, alone = run(command, folder)
                memory = f"{most / 2**20:6,.0f} MiB {alone / 2**20:7,.0f} MiB"
                print(f"{verb:8s} {rows:10,} {wall:7.1f} s {rows / wall:8,.0f} {memory}", flush=True)


if __name__ == "__main__":
    main()
