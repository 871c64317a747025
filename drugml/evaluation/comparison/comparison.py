"""Several models, one metric: their scores, what tests say of every pair, and a summary in words.

Shape letters: F folds, K models, M molecules, T targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drugml.errors import UserError
from drugml.evaluation.comparison.bootstrap import bootstrap, draws
from drugml.evaluation.comparison.paired import Pairwise, Ranks, corrected_t, effect, ranks, tukey
from drugml.evaluation.comparison.verdict import Verdict, verdict
from drugml.evaluation.intervals import corrected
from drugml.tasks.metrics import METRICS, evaluate

Floats = NDArray[np.float64]
FEWEST = 5
"""Folds below which a test over folds means little: molecules are drawn instead."""
DRAWS, SEED = 2000, 0


@dataclass(frozen=True)
class Comparison:
    """Models in the order of their scores, the best first."""

    metric: str
    names: tuple[str, ...]
    """(K,)"""
    scores: Floats
    """(F, K); of one split (1, K)."""
    test: Pairwise
    """On which verdicts rest."""
    how: str
    """What that test is, for people."""
    margin: float
    tukey: Pairwise | None = None
    """Where there are enough folds."""
    ranks: Ranks | None = None
    left_out: int = 0
    """Folds in which the metric of a model is undefined."""

    @property
    def higher_is_better(self) -> bool:
        """Of the metric."""
        return METRICS[self.metric.split("/")[0]].higher_is_better

    @property
    def mean(self) -> Floats:
        """(K,)"""
        return np.asarray(self.scores.mean(axis=0))

    def verdict(self, i: int, j: int) -> Verdict:
        """What is said of model i beside model j."""
        return verdict(self.test, i, j, higher_is_better=self.higher_is_better, margin=self.margin)

    def headline(self) -> str:
        """One sentence."""
        others = {n: self.verdict(0, k) for k, n in enumerate(self.names) if k}
        worse = [n for n, v in others.items() if v == Verdict.BETTER]
        same = [n for n, v in others.items() if v == Verdict.EQUIVALENT]
        unsure = [n for n, v in others.items() if v not in (Verdict.BETTER, Verdict.EQUIVALENT)]
        said = [f"{self.names[0]} has the best {self.metric}"]
        said += [f"{_listed(unsure)} {_are(unsure)} not shown to be worse"] if unsure else []
        said += [f"{_listed(same)} {_are(same)} equivalent to it within the margin"] if same else []
        said += [f"{_listed(worse)} {_are(worse)} worse"] if worse else []
        return "; ".join(said)

    def rows(self) -> list[dict[str, Any]]:
        """Every pair (i before j), as plain values."""
        d = effect(self.scores) if len(self.scores) > 1 else None
        out = []
        for i, j in zip(*np.triu_indices(len(self.names), 1), strict=True):
            row = {
                "model": self.names[i],
                "other": self.names[j],
                "difference": float(self.test.difference[i, j]),
                "low": float(self.test.low[i, j]),
                "high": float(self.test.high[i, j]),
                "p": float(self.test.p[i, j]),
                "verdict": self.verdict(int(i), int(j)).value,
            }
            if d is not None:
                sign = 1 if self.higher_is_better else -1
                won = sign * self.scores[:, i] > sign * self.scores[:, j]
                row |= {"cohens_d": float(d[i, j]), "folds_won": int(won.sum()), "folds": len(won)}
            if self.tukey is not None and self.ranks is not None:
                row |= {"p_tukey": float(self.tukey.p[i, j]), "p_ranks": float(self.ranks.pairs[i, j])}
            out.append(row)
        return out


def over_folds(metric: str, names: Sequence[str], scores: Floats, test_share: float, margin: float) -> Comparison:
    """Compare scores (F, K) on the same folds.

    Raises:
        UserError: if the metric is defined for all models in fewer than `FEWEST` folds.
    """
    known = scores[~np.isnan(scores).any(axis=1)]
    if len(known) < FEWEST:
        raise UserError(
            f"{metric}: defined for all models in {len(known)} of {len(scores)} folds, expected at least {FEWEST}; "
            "compare by another metric"
        )
    known, order = _sorted(metric, known)
    return Comparison(
        metric,
        tuple(names[i] for i in order),
        known,
        corrected_t(known, test_share),
        f"corrected resampled t-test over {len(known)} folds, adjusted by Holm (Nadeau and Bengio 2003)",
        margin,
        tukey(known),
        ranks(known),
        len(scores) - len(known),
    )


def over_molecules(
    metric: str, names: Sequence[str], labels: Floats, predictions: Sequence[Floats], margin: float
) -> Comparison:
    """Compare predictions (M, T) of the same molecules by drawing molecules.

    Raises:
        UserError: if the metric is undefined.
    """
    targets = [str(t) for t in range(labels.shape[1])]
    measured = np.array([[evaluate((metric,), targets, labels, p)[metric] for p in predictions]])
    if np.isnan(measured).any():
        raise UserError(f"{metric}: is undefined on the test molecules; compare by another metric")
    measured, order = _sorted(metric, measured)
    drawn = draws(metric, labels, [predictions[i] for i in order], DRAWS, SEED)
    how = (
        f"paired bootstrap over {len(labels):,} test molecules, adjusted by Holm: what another training run or split "
        "would give is not in it; for that, compare cross-validations"
    )
    return Comparison(metric, tuple(names[i] for i in order), measured, bootstrap(measured[0], drawn), how, margin)


def shown(found: Comparison, test_share: float) -> list[list[str]]:
    """A row per model for a terminal: name, mean, SD, difference to the best with interval, p, verdict."""
    rows = []
    for k, name in enumerate(found.names):
        interval = corrected(found.scores[:, k], test_share)
        row = [name, f"{interval.mean:.4f}", "" if np.isnan(interval.sd) else f"{interval.sd:.4f}"]
        if k == 0:
            rows.append([*row, "", "", "", "best"])
            continue
        t = found.test
        ends = f"{t.low[k, 0]:+.4f} to {t.high[k, 0]:+.4f}"
        rows.append([*row, f"{t.difference[k, 0]:+.4f}", ends, f"{t.p[k, 0]:.3g}", found.verdict(k, 0).value])
    return rows


def _sorted(metric: str, scores: Floats) -> tuple[Floats, list[int]]:
    """Columns with the best mean first, and where they were."""
    sign = -1 if METRICS[metric.split("/")[0]].higher_is_better else 1
    order = np.argsort(sign * scores.mean(axis=0), kind="stable")
    return scores[:, order], order.tolist()


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
