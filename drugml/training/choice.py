"""What the choice of the best epoch passed over."""

import math
from collections.abc import Sequence

RANKING = "val/roc_auc"
MARGIN = 0.05
"""Differences of the validation ROC-AUC below this are noise on a few hundred molecules."""


def passed_over(monitor: str, chosen: int, history: Sequence[dict[str, float]]) -> str | None:
    """Say where another epoch of a classifier ranks much better than the one that has the least loss.

    On molecules unlike those of training a network may grow too sure of itself, so that its loss rises from the first
    epochs on, while it still learns which molecules are the more active ones.

    Args:
        monitor: what chose the epoch.
        chosen: counted from 0.
        history: metrics of all epochs.
    """
    ranked = [h.get(RANKING, math.nan) for h in history]
    known = [i for i, v in enumerate(ranked) if not math.isnan(v)]
    if monitor != "loss" or chosen not in known:
        return None
    other = max(known, key=lambda i: ranked[i])
    if ranked[other] - ranked[chosen] <= MARGIN:
        return None
    return (
        f"train.monitor = 'loss' chose epoch {chosen + 1} of {len(history)}, whose {RANKING} is {ranked[chosen]:.3f}; "
        f"epoch {other + 1} has {ranked[other]:.3f} at a higher loss: its probabilities fit the validation fold worse, "
        "but it ranks better. Use train.monitor=roc_auc if the ranking matters"
    )
