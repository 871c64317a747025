"""Pictures of single targets: parity and residuals of numbers; ROC, precision-recall and calibration of classes.

Shape letter: K labels that are known.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from drugml.evaluation.report.charts import Axis, axis, line, panel, panels, plot, points, whiskers, word
from drugml.evaluation.report.resampled import bin_of
from drugml.evaluation.report.scores import Score
from drugml.evaluation.report.tested import SEED, Predicted
from drugml.tasks.metrics import BINS

Floats = NDArray[np.float64]
TARGETS = 6
"""That are drawn."""
MOST = 20_000
"""Molecules in the pictures of a target."""
ALL = 60_000
"""Molecules in the pictures of all targets, which bounds the size of the file."""
Z = 1.959963984540054
"""Of a 95 % interval."""


def pictures(tested: Predicted, each: list[dict[str, Score]]) -> str:
    """Panels of the first targets."""
    count = min(len(tested.targets), TARGETS)
    most = min(MOST, ALL // count)
    out = []
    for t in range(count):
        y, p = tested.of(t)
        known = np.isfinite(p)
        y, p, total = y[known], p[known], len(y)
        if not total:
            out.append(panel(tested.shown[t], "no label in the test fold", ""))
            continue
        note = f"{total:,} labels" if total > 1 else "1 label"
        note += f", {total - known.sum():,} without a finite prediction are not drawn" if not known.all() else ""
        if len(y) > most:
            some = np.random.default_rng(SEED).choice(len(y), most, replace=False)
            y, p = y[some], p[some]
            note += f"; drawn is a random sample of {most:,}"
        if len(y):
            draw = _of_classes if tested.classes else _of_numbers
            out += draw(f"{tested.shown[t]}", note, y, p, each[t])
    rest = len(tested.targets) - TARGETS
    more = f'<p class="soft">The first {TARGETS} of {len(tested.targets)} targets are drawn.</p>' if rest > 0 else ""
    return more + panels(out)


def _of_numbers(name: str, note: str, y: Floats, p: Floats, found: dict[str, Score]) -> list[str]:
    both = axis("", y, p)
    across, up = both._replace(label="measured"), both._replace(label="predicted")
    ends = np.array([both.low, both.high])
    parity = plot(across, up, [line(across, up, ends, ends, "guide"), points(across, up, y, p)])
    off = p - y
    across, up = axis("predicted", p), axis("predicted − measured", off, np.zeros(1))
    flat = line(across, up, np.array([across.low, across.high]), np.zeros(2), "guide")
    residual = plot(across, up, [flat, points(across, up, p, off)])
    middle = f"mean residual {off.mean():.3g}, SD {off.std():.3g}"
    return [panel(f"{name}: predicted and measured", note, parity), panel(f"{name}: residuals", middle, residual)]


def _of_classes(name: str, note: str, y: Floats, p: Floats, found: dict[str, Score]) -> list[str]:
    calibration = panel(
        f"{name}: calibration",
        f"Brier score {found['brier']}, ECE {found['ece']}; bars are 95 % Wilson intervals, numbers are labels",
        _reliability(y, p),
    )
    share = float(y.mean())
    note = f"{note}, {share:.1%} positive"
    if not 0 < share < 1:
        said = f"{note}; of one class only, so that no curve is defined"
        return [panel(f"{name}: ROC and precision-recall", said, ""), calibration]
    square, ends = Axis("", 0.0, 1.0), np.array([0.0, 1.0])
    false, true, _ = roc_curve(y, p)
    across, up = square._replace(label="false positive rate"), square._replace(label="true positive rate")
    roc = plot(across, up, [line(across, up, ends, ends, "guide"), line(across, up, false, true)])
    precision, recall, _ = precision_recall_curve(y, p)
    across, up = square._replace(label="recall"), square._replace(label="precision")
    by_chance = line(across, up, ends, np.full(2, share), "guide")
    pr = plot(across, up, [by_chance, line(across, up, recall[:-1], precision[:-1])])
    return [
        panel(f"{name}: ROC", f"{note}; area {found['roc_auc']}", roc),
        panel(f"{name}: precision and recall", f"average precision {found['pr_auc']}; dashed: by chance", pr),
        calibration,
    ]


def _reliability(y: Floats, p: Floats) -> str:
    number = np.bincount(bin_of(p), minlength=BINS)
    used = np.flatnonzero(number)
    n = number[used].astype(float)
    said, share = (np.bincount(bin_of(p), v, BINS)[used] / n for v in (p, y))
    middle, reach = (share + Z**2 / (2 * n)) / (1 + Z**2 / n), Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    reach = reach / (1 + Z**2 / n)
    across, up = Axis("mean predicted probability", 0.0, 1.0), Axis("share that is positive", 0.0, 1.0)
    ends = np.array([0.0, 1.0])
    low, high = middle - reach, middle + reach
    parts = [line(across, up, ends, ends, "guide"), whiskers(across, up, said, share, low, high)]
    parts += [word(across, up, a, 0.955, f"{int(k):,}") for a, k in zip(said, n, strict=True)]
    return plot(across, up, parts)
