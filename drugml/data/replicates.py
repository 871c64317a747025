"""Rows of one molecule made one: exact labels averaged, bounds intersected, contradictions reported.

Shape letters: R rows, M molecules, T targets.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drugml.config.labels import MergeReplicates
from drugml.data.groups import Groups
from drugml.errors import UserError

Array = NDArray[np.float64]
SHOWN = 5
"""Conflicts quoted in an error."""


def _geometric(values: Array) -> float:
    if (values <= 0).any():
        raise UserError(
            f"data.replicates.by = 'geometric_mean': a label is {values.min():g}, and only positive numbers have one; "
            "use mean or median for logarithms"
        )
    return float(np.exp(np.mean(np.log(values))))


AVERAGE: dict[str, Callable[[Array], float]] = {
    "mean": lambda v: float(np.mean(v)),
    "median": lambda v: float(np.median(v)),
    "geometric_mean": _geometric,
}


@dataclass(frozen=True)
class Merged:
    """What became of R rows."""

    rows: Groups
    """Of each molecule the positions of its rows; molecules in the order of their first rows."""
    low: Array
    """(M, T) as in `Labels`."""
    high: Array
    weight: Array
    """(M, T)"""
    error: Array
    """(M, T) standard errors of the merged labels, NaN where unknown."""
    sd: Array
    """(M, T) standard deviation (denominator n - 1) of the exact replicates, NaN for fewer than two."""
    conflicts: dict[tuple[int, int], str]
    """Molecule and target to what contradicts."""


def merge(
    inchikeys: NDArray[np.bytes_],
    labels: tuple[Array, Array],
    weight: Array,
    error: Array,
    spec: MergeReplicates,
    *,
    classes: bool,
) -> Merged:
    """One molecule per InChIKey.

    Exact labels are averaged, bounds intersected: `>5` and `>7` are `>7`; a bound beside exact labels adds nothing to
    their average. A conflict is: classes that differ, bounds that exclude each other, and, where `spec.max_sd` is set,
    exact labels that scatter more than it or lie further than it on the wrong side of a bound.

    Args:
        inchikeys: (R,)
        labels: low and high, (R, T) each.
        weight: (R, T)
        error: (R, T)
        spec: how.
        classes: labels are 0 and 1; a conflict that is kept goes to the majority, a tie to none.
    """
    rows = Groups.by(inchikeys)
    low, high = labels
    first = rows.first
    out = Merged(
        rows, low[first], high[first], weight[first], error[first], np.full((len(rows), low.shape[1]), np.nan), {}
    )
    for m in np.flatnonzero(rows.sizes > 1).tolist():
        members = rows[m]
        for t in range(low.shape[1]):
            mine = members[~np.isnan(low[members, t])]
            _merge_label(out, m, t, low[mine, t], high[mine, t], spec, classes=classes)
            if len(mine):
                out.weight[m, t] = weight[mine, t].sum() if spec.weigh else weight[mine, t].mean()
            out.error[m, t] = _error_of_mean(error[mine, t])
    return out


def _merge_label(out: Merged, m: int, t: int, low: Array, high: Array, spec: MergeReplicates, *, classes: bool) -> None:
    exact = low[low == high]
    bound = (low[low != high].max(initial=-np.inf), high[low != high].min(initial=np.inf))
    if not len(low):
        out.low[m, t] = out.high[m, t] = out.sd[m, t] = np.nan
        return
    why = _contradiction(exact, bound, spec, classes=classes)
    if why is not None:
        out.conflicts[m, t] = why
    if len(exact):
        out.sd[m, t] = _sd(exact)
        value = _vote(exact) if classes else AVERAGE[spec.by](exact)
        out.low[m, t] = out.high[m, t] = value
    else:
        out.sd[m, t] = np.nan
        # bounds that exclude each other leave no interval
        out.low[m, t], out.high[m, t] = bound if bound[0] < bound[1] else (np.nan, np.nan)
    if why is not None and spec.conflicts == "drop":
        out.low[m, t] = out.high[m, t] = np.nan


def _contradiction(exact: Array, bound: tuple[float, float], spec: MergeReplicates, *, classes: bool) -> str | None:
    shown = ", ".join(f"{v:.4g}" for v in np.sort(exact))
    if classes and len(exact) and np.ptp(exact) > 0:
        return f"replicates differ: {shown}"
    if spec.max_sd is not None and len(exact) > 1 and _sd(exact) > spec.max_sd:
        return f"replicates have a standard deviation of {_sd(exact):.3g}: {shown}"
    tolerance = np.inf if spec.max_sd is None else spec.max_sd
    if bound[0] >= bound[1]:
        return f"bounds exclude each other: >{bound[0]:.4g} and <{bound[1]:.4g}"
    if len(exact):
        value = AVERAGE[spec.by](exact)
        if value < bound[0] - tolerance:
            return f"a value of {value:.4g} and a bound >{bound[0]:.4g}"
        if value > bound[1] + tolerance:
            return f"a value of {value:.4g} and a bound <{bound[1]:.4g}"
    return None


def _sd(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def _vote(classes: Array) -> float:
    share = float(np.mean(classes))
    return np.nan if share == 0.5 else float(share > 0.5)


def _error_of_mean(errors: Array) -> float:
    """Standard error of the mean of independent replicates; NaN if one is unknown."""
    return float(np.sqrt((errors**2).sum()) / len(errors)) if len(errors) else np.nan
