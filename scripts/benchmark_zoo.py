"""Train every graph network, or what --models names, with its defaults and print test RMSE or ROC-AUC.

    DRUGML_DATA=... python scripts/benchmark_zoo.py --sets freesolv esol --seeds 0 1 2

Each seed draws its own split (80/10/10; numbers at random, classes by scaffold), the same for every model, and starts
the weights; the best epoch by validation loss is judged. Mean and standard deviation are over the seeds.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from drugml.config.load import check
from drugml.config.models import ModelSpec
from drugml.config.run import RunSpec
from drugml.models import ENCODERS
from drugml.prediction.trained import TrainedNetwork
from drugml.runs.dataset import prepare
from drugml.tasks.metrics import evaluate
from drugml.training.fit import fit
from drugml.training.listener import Silent

TABLES = Path(os.environ.get("DRUGML_DATA", ".")) / "moleculenet"


class Set(NamedTuple):
    target: str
    metric: str


SETS = {
    "freesolv": Set("freesolv", "rmse"),
    "esol": Set("logSolubility", "rmse"),
    "lipo": Set("lipo", "rmse"),
    "bace": Set("Class", "roc_auc"),
    "bbbp": Set("p_np", "roc_auc"),
}
SPECS = get_args(get_args(ModelSpec)[0])
NAMES = [s.model_fields["name"].default for s in SPECS]
NETWORKS = [s.model_fields["name"].default for s in SPECS if s in ENCODERS]


class Score(NamedTuple):
    test: float
    seconds: float
    """To fit, features made before."""
    parameters: int
    """0 for baselines."""


def main() -> None:
    """Run all models on all sets and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["freesolv"], choices=list(SETS))
    parser.add_argument("--models", nargs="+", default=NETWORKS, choices=NAMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()
    head = "| set | model | parameters | test | seeds | s per fit |"
    print(head, "|---|---|---|---|---|---|", sep="\n", flush=True)
    for name in args.sets:
        for model in args.models:
            scores = [measured(name, model, seed, args.epochs, args.batch_size) for seed in args.seeds]
            tests = [s.test for s in scores]
            spread = f" ± {np.std(tests, ddof=1):.3f}" if len(tests) > 1 else ""
            each = ", ".join(f"{t:.3f}" for t in tests)
            seconds = float(np.mean([s.seconds for s in scores]))
            what = f"{SETS[name].metric} {np.mean(tests):.3f}{spread}"
            print(f"| {name} | {model} | {scores[0].parameters:,} | {what} | {each} | {seconds:.1f} |", flush=True)


def measured(name: str, model: str, seed: int, epochs: int, batch_size: int) -> Score:
    """Train once and judge the test fold."""
    target, metric = SETS[name]
    numbers = metric == "rmse"
    sections = {
        "data": {
            "path": str(TABLES / f"{name}.csv"),
            "targets": [target],
            "split": {"kind": "random" if numbers else "scaffold", "seed": seed},
        },
        "task": {"kind": "regression" if numbers else "classification"},
        "model": {"name": model},
        "train": {"seed": seed, "epochs": epochs, "batch_size": batch_size},
    }
    dataset = prepare(check(RunSpec, sections, {(): "script"}))
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(dataset.config, dataset.training, Path(folder) / "none", Silent())
    seconds = time.monotonic() - start
    trained = fitted.trained
    indices, labels = dataset.training.fold("test")
    values = trained.predict(dataset.training.store, indices, 256)
    score = evaluate([metric], dataset.training.targets, labels, values)[metric]
    learned = trained.network.parameters() if isinstance(trained, TrainedNetwork) else ()
    return Score(score, seconds, sum(p.numel() for p in learned))


if __name__ == "__main__":
    main()
