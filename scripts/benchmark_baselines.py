"""Train the baselines on MoleculeACE's own folds and print test RMSE beside the published figures.

    DRUGML_DATA=... python scripts/benchmark_baselines.py --published FOLDER --sets CHEMBL2047_EC50 CHEMBL218_EC50

Labels are -log10(nM) as published (van Tilborg et al. 2022, doi:10.1021/acs.jcim.2c01073); cliff RMSE is that of the
test molecules on an activity cliff. FOLDER holds moleculeace_rmse_per_dataset.csv and
moleculeace_rmse_cliff_per_dataset.csv.
The published models learned from all training molecules, with options tuned for each set; these leave out 1 % for
validation, and have their defaults.
"""

import argparse
import csv
import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.prediction.predictor import Predictor
from drugml.runs.dataset import prepare
from drugml.runs.outcome import spec_of
from drugml.training.fit import fit
from drugml.training.listener import Silent

CASES: dict[str, dict[str, Any]] = {
    "mean": {"model": {"name": "mean"}},
    "knn": {"model": {"name": "knn"}},
    "forest": {"model": {"name": "forest"}},
    "boosting": {"model": {"name": "boosting"}},
    "svm, morgan": {"model": {"name": "svm"}, "featurizer": {"name": "morgan"}},
    "svm": {"model": {"name": "svm"}},
    "gp, morgan": {"model": {"name": "gp"}, "featurizer": {"name": "morgan"}},
    "gp": {"model": {"name": "gp"}},
}
PUBLISHED = ("SVM+ECFP", "RF+ECFP", "GBM+ECFP", "KNN+ECFP")
TABLES = Path(os.environ.get("DRUGML_DATA", ".")) / "moleculeace"


class Score(NamedTuple):
    rmse: float
    cliff: float
    seconds: float
    """To fit, features made before."""


def main() -> None:
    """Run all models on all sets and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--sets", nargs="+", default=["CHEMBL2047_EC50", "CHEMBL1871_Ki", "CHEMBL218_EC50"])
    parser.add_argument("--models", nargs="+", default=list(CASES), choices=list(CASES))
    args = parser.parse_args()
    print("| set | model | test RMSE | cliff RMSE | s |", "|---|---|---|---|---|", sep="\n", flush=True)
    for name in args.sets:
        for model in args.models:
            score = measured(name, CASES[model])
            print(f"| {name} | {model} | {score.rmse:.3f} | {score.cliff:.3f} | {score.seconds:.1f} |", flush=True)
        if args.published:
            rmse, cliff = (
                row(args.published / f"moleculeace_{k}_per_dataset.csv", name) for k in ("rmse", "rmse_cliff")
            )
            for model in PUBLISHED:
                print(
                    f"| {name} | published {model} | {float(rmse[model]):.3f} | {float(cliff[model]):.3f} | |",
                    flush=True,
                )


def measured(name: str, sections: dict[str, Any]) -> Score:
    """Train on the training fold, predict every test row of the table."""
    table = TABLES / f"{name}.csv.gz"
    folds = {"kind": "predefined", "validation": 0.01, "leaks": "warn"}
    config = check(
        RunSpec, {"data": {"path": str(table), "targets": ["y"], "split": folds}, **sections}, {(): "script"}
    )
    dataset = prepare(config)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(dataset.config, dataset.training, Path(folder) / "none", Silent())
    seconds = time.monotonic() - start
    with gzip.open(table, "rt", encoding="utf-8") as file:
        test = [r for r in csv.DictReader(file) if r["split"] == "test"]
    predicted = Predictor(spec_of(dataset, fitted, "none"), fitted.trained).predict([r["smiles"] for r in test])
    if predicted.rejects:
        raise SystemExit(f"{name}: {len(predicted.rejects)} test molecules have no prediction")
    error = predicted.values[:, 0] - np.array([float(r["y"]) for r in test])
    on_cliff = np.array([r["cliff_mol"] == "1" for r in test])
    return Score(float(np.sqrt((error**2).mean())), float(np.sqrt((error[on_cliff] ** 2).mean())), seconds)


def row(path: Path, name: str) -> dict[str, str]:
    """Published figures of a set, by method."""
    with path.open(encoding="utf-8") as file:
        return next(r for r in csv.DictReader(file) if r["dataset"] == name)


if __name__ == "__main__":
    main()
