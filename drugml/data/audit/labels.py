"""Checks of the labels of each target: classes, constants, limits, outliers, censored labels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drugml.data.audit.advice import ADVICE
from drugml.data.audit.finding import Example, Finding, Severity, counted
from drugml.data.audit.pileup import Pile, piles
from drugml.data.audit.record import Floats
from drugml.data.audit.table import Examined, heavy_tailed, spread

HALF = 34.13
"""Percent of a normal distribution within one standard deviation on one side of the median."""
PILES_SHOWN = 5
FEWEST = 30
"""Labels below which no one is called an outlier."""


def check_labels(table: Examined) -> Iterator[Finding]:
    """All checks that look at one column of labels."""
    for t in range(len(table.record.targets)):
        if not table.record.known(t).any():
            continue
        if (constant := _constant(table, t)) is not None:
            yield constant
            continue
        if table.record.is_class(t):
            yield from _classes(table, t)
            continue
        yield from _censored(table, t)
        yield from _piles(table, t)
        yield from _tails(table, t)


def limits(table: Examined, target: int) -> tuple[Pile, ...]:
    """Where the labels of a target pile up; nothing for classes."""
    if table.record.is_class(target):
        return ()
    return piles(table.record.values(target), table.spec.pile_up)


def _constant(table: Examined, t: int) -> Finding | None:
    known = table.record.known(t)
    if not table.record.exact(t)[known].all():
        return None
    values = table.record.low[known, t]
    if (values != values[0]).any():
        return None
    name, n = table.record.targets[t], len(values)
    text = f"{name!r} is {values[0]:g} in all {n:,} labels"
    return table.finding("constant", Severity.ERROR, text, n, n, target=t, advice=ADVICE["constant"])


def _classes(table: Examined, t: int) -> Iterator[Finding]:
    values = table.record.values(t)
    ones = int(values.sum())
    rare = min(ones, len(values) - ones)
    if rare < table.spec.minority * len(values):
        which = int(ones == rare)
        yield table.finding(
            "imbalance",
            Severity.WARNING,
            f"{table.record.targets[t]!r}: only {rare:,} of {len(values):,} labels are {which}",
            rare,
            len(values),
            target=t,
            advice=ADVICE["imbalance"],
            examples=_examples(table, t, table.record.low[:, t] == which),
        )


def _censored(table: Examined, t: int) -> Iterator[Finding]:
    known = table.record.known(t)
    censored = known & ~table.record.exact(t)
    if n := int(censored.sum()):
        above, below = (int((censored & np.isinf(end[:, t])).sum()) for end in (table.record.high, table.record.low))
        yield table.finding(
            "censored",
            Severity.NOTE,
            f"{table.record.targets[t]!r}: {n:,} labels are limits ({above:,} with >, {below:,} with <)",
            n,
            int(known.sum()),
            target=t,
            advice=ADVICE["censored"],
            examples=_examples(table, t, censored),
        )


def _piles(table: Examined, t: int) -> Iterator[Finding]:
    name, values = table.record.targets[t], table.record.low[:, t]
    exact = table.record.exact(t)
    n = int(exact.sum())
    found = limits(table, t)
    for pile in (p for p in found if p.side != "inside"):
        end, far = ("low", "below") if pile.side == "floor" else ("high", "above")
        beyond = f" but for {pile.beyond:,} {far} it" if pile.beyond else ""
        text = (
            f"{name!r}: {pile.count:,} of {n:,} labels are {pile.value:.8g}, the {end}est value{beyond}: probably a "
            f"{pile.side} of the assay, so that they are limits and no measurements"
        )
        yield table.finding(
            pile.side,
            Severity.WARNING,
            text,
            pile.count,
            n,
            target=t,
            advice=ADVICE[pile.side],
            examples=_examples(table, t, exact & (values == pile.value)),
        )
    if inside := sorted((p for p in found if p.side == "inside"), key=lambda p: -p.count):
        listed = ", ".join(f"{p.value:.8g} ({p.count:,})" for p in inside[:PILES_SHOWN])
        more = f" and {len(inside) - PILES_SHOWN} more" if len(inside) > PILES_SHOWN else ""
        yield table.finding(
            "pile_up",
            Severity.NOTE,
            f"{name!r}: far more labels than at values near by: {listed}{more}",
            sum(p.count for p in inside),
            n,
            target=t,
            advice=ADVICE["pile_up"],
            examples=_examples(table, t, exact & np.isin(values, [p.value for p in inside])),
        )
    most = int(np.unique(values[exact], return_counts=True)[1].max()) if n else 0
    if most > table.spec.near_constant * n:
        text = f"{name!r}: {most:,} of {n:,} labels are one value"
        yield table.finding("near_constant", Severity.WARNING, text, most, n, target=t, advice=ADVICE["near_constant"])


def _tails(table: Examined, t: int) -> Iterator[Finding]:
    """Heavy tails, and outliers beside them."""
    values = table.record.values(t)
    if len(values) < FEWEST:
        return
    name, where = table.record.targets[t], np.flatnonzero(table.record.exact(t))
    positive = values > 0
    logs = values.min() >= 0 and heavy_tailed(values[positive])
    if logs:
        low, high, zeros = values[positive].min(), values.max(), int((~positive).sum())
        without = f"; {counted(zeros, 'label')} of 0 have no logarithm" if zeros else ""
        text = f"{name!r} is skewed and spans {np.log10(high / low):.1f} decades ({low:g} to {high:g}){without}"
        yield table.finding(
            "heavy_tail", Severity.NOTE, text, len(values), len(values), target=t, advice=ADVICE["heavy_tail"]
        )
    z = np.zeros(len(values))
    used = positive if logs else np.ones(len(values), bool)
    z[used] = robust_z(np.log10(values[used]) if logs else values[used])
    at_limit = np.isin(values, [p.value for p in limits(table, t) if p.side != "inside"])
    far = np.flatnonzero((np.abs(z) > table.spec.outlier) & ~at_limit)
    if len(far):
        far = far[np.argsort(-np.abs(z[far]), kind="stable")]
        scale = " of the logarithms" if logs else ""
        yield table.finding(
            "outlier",
            Severity.WARNING,
            f"{name!r}: {counted(len(far), 'label')} more than {table.spec.outlier:g} robust standard deviations"
            f"{scale} from the median",
            len(far),
            len(values),
            target=t,
            advice=ADVICE["outlier"],
            examples=(table.example(where[i], f"{values[i]:g}, {z[i]:+.1f} standard deviations") for i in far.tolist()),
        )


def robust_z(values: Floats) -> Floats:
    """Distance from the median in standard deviations, by the 16th percentile below it and the 84th above.

    Each side has a scale of its own, so that a skewed but smooth distribution has no outliers.
    """
    low, median, high = np.percentile(values, [50 - HALF, 50, 50 + HALF])
    whole = spread(values)
    scale = np.where(values < median, median - low or whole, high - median or whole)
    return np.asarray((values - median) / scale)


def _examples(table: Examined, t: int, rows: NDArray[np.bool_]) -> Iterator[Example]:
    return (table.example(int(i), table.label(int(i), t)) for i in np.flatnonzero(rows))
