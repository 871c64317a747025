"""Checks of rows and of which labels are there."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from drugml.data.audit.advice import ADVICE
from drugml.data.audit.finding import Example, Finding, Severity, counted
from drugml.data.audit.table import Examined
from drugml.data.status import Status

PAIRS_SHOWN = 3


def check_rows(table: Examined) -> Iterator[Finding]:
    """Rejects by status, and rows without any label."""
    record = table.record
    if not len(record.lines):
        text = f"none of the {record.rows:,} rows can be used"
        yield table.finding(
            "no_usable_row", Severity.ERROR, text, record.rows, record.rows, advice=ADVICE["no_usable_row"]
        )
    for status, n in Counter(b.reject.status for b in record.bad).most_common():
        no_label = status == Status.UNLABELLED
        yield table.finding(
            "unlabelled" if no_label else f"rejected: {status}",
            Severity.NOTE if no_label else Severity.WARNING,
            f"{counted(n, 'row')} cannot be used: {status.value.replace('_', ' ')}",
            n,
            record.rows,
            advice=ADVICE["unlabelled" if no_label else "rejects"],
            examples=(Example(b.where, b.text, b.reject.reason) for b in record.bad if b.reject.status == status),
        )
    if record.partial:
        yield table.finding(
            "bad_labels",
            Severity.WARNING,
            f"{counted(len(record.partial), 'row')} with a label that cannot be read beside others that can",
            len(record.partial),
            record.rows,
            advice=ADVICE["rejects"],
            examples=(Example(b.where, b.text, b.reject.reason) for b in record.partial),
        )
    bare = np.flatnonzero(np.isnan(record.low).all(axis=1)) if record.targets else np.zeros(0, np.int64)
    if len(bare):
        yield table.finding(
            "unlabelled",
            Severity.NOTE,
            f"no label at all in {counted(len(bare), 'row')}",
            len(bare),
            len(record.lines),
            advice=ADVICE["unlabelled"],
            examples=(table.example(i, "no label") for i in bare.tolist()),
        )


def check_missing(table: Examined) -> Iterator[Finding]:
    """Missing labels of each target, small targets, and pairs of targets that share no row."""
    record = table.record
    known = ~np.isnan(record.low)
    for t, name in enumerate(record.targets):
        labelled = len(np.unique(table.molecule[known[:, t]]))
        if not labelled:
            text = f"{name!r} has no usable label"
            yield table.finding(
                "no_label", Severity.ERROR, text, len(known), len(known), target=t, advice=ADVICE["constant"]
            )
        elif labelled < table.spec.few:
            yield table.finding(
                "few",
                Severity.WARNING,
                f"{name!r} has labels for {counted(labelled, 'molecule')} only",
                labelled,
                table.molecules,
                target=t,
                advice=ADVICE["few"],
            )
        if labelled and (n := int((~known[:, t]).sum())):
            text = f"{name!r} has no label in {counted(n, 'row')}"
            yield table.finding("missing", Severity.NOTE, text, n, len(known), target=t, advice=ADVICE["missing"])
    together = shared(known)
    left, right = np.nonzero(np.triu(together == 0, 1))
    if len(left):
        pairs = [f"{record.targets[a]!r} and {record.targets[b]!r}" for a, b in zip(left, right, strict=True)]
        more = f", and {len(pairs) - PAIRS_SHOWN:,} more" if len(pairs) > PAIRS_SHOWN else ""
        yield table.finding(
            "no_overlap",
            Severity.NOTE,
            f"no row has labels of both: {', '.join(pairs[:PAIRS_SHOWN])}{more}",
            len(pairs),
            len(record.targets) * (len(record.targets) - 1) // 2,
            advice=ADVICE["no_overlap"],
        )


def shared(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(T, T), rows with labels of both targets, from (M, T) of whether there is a label."""
    ones = known.astype(np.float32)  # exact up to 16 million rows
    return (ones.T @ ones).astype(np.int64)
