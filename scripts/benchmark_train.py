"""The whole `train` process beside `chemprop train`: start-up, featurizing, training, testing and, for us, MLflow.

Chemprop lives in an environment of its own (see compare_chemprop.py):

    DRUGML_DATA=... python scripts/benchmark_train.py /tmp/chemprop/bin/python [--molecules 8000] [--epochs 3]

Both read one csv, draw a random split, train D-MPNN 300 x 3 at batch 64 and keep the best epoch; our cache of features
is empty at each round. Memory is the peak of all processes of a command; that of the imports is the same for a process
that imports all modules that were loaded at the end of such a command, and ends.
"""

import argparse
import csv
import os
import tempfile
from itertools import islice
from pathlib import Path

from measured import DRUGML, Measured, measure, of_imports, read
from rdkit.Chem import MolFromSmiles
from rdkit.rdBase import BlockLogs

CHEMPROP = "import sys; sys.argv[0] = 'chemprop'; from chemprop.cli.main import main; main()"


def main() -> None:
    """Run both in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chemprop", type=Path, help="Python of the environment that has chemprop 2.3.1")
    parser.add_argument("--data", default="moleculenet/hiv_41127.csv.gz")
    parser.add_argument("--molecules", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "table.csv"
        smiles = readable(read(Path(os.environ["DRUGML_DATA"]) / args.data), args.molecules)
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([["SMILES", "y"], *([s, len(s)] for s in smiles)])
        found: dict[str, list[Measured]] = {"chemprop": [], "drugml": []}
        for n in range(args.rounds):
            os.environ["DRUGML_CACHE"] = str(folder / f"cache{n}")
            found["chemprop"].append(measure(theirs(args.chemprop, table, args.epochs, folder / f"{n}"), folder))
            found["drugml"].append(measure(ours(table, args.epochs), folder))
        print("| who | wall s | CPU s | peak MiB | of these above imports | wall ratio | memory ratio |")
        print("|---|---|---|---|---|---|---|")
        best = {who: Measured(*map(min, zip(*each, strict=True))) for who, each in found.items()}
        same = {
            "chemprop": theirs(args.chemprop, table, args.epochs, folder / "imports"),
            "drugml": ours(table, args.epochs),
        }
        loaded = {w: of_imports(same[w], folder) for w in best}
        above = {w: best[w].memory - loaded[w] for w in best}
        for who, b in best.items():
            ratios = f"{b.wall / best['chemprop'].wall:.2f} | {above[who] / above['chemprop']:.2f}"
            print(f"| {who} | {b.wall:.1f} | {b.cpu:.1f} | {b.memory:.0f} | {above[who]:.0f} | {ratios} |")


def readable(smiles: list[str], count: int) -> list[str]:
    """The first ones that RDKit reads: chemprop ends at any other."""
    with BlockLogs():
        return list(islice((s for s in smiles if MolFromSmiles(s) is not None), count))


def theirs(python: Path, table: Path, epochs: int, out: Path) -> list[str]:
    """Chemprop's command."""
    command = [python, "-c", CHEMPROP, "train", "-i", table, "-s", "SMILES", "--target-columns", "y"]
    command += ["--split", "random", "--epochs", epochs, "--batch-size", 64, "--accelerator", "cpu", "-o", out]
    return [str(part) for part in command]


def ours(table: Path, epochs: int) -> list[str]:
    """Our command."""
    options = [f"train.epochs={epochs}", "data.split=random", "data.max_rejected=0.5", "train.accelerator=cpu"]
    return [*DRUGML, "train", str(table), "--target", "y", *options]


if __name__ == "__main__":
    main()
