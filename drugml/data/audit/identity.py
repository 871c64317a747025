"""Checks of which rows are the same molecule, and whether their labels agree."""

from collections.abc import Iterator

import numpy as np

from drugml.data.audit.advice import ADVICE
from drugml.data.audit.finding import Finding, Severity, counted
from drugml.data.audit.record import Floats
from drugml.data.audit.table import Examined, Gaps
from drugml.data.groups import Groups, Indices

LARGEST = 5
"""Scaffolds counted as the largest."""


def check_identity(table: Examined) -> Iterator[Finding]:
    """Duplicates, conflicts, stereoisomers with unlike labels, and scaffolds."""
    yield from _duplicates(table)
    for t in range(len(table.record.targets)):
        yield from _conflicts(table, t)
        yield from _skeletons(table, t)
    yield from _scaffolds(table)


def conflicts(table: Examined, target: int) -> Gaps:
    """Molecules whose labels differ by more than the limit, the widest gap first."""
    groups, gap = table.gaps(target, table.molecule)
    return _widest(groups, gap, table.conflict(target))


def _duplicates(table: Examined) -> Iterator[Finding]:
    sizes = np.bincount(table.molecule) if len(table.molecule) else np.zeros(0, np.int64)
    several = np.flatnonzero(sizes > 1)
    if not len(several):
        return
    bad = {int(g) for t in range(len(table.record.targets)) for g in conflicts(table, t).groups}
    agreeing = [g for g in several.tolist() if g not in bad]
    if not agreeing:
        return
    surplus = int(sizes[agreeing].sum()) - len(agreeing)
    agreeing.sort(key=lambda g: -sizes[g])
    yield table.finding(
        "duplicates",
        Severity.NOTE,
        f"several rows with agreeing labels for {counted(len(agreeing), 'molecule')} "
        f"({counted(surplus, 'row')} too many)",
        len(agreeing),
        table.molecules,
        advice=ADVICE["duplicates"],
        examples=(
            table.example(int(table.rows_of[g][0]), f"{sizes[g]} rows, lines {_lines(table, table.rows_of[g])}")
            for g in agreeing
        ),
    )


def _conflicts(table: Examined, t: int) -> Iterator[Finding]:
    every = table.gaps(t, table.molecule)
    found = conflicts(table, t)
    if not len(found.groups):
        return
    name, several = table.record.targets[t], len(every.groups)
    if table.record.is_class(t):
        text = f"{name!r}: {len(found.groups):,} of {several:,} molecules with several labels stand in both classes"
    else:
        differ = int((every.gap > 0).sum())
        text = (
            f"{name!r}: {len(found.groups):,} of {several:,} molecules with several labels have labels more than "
            f"{table.conflict(t):.3g}{table.unit(t)} apart ({differ:,} differ at all)"
        )
    yield table.finding(
        "conflicts",
        Severity.WARNING,
        text,
        len(found.groups),
        several,
        target=t,
        advice=ADVICE["conflicts"],
        examples=(table.replicates(table.rows_of[g], t) for g in found.groups.tolist()),
    )


def _skeletons(table: Examined, t: int) -> Iterator[Finding]:
    """Stereoisomers, isotopologues, charge states: one connectivity, several InChIKeys, labels far apart."""
    groups, gap = table.gaps(t, table.skeleton)
    wide = _widest(groups, gap, table.conflict(t)).groups
    rows = Groups(table.skeleton)
    known, limit = table.record.known(t), table.conflict(t)
    low, high = table.scaled(t)
    apart = []
    for g in wide.tolist():
        some = rows[g][known[rows[g]]]
        if _between(table.molecule[some], low[some], high[some]) > limit:
            apart.append(g)
    if apart:
        wide_gap = f"more than {limit:.3g}{table.unit(t)} apart"
        apart_by = "in both classes" if table.record.is_class(t) else wide_gap
        yield table.finding(
            "skeleton_conflicts",
            Severity.NOTE,
            f"{table.record.targets[t]!r}: {counted(len(apart), 'group')} of stereoisomers or charge states (one "
            f"connectivity, several InChIKeys) with labels {apart_by}",
            len(apart),
            len(groups),
            target=t,
            advice=ADVICE["skeleton_conflicts"],
            examples=(table.replicates(rows[g], t) for g in apart),
        )


def _between(molecule: Indices, low: Floats, high: Floats) -> float:
    """Largest gap between labels (n,) of two different molecules; -inf if there is one only."""
    names, number = np.unique(molecule, return_inverse=True)
    if len(names) < 2:
        return -np.inf
    most, least = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    np.maximum.at(most, number, low)
    np.minimum.at(least, number, high)
    top, bottom = np.argsort(-most, kind="stable")[:2], np.argsort(least, kind="stable")[:2]
    return float(max(most[i] - least[j] for i in top for j in bottom if i != j))


def _scaffolds(table: Examined) -> Iterator[Finding]:
    """How much of the table the largest scaffolds hold; each molecule counts once."""
    sizes = scaffold_sizes(table)
    if not sizes:
        return
    top = [(s, n) for s, n in sizes.items() if s][:LARGEST]
    ringed, acyclic = sum(n for s, n in sizes.items() if s), sizes.get(b"", 0)
    held = sum(n for _, n in top)
    if not top:
        return
    first = {s: int(np.flatnonzero(table.record.scaffolds == s)[0]) for s, _ in top}
    narrow = held >= table.spec.crowded * table.molecules
    yield table.finding(
        "scaffolds",
        Severity.WARNING if narrow else Severity.NOTE,
        f"the {len(top)} largest of {len(sizes) - (acyclic > 0):,} scaffolds hold {held / table.molecules:.0%} of the "
        f"molecules; {acyclic:,} of {ringed + acyclic:,} are acyclic",
        held,
        table.molecules,
        advice=ADVICE["scaffolds"],
        examples=(table.example(first[s], f"the first of {counted(n, 'molecule')} with its scaffold") for s, n in top),
    )


def scaffold_sizes(table: Examined) -> dict[bytes, int]:
    """Scaffold to molecules that have it, the largest first; a molecule has the scaffold of its first row."""
    _, first = np.unique(table.molecule, return_index=True)
    names, counts = np.unique(table.record.scaffolds[first], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {names[i]: int(counts[i]) for i in order}


def _widest(groups: Indices, gap: Floats, limit: float) -> Gaps:
    order = np.argsort(-gap, kind="stable")
    order = order[gap[order] > limit]
    return Gaps(groups[order], gap[order])


def _lines(table: Examined, rows: Indices) -> str:
    shown = ", ".join(str(table.record.lines[r]) for r in rows[:6])
    return shown + (", …" if len(rows) > 6 else "")
