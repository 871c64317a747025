"""What a cross-validation comes to: metrics over folds, and the predictions of every molecule when it was tested."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drugml.evaluation.intervals import LEVEL, Interval, corrected
from drugml.runs.folds import Fold
from drugml.runs.outcome import PREDICTIONS

FOLDS_CSV, OUT_OF_FOLD = "folds.csv", "out_of_fold.csv"


def scores(folds: Sequence[Fold], test_share: float) -> dict[str, Interval]:
    """Metric to its mean over folds, with the interval of `corrected`."""
    names = [*dict.fromkeys(k for f in folds for k in f.metrics)]
    return {n: corrected(np.array([f.metrics.get(n, np.nan) for f in folds]), test_share) for n in names}


def logged(found: dict[str, Interval]) -> dict[str, float]:
    """As metrics of the parent run: the mean has the name of the single run's metric; test metrics have an interval."""
    out = {name: i.mean for name, i in found.items()}
    for name, i in found.items():
        if name.startswith("test/"):
            out |= {f"{name}_sd": i.sd, f"{name}_low": i.low, f"{name}_high": i.high}
    return {k: v for k, v in out.items() if not np.isnan(v)}


def write_scores(folds: Sequence[Fold], folder: Path) -> list[Path]:
    """Write the metrics of each fold, and all out-of-fold predictions; return the files."""
    names = [*dict.fromkeys(k for f in folds for k in f.metrics)]
    with (folder / FOLDS_CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["repeat", "fold", "run", *names])
        writer.writerows([*f.place, f.run_id, *(f.metrics.get(n, "") for n in names)] for f in folds)
    with (folder / OUT_OF_FOLD).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for n, fold in enumerate(folds):
            with (fold.folder / PREDICTIONS).open(newline="", encoding="utf-8") as part:
                rows = csv.reader(part)
                header = next(rows)
                if n == 0:
                    writer.writerow(["repeat", "fold", *header])
                writer.writerows([*fold.place, *row] for row in rows)
    return [folder / FOLDS_CSV, folder / OUT_OF_FOLD]


def shown(found: dict[str, Interval]) -> list[str]:
    """Test metrics as lines for a terminal."""
    lines = [f"  {'over folds':<28}{'mean':>9}{'SD':>9}   {LEVEL:.0%} interval of the mean"]
    for name, i in found.items():
        if name.startswith("test/") and name.count("/") == 1:
            missing = f"   defined in {i.folds} folds only" if i.folds < max(v.folds for v in found.values()) else ""
            lines.append(f"  {name:<28}{i.mean:9.4f}{i.sd:9.4f}   {i.low:.4f} to {i.high:.4f}{missing}")
    return lines
