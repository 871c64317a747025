"""From tests to words."""

from enum import StrEnum

from drugml.evaluation.comparison.paired import Pairwise


class Verdict(StrEnum):
    """What can be said of the first model of a pair, by a metric."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    """The difference is within the margin that does not matter."""
    OPEN = "not decided"


def verdict(test: Pairwise, i: int, j: int, *, higher_is_better: bool, margin: float) -> Verdict:
    """Compare model i with model j by the simultaneous interval of their difference.

    Args:
        test: of all models.
        i: the one.
        j: the other.
        higher_is_better: whether a larger metric is the better one.
        margin: difference in units of the metric that does not matter in practice; an interval beyond it is better or
            worse, one within it equivalent, any other decides nothing.
    """
    low, high = (test.low[i, j], test.high[i, j]) if higher_is_better else (-test.high[i, j], -test.low[i, j])
    if margin > 0 and -margin <= low and high <= margin:
        return Verdict.EQUIVALENT
    if low > margin:
        return Verdict.BETTER
    if high < -margin:
        return Verdict.WORSE
    return Verdict.OPEN
