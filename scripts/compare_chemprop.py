"""Train Chemprop and drugml on the same molecules, split and hyper-parameters, and print both test metrics.

Chemprop lives in an environment of its own:

    python -m venv /tmp/chemprop && /tmp/chemprop/bin/pip install -c constraints.txt chemprop==2.3.1
    python scripts/compare_chemprop.py /tmp/chemprop/bin/chemprop --seeds 0 1 2

Both read one csv with a column of folds, drawn here by the scaffold split; both run D-MPNN 300 x 3, batch 64,
the same schedule, and keep the epoch with the lowest validation loss. Seeds change weights and batches.
"""

import argparse
import csv
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.data.splits import FOLDS
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.train import train
from drugml.tasks.metrics import one
from drugml.training.listener import Silent

CASES = {
    "b3db-logbb": ("logBB", "regression", "rmse", 50),
    "b3db-class": ("BBB", "classification", "roc_auc", 20),
}


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chemprop", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        print("| data | metric | who | mean | seeds | s per run |", "|---|---|---|---|---|---|", sep="\n")
        for case in args.cases:
            target, task, metric, epochs = CASES[case]
            config = check(RunSpec, {"data": {"path": f"drugml:{case}", "targets": [target]}}, {(): "script"})
            table = folder / f"{case}.csv"
            test = write(prepare(config), target, table)
            results: dict[str, list[tuple[float, float]]] = {"chemprop 2.3.1": [], "drugml": []}
            for seed in args.seeds:
                start = time.monotonic()
                predicted = run_chemprop(args.chemprop, table, target, task, epochs, seed, folder / f"{case}-{seed}")
                results["chemprop 2.3.1"].append((one(metric, test, predicted), time.monotonic() - start))
                start = time.monotonic()
                value = run_drugml(table, target, metric, epochs, seed)
                results["drugml"].append((value, time.monotonic() - start))
            for who, values in results.items():
                each = [v for v, _ in values]
                shown = ", ".join(f"{v:.4f}" for v in each)
                seconds = statistics.mean(s for _, s in values)
                print(
                    f"| {case} | {metric} | {who} | {statistics.mean(each):.4f} | {shown} | {seconds:.0f} |", flush=True
                )


def write(dataset: Dataset, target: str, path: Path) -> np.ndarray:
    """Write molecules, labels and folds; return the test labels in file order."""
    data = dataset.training
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["SMILES", target, "split"])
        for smiles, label, fold in zip(dataset.smiles, data.low[:, 0], data.plan.fold, strict=True):
            writer.writerow([smiles, repr(float(label)), FOLDS[fold]])
    return data.fold("test")[1][:, 0]


def run_chemprop(
    program: Path, table: Path, target: str, task: str, epochs: int, seed: int, folder: Path
) -> np.ndarray:
    """Test predictions of one Chemprop run, in file order."""
    command = [program, "train", "-i", table, "-s", "SMILES", "--target-columns", target, "-t", task]
    command += ["--splits-column", "split", "--epochs", epochs, "--batch-size", 64, "--pytorch-seed", seed]
    command += ["--num-workers", 0, "--accelerator", "cpu", "-o", folder]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    with next(folder.rglob("test_predictions.csv")).open() as file:
        return np.array([float(r[target]) for r in csv.DictReader(file)])


def run_drugml(table: Path, target: str, metric: str, epochs: int, seed: int) -> float:
    """Test metric of one drugml run."""
    data = {"path": str(table), "targets": [target], "split": {"kind": "predefined"}}
    section = {"epochs": epochs, "batch_size": 64, "seed": seed, "accelerator": "cpu"}
    result = train(check(RunSpec, {"data": data, "train": section}, {(): "script"}), Silent())
    return result.metrics[f"test/{metric}"]


if __name__ == "__main__":
    main()
