"""Checks for labels in more than one unit or on more than one scale.

Two units that differ by a thousand (nM and µM) leave two traces: replicates exactly 3 or 6 decades apart, and two humps
of the distribution at that distance. Such errors of transcription are among what Kramer et al. 2012
(doi:10.1021/jm300131x) filter out of public Ki values.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from drugml.data.audit.advice import ADVICE
from drugml.data.audit.finding import Finding, Severity, counted
from drugml.data.audit.identity import conflicts
from drugml.data.audit.pileup import DISTINCT
from drugml.data.audit.record import Floats
from drugml.data.audit.table import Examined, spread

EXACTLY = 0.005
"""Decades by which replicates may miss a factor of a thousand."""
AROUND = 0.1
CHANCE = 0.25
"""Of the pairs of replicates around a factor of a thousand, by `AROUND`, a larger share than this is exactly there."""
NEARLY = 0.15
"""Decades by which the distance of two humps may miss it."""
DECADES = (3, 6)
FEWEST = 100
"""Labels below which a distribution is not looked at."""
SAMPLE = 5000
VALLEY = 0.2
"""The density between two humps falls below this share of the lower one."""
SIDE = 0.05
"""Share of the labels that each hump holds at least."""
WIDEST_P = 16
"""-log10 values of molar quantities lie between 0 and this."""
LOGS_WITHIN = 20
"""Labels of small size, both signs or few decades, are taken for logarithms."""


def check_scale(table: Examined) -> Iterator[Finding]:
    """Several units by name, by replicates and by distribution."""
    for t, name in enumerate(table.record.targets):
        units = table.record.units.get(name, Counter[str]())
        if len(units) > 1:
            most, *others = sorted(units.items(), key=lambda u: (-u[1], u[0]))
            n = sum(c for _, c in others)
            listed = ", ".join(f"{u or 'no unit'!r} ({c:,})" for u, c in (most, *others))
            yield table.finding(
                "units",
                Severity.ERROR,
                f"{name!r} is in {len(units)} units: {listed}",
                n,
                n + most[1],
                target=t,
                advice=ADVICE["units"],
            )
        if not table.record.is_class(t):
            yield from _slips(table, t)
            yield from _humps(table, t)


def _slips(table: Examined, t: int) -> Iterator[Finding]:
    logs = decades_of(table.record.values(t))
    if logs is None:
        return
    exact = table.record.exact(t)
    position = np.cumsum(exact) - 1
    found, near, exactly = [], 0, 0
    for g in conflicts(table, t).groups.tolist():
        rows = [r for r in table.rows_of[g].tolist() if exact[r]][:20]
        apart = [logs[position[a]] - logs[position[b]] for a, b in combinations(rows, 2)]
        near += sum(_thousandfold(d, AROUND) for d in apart)
        if n := sum(_thousandfold(d, EXACTLY) for d in apart):
            exactly += n
            found.append(rows)
    if exactly > CHANCE * near:
        yield table.finding(
            "unit_slip",
            Severity.WARNING,
            f"{table.record.targets[t]!r}: {counted(len(found), 'molecule')} with labels that differ by a factor of "
            "exactly a thousand or a million",
            len(found),
            table.molecules,
            target=t,
            advice=ADVICE["unit_slip"],
            examples=(table.replicates(rows, t) for rows in found),
        )


def _humps(table: Examined, t: int) -> Iterator[Finding]:
    values, name = table.record.values(t), table.record.targets[t]
    if len(values) < FEWEST:
        return
    logs = decades_of(values)
    split = two_humps(logs) if logs is not None else None
    if logs is not None and split is not None and _thousandfold(split[1] - split[0], NEARLY):
        n = int((logs > split[2]).sum())
        distance = split[1] - split[0]
        yield table.finding(
            "unit_modes",
            Severity.NOTE,
            f"{name!r} has two humps {distance:.1f} decades apart, as if a part were in another unit",
            min(n, len(values) - n),
            len(values),
            target=t,
            advice=ADVICE["unit_modes"],
        )
    if (low := _p_values(values)) is not None:
        yield table.finding(
            "mixed_scale",
            Severity.NOTE,
            f"{name!r}: {int(low.sum()):,} labels lie between {values[low].min():g} and {values[low].max():g} like "
            f"-log10 values, the others reach {values.max():g}",
            int(low.sum()),
            len(values),
            target=t,
            advice=ADVICE["mixed_scale"],
        )


def decades_of(values: Floats) -> Floats | None:
    """Labels in decades: their logarithms if they span decades, as they are if they look like logarithms, else None."""
    if not len(values):
        return None
    if values.min() > 0 and values.max() / values.min() >= 1000:
        return np.asarray(np.log10(values))
    return values if np.abs(values).max() <= LOGS_WITHIN else None


def two_humps(x: Floats) -> tuple[float, float, float] | None:
    """Medians of two clearly separate humps of x (n,), and the valley between; None if there are not just two."""
    sample = np.sort(x)[:: max(1, len(x) // SAMPLE)]
    if len(np.unique(sample)) < DISTINCT:
        return None
    span = float(sample[-1] - sample[0])
    # a bandwidth by the whole spread would let two far humps flow together
    width = min(max(0.3 * spread(sample - _nearest_half(sample)), 0.02 * span), 0.1 * span)
    density = gaussian_kde(sample, bw_method=width / sample.std(ddof=1))
    grid = np.linspace(sample[0], sample[-1], 400)
    y = density(grid)
    inner = np.r_[True, y[1:] > y[:-1]] & np.r_[y[:-1] >= y[1:], True]
    peaks = [i for i in np.flatnonzero(inner) if y[i] > 0.05 * y.max()]
    merged: list[int] = []
    for i in peaks:
        if merged and y[merged[-1] : i + 1].min() > VALLEY * min(y[merged[-1]], y[i]):
            merged[-1] = max(merged[-1], int(i), key=lambda k: float(y[k]))
        else:
            merged.append(int(i))
    if len(merged) != 2:
        return None
    valley = float(grid[merged[0] + int(y[merged[0] : merged[1]].argmin())])
    above = x > valley
    if not SIDE <= above.mean() <= 1 - SIDE:
        return None
    return float(np.median(x[~above])), float(np.median(x[above])), valley


def _nearest_half(x: Floats) -> Floats:
    """The median of that half of x, cut at the middle of its range, to which each value belongs."""
    upper = x > (x.min() + x.max()) / 2
    return np.asarray(np.where(upper, np.median(x[upper]), np.median(x[~upper])))


def _p_values(values: Floats) -> NDArray[np.bool_] | None:
    """(n,), which labels are like -log10 values while the others are like concentrations; None if all are alike."""
    if values.min() <= 1 or values.max() < 1000:
        return None
    split = two_humps(np.log10(values))
    if split is None:
        return None
    low = np.log10(values) <= split[2]
    apart = values[low].max() <= WIDEST_P and np.median(values[~low]) > 100
    narrow = values[low].std() < 2.5 and np.ptp(np.log10(values[~low])) > 1
    return low if apart and narrow else None


def _thousandfold(decades: float, within: float) -> bool:
    return any(abs(abs(decades) - d) <= within for d in DECADES)
