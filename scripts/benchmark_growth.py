"""How time and memory of `train` and `predict` grow with the number of molecules and with the width of the network.

    python scripts/benchmark_growth.py SMILES_TABLE --plot docs/growth.svg

Whole processes, start-up and MLflow included; one epoch, features not in the cache, the label is the length of the
SMILES. Sizes are run with a narrow network, so that what grows is not the network alone; widths with the first 8,000
molecules. Memory is the peak of all processes of a command. Bytes of the packed store are printed too.
"""

import argparse
import csv
import json
import os
import tempfile
from itertools import islice
from pathlib import Path

from measured import DRUGML, Measured, measure

from drugml.data.columns import find_smiles
from drugml.data.table import Table, locate

FIRST = 8000


def main() -> None:
    """Print the tables and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--rows", type=int, nargs="*", default=[8_000, 41_000, 250_000, 1_900_000])
    parser.add_argument("--widths", type=int, nargs="*", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--narrow", type=int, default=64, help="width of the network for all sizes")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--figures", type=Path, help="kept here, and taken from here where measured before")
    args = parser.parse_args()
    known = json.loads(args.figures.read_text()) if args.figures and args.figures.exists() else {}
    cases = [(rows, args.narrow) for rows in args.rows] + [(FIRST, width) for width in args.widths]
    print("| molecules | width | train s | of it CPU | train MiB | store MiB | predict s | predict MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for rows, width in cases:
        key = f"{rows} {width}"
        if key not in known:
            known[key] = case(args.source, rows, width)
            if args.figures:
                args.figures.write_text(json.dumps(known, indent=1))
        train, store, predict = Measured(*known[key][0]), known[key][1], Measured(*known[key][2])
        print(
            f"| {rows:,} | {width} | {train.wall:.1f} | {train.cpu:.1f} | {train.memory:.0f} | {store:.1f} | "
            f"{predict.wall:.1f} | {predict.memory:.0f} |",
            flush=True,
        )
    if args.plot:
        draw(
            [(n, known[f"{n} {args.narrow}"]) for n in args.rows],
            [(w, known[f"{FIRST} {w}"]) for w in args.widths],
            args,
        )


def case(source: str, rows: int, width: int) -> tuple[Measured, float, Measured]:
    """One training and one prediction of the same molecules."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "table.csv"
        found = Table(locate(source))
        at, _ = find_smiles(found, None)
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["SMILES", "y"])
            writer.writerows((r.cells[at], len(r.cells[at])) for r in islice(found, rows))
        os.environ["DRUGML_CACHE"] = str(folder / "cache")
        options = ["train.epochs=1", "data.split=random", f"model.hidden_dim={width}", "train.accelerator=cpu"]
        train = measure([*DRUGML, "train", str(table), "--target", "y", *options], folder)
        store = sum(f.stat().st_size for f in (folder / "cache").rglob("*") if f.is_file()) / 2**20
        (bundle,) = (folder / "runs").rglob("bundle")
        predict = measure([*DRUGML, "predict", str(bundle), str(table), "--out", str(folder / "out.csv")], folder)
    return train, store, predict


def draw(sizes: list, widths: list, args: argparse.Namespace) -> None:
    """Time above, memory below; molecules on the left, width on the right."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharey="row", layout="constrained")
    names = [f"molecules (width {args.narrow})", f"width ({FIRST:,} molecules)"]
    for column, (points, name) in enumerate(zip((sizes, widths), names, strict=True)):
        for at, what in ((0, "train, one epoch"), (2, "predict")):
            for row, part in enumerate(("wall", "memory")):
                values = [getattr(Measured(*f[at]), part) for _, f in points]
                axes[row, column].plot([x for x, _ in points], values, "o-", label=what)
        axes[1, column].set_xlabel(name)
        for row in range(2):
            axes[row, column].set_xscale("log")
            axes[row, column].set_yscale("log")
            axes[row, column].grid(alpha=0.3)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak memory, MiB")
    axes[0, 0].legend()
    figure.savefig(args.plot, metadata={"Date": None})


if __name__ == "__main__":
    main()
