"""Print what the Gaussian process makes of more molecules than fit, beside a random subset and the exact process.

    python scripts/benchmark_gp.py moleculenet/lipo.csv lipo --limits 500 1000

Test RMSE, or ROC-AUC and log loss of a target that is 0 or 1, on a random fifth of the table; every row of the output
is a process of its own, so that its peak of memory is its own.
"""

import argparse
import csv
import gzip
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, RDLogger
from sklearn.metrics import log_loss, roc_auc_score

from drugml.config.featurizers import CountsSpec
from drugml.config.models import GpSpec
from drugml.featurizers import FEATURIZERS
from drugml.models import BASELINES

FOLDER = Path(os.environ.get("DRUGML_DATA", "."))


def main() -> None:
    """Measure every way with every limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("target")
    parser.add_argument("--rows", type=int, default=10**9, help="so many of the table, drawn at random")
    parser.add_argument("--limits", nargs="+", type=int, default=[500, 1000])
    parser.add_argument("--no-exact", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--case", nargs=3, help="way, limit and seed; for the script itself")
    args = parser.parse_args()
    if args.case:
        way, limit, seed = args.case
        print(measured(FOLDER / args.table, args.target, args.rows, way, int(limit), int(seed)), flush=True)
        return
    print(
        "| training molecules | way | limit | seed | test | CPU s to fit | peak MiB more |",
        "|---|---|---|---|---|---|---|",
        sep="\n",
    )
    cases = [(way, str(limit)) for limit in args.limits for way in ("subset", "blocks")]
    cases += [] if args.no_exact else [("exact", "50000")]
    for seed in range(args.seeds):
        for case in cases:
            subprocess.run([sys.executable, *sys.argv, "--case", *case, str(seed)], check=True)


def measured(path: Path, target: str, most: int, way: str, limit: int, seed: int) -> str:
    """A row of the output."""
    rng = np.random.default_rng(seed)
    x, y = read(path, target, most)
    order = rng.permutation(len(y))
    test, train = order[: len(y) // 5], order[len(y) // 5 :]
    learned = rng.choice(train, limit, replace=False) if way == "subset" else train
    classify = set(np.unique(y)) == {0.0, 1.0}
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    model = BASELINES.build(GpSpec(max_molecules=limit))
    widths = [CountsSpec().bits] * 3
    one = np.ones((len(learned), 1))
    model.fit(x[learned], y[learned, None], one, widths=widths, classify=classify, seed=seed)
    seconds = time.process_time() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    score = scored(model.predict(x[test])[:, 0], y[test], classify=classify)
    return f"| {len(train):,} | {way} | {limit:,} | {seed} | {score} | {seconds:.0f} | {memory:.0f} |"


def scored(found: NDArray[np.float64], y: NDArray[np.float64], *, classify: bool) -> str:
    """Metrics of the test molecules."""
    if classify:
        return f"{roc_auc_score(y, found):.3f}, log loss {log_loss(y, found):.4f}"
    return f"{np.sqrt(((found - y) ** 2).mean()):.3f}"


def read(path: Path, target: str, most: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Fingerprints and labels of the molecules that RDKit reads."""
    RDLogger.DisableLog("rdApp.*")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row[target]]
    chosen = np.random.default_rng(0).permutation(len(rows))[:most]
    pairs = [(Chem.MolFromSmiles(rows[i]["smiles"]), float(rows[i][target])) for i in chosen]
    pairs = [pair for pair in pairs if pair[0] is not None]
    packed = FEATURIZERS.build(CountsSpec()).pack([mol for mol, _ in pairs])
    return np.asarray(packed.molecule["fingerprint"]), np.array([label for _, label in pairs])


if __name__ == "__main__":
    main()
