"""Metrics of molecules drawn again, many draws at a time: a draw is how often it has each molecule.

The same numbers as `drugml.tasks.metrics` on the rows repeated, in a hundredth of the time.

Shape letters: M molecules, T targets, B draws, U different values, K labels that are known.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drugml.tasks.metrics import BINS

Floats = NDArray[np.float64]
MOST, FEWEST = 1000, 200
"""Draws of few labels and of many."""
WORK = 10_000_000
"""Labels in all draws, from which on there are fewer of them: about a second."""
AT_ONCE = 200_000
"""Labels of one target in memory at a time."""
NUMBERS = {"rmse", "mae", "r2", "pearson", "spearman"}
"""Metrics of numbers; all others are of classes."""
CONSTANT = 1e-12
"""Share of the variance below which the values drawn are taken for one value."""


def resampled(names: Sequence[str], labels: Floats, predicted: Floats, seed: int) -> dict[str, Floats]:
    """Metrics of each target on molecules drawn with replacement, (B, T) each; NaN where undefined.

    Args:
        names: of metrics.
        labels: (M, T), NaN where missing.
        predicted: (M, T), finite.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    rows, targets = labels.shape
    number = int(np.clip(WORK // max(labels.size, 1), FEWEST, MOST))
    known = [np.flatnonzero(~np.isnan(labels[:, t])) for t in range(targets)]
    out = {n: np.full((number, targets), np.nan) for n in names}
    size = max(AT_ONCE // max(rows, 1), 1)
    for start in range(0, number, size):
        count = min(size, number - start)
        at = rng.integers(rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        often = np.bincount(at.ravel(), minlength=count * rows).reshape(count, rows).astype(np.float64)
        for t, here in enumerate(known):
            if len(here):
                found = counted(names, labels[here, t], predicted[here, t], often[:, here])
                for name, values in found.items():
                    out[name][start : start + count, t] = values
    return out


def counted(names: Sequence[str], y: Floats, p: Floats, often: Floats) -> dict[str, Floats]:
    """Metrics of one target (K,) where each label counts so often, (B, K); (B,) each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _of_numbers(y, p, often) if set(names) <= NUMBERS else _of_classes(y, p, often)
        if "spearman" in names:
            found["spearman"] = _spearman(y, p, often)
    return {n: np.asarray(found[n]) for n in names}


def _of_numbers(y: Floats, p: Floats, often: Floats) -> dict[str, Floats]:
    centred, said, off = y - y.mean(), p - p.mean(), p - y
    sums = often @ np.stack([off**2, np.abs(off), centred, centred**2, said, said**2, centred * said], axis=1)
    n = often.sum(axis=1)
    square, absolute, a, aa, b, bb, ab = (sums / n[:, None]).T
    spread, spread_said = _variance(aa - a**2, centred), _variance(bb - b**2, said)
    return {
        "rmse": np.sqrt(square),
        "mae": absolute,
        "r2": 1 - square / spread,
        "pearson": (ab - a * b) / np.sqrt(spread * spread_said),
    }


def _variance(values: Floats, of: Floats) -> Floats:
    """NaN where it is nothing but rounding."""
    return np.where(values > CONSTANT * max(float(of.var()), 1e-300), values, np.nan)


def _spearman(y: Floats, p: Floats, often: Floats) -> Floats:
    a, b = _ranks(y, often), _ranks(p, often)
    n = often.sum(axis=1)
    a = a - ((often * a).sum(axis=1) / n)[:, None]
    b = b - ((often * b).sum(axis=1) / n)[:, None]
    weighted = often * a
    spread, spread_said = (weighted * a).sum(axis=1), (often * b * b).sum(axis=1)
    return np.where(
        (spread > 0) & (spread_said > 0), (weighted * b).sum(axis=1) / np.sqrt(spread * spread_said), np.nan
    )


def _ranks(values: Floats, often: Floats) -> Floats:
    """Mean rank of each value among those drawn, (B, K)."""
    _, place = np.unique(values, return_inverse=True)
    here = _grouped(values, often)
    middle = here.cumsum(axis=1) - (here - 1) / 2
    return np.asarray(middle[:, place])


def _grouped(values: Floats, often: Floats) -> Floats:
    """How often each different value was drawn, ascending, (B, U)."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    return np.asarray(np.add.reduceat(often[:, order], starts, axis=1))


def _of_classes(y: Floats, p: Floats, often: Floats) -> dict[str, Floats]:
    positives, negatives = _grouped(p, often * y), _grouped(p, often * (1 - y))
    ones, zeros, n = positives.sum(axis=1), negatives.sum(axis=1), often.sum(axis=1)
    lower = negatives.cumsum(axis=1) - negatives / 2
    caught = positives[:, ::-1].cumsum(axis=1)
    named = caught + negatives[:, ::-1].cumsum(axis=1)
    precision = caught / np.maximum(named, 1)
    yes = p >= 0.5
    tp, tn = often @ (yes * y), often @ (~yes * (1 - y))
    fp, fn = zeros - tn, ones - tp
    below = np.sqrt((tp + fp) * ones * zeros * (tn + fn))
    both = np.where((ones > 0) & (zeros > 0), 1.0, np.nan)
    gaps = often @ ((p - y)[:, None] * (bin_of(p)[:, None] == np.arange(BINS)))
    return {
        "roc_auc": (positives * lower).sum(axis=1) / (ones * zeros),
        "pr_auc": both * (positives[:, ::-1] * precision).sum(axis=1) / ones,
        "mcc": both * np.where(below > 0, (tp * tn - fp * fn) / np.where(below > 0, below, 1.0), 0.0),
        "balanced_accuracy": both * (tp / ones + tn / zeros) / 2,
        "brier": often @ (p - y) ** 2 / n,
        "ece": np.abs(gaps).sum(axis=1) / n,
    }


def bin_of(p: Floats) -> NDArray[np.int64]:
    """Bin of each probability; 1 is in the last one."""
    return np.minimum((p * BINS).astype(np.int64), BINS - 1)
