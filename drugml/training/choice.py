"""What the epochs of a finished training tell: what the choice of the best passed over, and losses that burst."""

import math
from collections.abc import Sequence
from itertools import accumulate

RANKING = "val/roc_auc"
MARGIN = 0.05
"""Differences of the validation ROC-AUC below this are noise on a few hundred molecules."""
LOSS = "train/loss"
BURST = 10
"""Times the training loss of another epoch that no rate of learning that suits a network brings about."""


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


def burst(lr: float, clip: float | None, history: Sequence[dict[str, float]]) -> str | None:
    """Say where the training loss rose so far that a step must have gone wrong, though all numbers stayed finite.

    Such a network goes on learning, often worse than it would have, and its best epoch looks like any other.

    Args:
        lr: `train.lr`.
        clip: `train.gradient_clip`.
        history: metrics of all epochs.
    """
    losses = [h.get(LOSS, math.nan) for h in history]
    if len(losses) < 2:
        return None
    # the first has none before it; one epoch of learning does not make a loss ten times smaller
    usual = [abs(losses[1]), *accumulate(map(abs, losses[:-1]), max)]
    worst = max(range(len(losses)), key=lambda n: losses[n] / usual[n] if usual[n] else 0)
    if not losses[worst] > BURST * usual[worst] > 0:
        return None
    other = 1 if worst == 0 else worst - 1
    clipped = "" if clip else " or set train.gradient_clip=1.0"
    return (
        f"the training loss was {losses[worst]:.3g} in epoch {worst + 1} of {len(losses)} and {losses[other]:.3g} in "
        f"epoch {other + 1}: steps were too long, and the network may be worse than it could be. Lower train.lr={lr:g}"
        f"{clipped}"
    )
