"""`predict` from SMILES to file, beside `chemprop predict` with a network of the same size, and its memory.

Chemprop lives in an environment of its own (see `compare_chemprop.py`):

    python scripts/benchmark_predict.py /tmp/chemprop/bin/chemprop --rows 20000 --memory 10000 100000

SMILES come from a csv under $DRUGML_DATA (`--data`), repeated where more are asked for. Both networks are D-MPNN
300 x 3, trained for a moment on the same molecules, and both commands run whole, start-up included, one after the
other in each round. Memory is the peak of the proportional set size of all processes of a command, looked at five times
a second; CPU is the time of all its processes, which other work on the machine changes less. "ratio" is chemprop's
over ours.
"""

import argparse
import csv
import os
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from measured import DRUGML, Measured, measure, read, run


def main() -> None:
    """Run both and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chemprop", type=Path, nargs="?", help="its program; only drugml is measured without")
    parser.add_argument("--data", default="screening/moses_250k.csv.gz")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chemprop-options", nargs="*", default=[], help="such as -n 2, written in one string each")
    parser.add_argument("--memory", type=int, nargs="*", default=[10_000, 100_000], help="rows; 1000000 takes a while")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        smiles = read(Path(os.environ["DRUGML_DATA"]) / args.data)
        ours = train_drugml(folder, smiles[:400])
        if args.chemprop:
            theirs = train_chemprop(args.chemprop, folder, args.chemprop_options)
            compare(folder, smiles, ours, theirs, args.rows, args.rounds)
        print("\n| rows | wall s | rows/s | peak MiB |", "|---|---|---|---|", sep="\n")
        for rows in args.memory:
            found = measure([*ours, *one(folder, smiles, rows), "--out", str(folder / "out.csv")], folder)
            print(f"| {rows:,} | {found.wall:.1f} | {rows / found.wall:,.0f} | {found.memory:.0f} |", flush=True)


def compare(
    folder: Path, smiles: Sequence[str], ours: Sequence[str], theirs: Sequence[str], rows: int, rounds: int
) -> None:
    """Best of several rounds, for few rows (start-up) and for all."""
    print(
        "| rows | who | wall s | CPU s | peak MiB | wall ratio | CPU ratio |", "|---|---|---|---|---|---|---|", sep="\n"
    )
    best: dict[str, dict[int, Measured]] = {"chemprop": {}, "drugml": {}}
    for count in (10, rows):
        source = one(folder, smiles, count)
        found: dict[str, list[Measured]] = {"chemprop": [], "drugml": []}
        for _ in range(rounds):
            found["chemprop"].append(measure([*theirs, "-i", *source, "-o", str(folder / "theirs.csv")], folder))
            found["drugml"].append(measure([*ours, *source, "--out", str(folder / "ours.csv")], folder))
            if len(read(folder / "theirs.csv")) != count or len(read(folder / "ours.csv")) != count:
                raise SystemExit("not all rows came back")
        for who, each in found.items():
            best[who][count] = Measured(*(min(m[i] for m in each) for i in range(3)))
        base = best["chemprop"][count]
        for who in found:
            b = best[who][count]
            ratios = f"{base.wall / b.wall:.2f} | {base.cpu / b.cpu:.2f}"
            print(f"| {count:,} | {who} | {b.wall:.1f} | {b.cpu:.1f} | {b.memory:.0f} | {ratios} |", flush=True)
    for who, b in best.items():
        print(f"{who}: {(rows - 10) / (b[rows].wall - b[10].wall):,.0f} molecules/s without start-up")


def one(folder: Path, smiles: Sequence[str], rows: int) -> list[str]:
    """A table of so many rows."""
    path = folder / f"{rows}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["SMILES"], *([s] for s in islice(cycle(smiles), rows))])
    return [str(path)]


def train_drugml(folder: Path, smiles: Sequence[str]) -> list[str]:
    """A command that predicts, and the table for chemprop's training."""
    table = folder / "train.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["SMILES", "y"], *([s, len(s)] for s in smiles)])
    run(
        [
            *DRUGML,
            "train",
            str(table),
            *("--target", "y", "train.epochs=1", "data.split=random", "data.max_rejected=0.5"),
        ],
        folder,
    )
    (bundle,) = (folder / "runs").rglob("bundle")
    return [*DRUGML, "predict", str(bundle)]


def train_chemprop(program: Path, folder: Path, options: Sequence[str]) -> list[str]:
    """A command that predicts."""
    out = folder / "chemprop"
    command = [program, "train", "-i", folder / "train.csv", "-s", "SMILES", "--target-columns", "y", "--epochs", 3]
    run([str(c) for c in [*command, "--accelerator", "cpu", "-o", out]], folder)
    more = [part for option in options for part in option.split()]
    return [str(program), "predict", "-s", "SMILES", "--model-paths", str(out), "--accelerator", "cpu", *more]


if __name__ == "__main__":
    main()
