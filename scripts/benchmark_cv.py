"""`drugml cv` of several models, one command each, beside as many separate `drugml train` runs of the same folds.

    DRUGML_DATA=... python scripts/benchmark_cv.py moleculenet/esol.csv logSolubility --models dmpnn forest gp

Each separate run is trained from the config that `cv` left for its fold, one after the other, start-up, reading and
featurizing included; the first of them finds an empty cache. CPU is that of all processes. "ratio" is separate over
`cv`, by the clock and by processor time. Ends with an error if folds are not distinct, not the same for every model, or
if a fold has other metrics when it is trained alone.
"""

import argparse
import csv
import hashlib
import os
import tempfile
from pathlib import Path

from measured import DRUGML, Measured, measure

from drugml.runs.scores import FOLDS_CSV
from drugml.tracking.find import Found, lookup
from drugml.tracking.store import connect


def main() -> None:
    """Run all and print a line per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="table below $DRUGML_DATA")
    parser.add_argument("target")
    parser.add_argument("--models", nargs="+", default=["dmpnn", "forest", "gp"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10, help="of networks")
    args = parser.parse_args()
    table = str(Path(os.environ["DRUGML_DATA"]) / args.data)
    splits: list[list[str]] = []
    print("| model | test RMSE, mean over folds | cv s (CPU s) | separate s (CPU s) | ratio, clock | ratio, CPU |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in args.models:
            options = [
                "--target",
                args.target,
                f"tracking.folder={folder / model}",
                f"train.epochs={args.epochs}",
                "train.batch_size=64",
            ]
            whole = [
                "cv",
                table,
                "--model",
                model,
                *options,
                "--folds",
                str(args.folds),
                "--repeats",
                str(args.repeats),
            ]
            os.environ["DRUGML_CACHE"] = str(folder / f"{model}-cv")
            together = measure([*DRUGML, *whole], folder)
            (found,) = (folder / model).rglob(FOLDS_CSV)
            with found.open(newline="") as file:
                folds = list(csv.DictReader(file))
            os.environ["DRUGML_CACHE"] = str(folder / f"{model}-alone")
            alone = [separate(found.parent / f"r{f['repeat']}f{f['fold']}", folder / f"{model}-alone") for f in folds]
            runs = [look(folder, f["run"]) for f in folds]
            splits.append([r.tags["drugml.split_hash"] for r in runs])
            if len(set(splits[-1])) != len(folds) or splits[-1] != splits[0]:
                raise SystemExit("folds are not distinct, or not the same for every model")
            if [r.metrics["test/rmse"] for r in runs] != [look(folder, r).metrics["test/rmse"] for r, _ in alone]:
                raise SystemExit(f"{model}: a fold has other metrics when it is trained alone")
            rmse = sum(r.metrics["test/rmse"] for r in runs) / len(runs)
            wall, cpu = sum(m.wall for _, m in alone), sum(m.cpu for _, m in alone)
            print(
                f"| {model} | {rmse:.4f} | {together.wall:.0f} ({together.cpu:.0f}) | {wall:.0f} ({cpu:.0f}) | "
                f"{wall / together.wall:.2f} | {cpu / together.cpu:.2f} |",
                flush=True,
            )
    digest = hashlib.sha256("".join(splits[0]).encode()).hexdigest()[:12]
    print(f"all {len(splits[0])} folds distinct, the same for every model ({digest}); those trained alone identical")


def separate(fold: Path, out: Path) -> tuple[str, Measured]:
    """Train a fold alone: its run and what it took."""
    before = set(out.rglob("config.yaml"))
    found = measure([*DRUGML, "train", str(fold / "config.yaml"), f"tracking.folder={out}"], out.parent)
    (new,) = set(out.rglob("config.yaml")) - before
    return new.parent.name, found


def look(folder: Path, run: str) -> Found:
    """A run as it is recorded."""
    return lookup(connect(f"sqlite:///{folder}/mlflow.db"), run)


if __name__ == "__main__":
    main()
