"""Metrics on concatenated predictions, per target and averaged over targets; what is undefined is NaN.

Shape letters: M molecules, T targets. A missing label is NaN and is left out.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

Values = NDArray[np.float64]


class Metric(NamedTuple):
    """A number for one target, from labels and predictions without gaps."""

    compute: Callable[[Values, Values], float]
    higher_is_better: bool
    formula: str
    """What it means; part of the hash that says whether two runs can be compared."""
    least: int = 2
    """Fewer labels leave it undefined."""
    both_classes: bool = False
    """Undefined where the labels are all of one class."""
    varied: bool = False
    """Undefined where labels or predictions are constant."""


def _rmse(y: Values, p: Values) -> float:
    return float(sk.root_mean_squared_error(y, p))


def _mae(y: Values, p: Values) -> float:
    return float(sk.mean_absolute_error(y, p))


def _r2(y: Values, p: Values) -> float:
    return float(sk.r2_score(y, p)) if np.ptp(y) > 0 else float("nan")


def _pearson(y: Values, p: Values) -> float:
    return float(stats.pearsonr(y, p).statistic)


def _spearman(y: Values, p: Values) -> float:
    return float(stats.spearmanr(y, p).statistic)


def _roc_auc(y: Values, p: Values) -> float:
    return float(sk.roc_auc_score(y, p))


def _pr_auc(y: Values, p: Values) -> float:
    return float(sk.average_precision_score(y, p))


def _mcc(y: Values, p: Values) -> float:
    return float(sk.matthews_corrcoef(y, p >= 0.5))


def _balanced_accuracy(y: Values, p: Values) -> float:
    return float(sk.balanced_accuracy_score(y, p >= 0.5))


def _brier(y: Values, p: Values) -> float:
    return float(np.mean((y - p) ** 2))


def _ece(y: Values, p: Values) -> float:
    """Expected calibration error.

    Source: Naeini, M. P.; Cooper, G. F.; Hauskrecht, M. AAAI 2015, doi:10.1609/aaai.v29i1.9602.
    """
    of = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(of, y) - np.bincount(of, p)).sum() / len(y))


BINS = 10
"""Of the expected calibration error."""
METRICS: dict[str, Metric] = {
    "rmse": Metric(_rmse, False, "sqrt(mean((y - p)^2))", least=1),
    "mae": Metric(_mae, False, "mean(|y - p|)", least=1),
    "r2": Metric(_r2, True, "1 - sum((y - p)^2) / sum((y - mean(y))^2)"),
    "pearson": Metric(_pearson, True, "Pearson correlation", varied=True),
    "spearman": Metric(_spearman, True, "Pearson correlation of mid-ranks", varied=True),
    "roc_auc": Metric(_roc_auc, True, "area under the ROC curve, ties half", both_classes=True),
    "pr_auc": Metric(_pr_auc, True, "average precision, no interpolation", both_classes=True),
    "mcc": Metric(_mcc, True, "Matthews correlation at p >= 0.5", both_classes=True),
    "balanced_accuracy": Metric(_balanced_accuracy, True, "mean recall of both classes at p >= 0.5", both_classes=True),
    "brier": Metric(_brier, False, "mean((y - p)^2)", least=1),
    "ece": Metric(_ece, False, f"mean over molecules of |mean(y) - mean(p)| in {BINS} bins of equal width", least=1),
}


def higher_is_better(monitor: str) -> bool:
    """Direction of a validation metric; `loss` falls."""
    return monitor != "loss" and METRICS[monitor].higher_is_better


RULES = (
    "concatenated predictions; missing labels and bounds left out; undefined is NaN; "
    "mean over the targets that are defined"
)


def evaluate(names: Sequence[str], targets: Sequence[str], labels: Values, predictions: Values) -> dict[str, float]:
    """Metrics of predictions (M, T): `rmse` is the mean over targets, `rmse/logS` that of one of several targets.

    The mean leaves out targets for which the metric is undefined; it is NaN when it is undefined for all.
    """
    out: dict[str, float] = {}
    for name in names:
        each = [one(name, labels[:, t], predictions[:, t]) for t in range(len(targets))]
        known = [v for v in each if not np.isnan(v)]
        out[name] = float(np.mean(known)) if known else float("nan")
        if len(targets) > 1:
            out |= {f"{name}/{t}": v for t, v in zip(targets, each, strict=True)}
    return out


def one(name: str, labels: Values, predictions: Values) -> float:
    """One metric of one target; (M,) and (M,)."""
    metric = METRICS[name]
    known = ~np.isnan(labels)
    y, p = labels[known], predictions[known]
    if len(y) < metric.least or (metric.both_classes and len(np.unique(y)) < 2):
        return float("nan")
    if not np.isfinite(p).all():
        return float("nan")
    if metric.varied and (np.ptp(y) == 0 or np.ptp(p) == 0):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return metric.compute(y, p)


def definition_hash(names: Sequence[str], logarithmic: Sequence[str] = ()) -> str:
    """SHA-256 of what the metrics mean; runs with equal hashes can be compared.

    Args:
        names: the metrics.
        logarithmic: targets of which not the values but their log10 are compared.
    """
    text = "\n".join([RULES, *(f"{n}: {METRICS[n].formula}" for n in sorted(names)), *sorted(logarithmic)])
    return hashlib.sha256(text.encode()).hexdigest()
