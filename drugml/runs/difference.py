"""`registry diff`: two versions of a model side by side: config, data, metrics, and single predictions.

Shape letters: M molecules, T targets.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from drugml.config.leaves import flatten
from drugml.runs.candidates import SAME, Candidate, fetched
from drugml.runs.outcome import readable
from drugml.tracking.find import lookup
from drugml.tracking.models import choose
from drugml.tracking.run import KIND
from drugml.tracking.store import connect

Floats = NDArray[np.float64]
SAME_VALUE = 1e-6
"""Predictions that are closer are called the same."""
SHOWN = 5


@dataclass(frozen=True)
class Change:
    """How the predictions of a target changed; of a target learned as log10, its log10."""

    target: str
    summary: str
    rows: list[list[str]]
    """The molecules that changed most: line, value before and after, change, label, SMILES."""


@dataclass(frozen=True)
class Difference:
    """Two versions beside each other."""

    names: tuple[str, str]
    config: list[list[str]]
    """Keys that differ, with both values."""
    hashes: list[list[str]]
    """What the runs must agree in to be compared, with both values and whether they agree."""
    metrics: list[list[str]]
    """Test metrics of either, with both values and their difference."""
    changes: list[Change]
    """Of each target, where test molecules and labels are the same."""
    why_no_changes: str = ""


def difference(name: str, one: str, other: str, uri: str | None) -> Difference:
    """Compare two versions.

    Args:
        name: of the registered model.
        one: number or alias.
        other: number or alias.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such version, or its run lacks a file.
    """
    store = connect(uri)
    chosen = [choose(store, name, v) for v in (one, other)]
    with TemporaryDirectory() as files:
        a, b = (fetched(lookup(store, v.run_id), Path(files) / str(i)) for i, v in enumerate(chosen))
        why = _unlike(a, b)
        return Difference(
            (chosen[0].uri, chosen[1].uri), _config(a, b), _hashes(a, b), _metrics(a, b), [] if why else _changes(a, b),
            why,
        )  # fmt: skip


def _config(a: Candidate, b: Candidate) -> list[list[str]]:
    x, y = (flatten(c.config.model_dump(mode="json")) for c in (a, b))
    keys = dict.fromkeys([*x, *y])
    return [[k, str(x.get(k, "")), str(y.get(k, ""))] for k in keys if x.get(k, "") != y.get(k, "")]


def _hashes(a: Candidate, b: Candidate) -> list[list[str]]:
    rows = []
    for tag, what in SAME.items():
        if tag != KIND:
            x, y = (c.run.tags.get(tag, "none") for c in (a, b))
            rows.append([what, x[:12], y[:12], "same" if x == y else "differs"])
    return rows


def _metrics(a: Candidate, b: Candidate) -> list[list[str]]:
    x, y = (readable(c.config, {k: float(v[0]) for k, v in c.scores.items()}) for c in (a, b))
    nan = float("nan")
    return [
        [k, *(_number(v) for v in (x.get(k, nan), y.get(k, nan))), _number(y.get(k, nan) - x.get(k, nan), "+")]
        for k in dict.fromkeys([*x, *y])
    ]


def _unlike(a: Candidate, b: Candidate) -> str:
    """Why predictions cannot be laid beside each other, or nothing."""
    if a.config.data.targets != b.config.data.targets:
        return f"the targets differ: {', '.join(a.config.data.targets)} and {', '.join(b.config.data.targets)}"
    if _logs(a) != _logs(b):
        return "one was learned as log10, the other not"
    if (x := a.smiles) != (y := b.smiles):
        return f"the test molecules differ: {len(x)} and {len(y)}, {len(x.items() & y.items())} of them in both"
    _, labels, _ = a.tested
    changed = ~np.isclose(labels, _like(a, b)[0], rtol=0, atol=0, equal_nan=True).all(axis=1)
    return f"the labels of {changed.sum()} test molecules differ" if changed.any() else ""


def _changes(a: Candidate, b: Candidate) -> list[Change]:
    lines, labels, before = a.tested
    _, after = _like(a, b)
    out = []
    for t, target in enumerate(a.config.data.targets):
        change = after[:, t] - before[:, t]
        size = np.abs(change)
        most = [i for i in np.argsort(-size, kind="stable")[:SHOWN] if size[i] > SAME_VALUE]
        said = f"{(size > SAME_VALUE).sum()} of {len(size)} predictions differ by more than {SAME_VALUE:g}"
        said += f"; absolute change {size.mean():.4g} in the mean, {size.max():.4g} at most"
        rows = [
            [lines[i], *(_number(v[i, t]) for v in (before, after)), f"{change[i]:+.4g}", _number(labels[i, t]),
             a.smiles[lines[i]]]
            for i in most
        ]  # fmt: skip
        out.append(Change(f"log10({target})" if target in _logs(a) else target, said, rows))
    return out


def _like(a: Candidate, b: Candidate) -> tuple[Floats, Floats]:
    """Labels and predictions (M, T) of b in the order of a's molecules."""
    lines, labels, predicted = b.tested
    at = {line: i for i, line in enumerate(lines)}
    order = [at[line] for line in a.tested[0]]
    return labels[order], predicted[order]


def _logs(c: Candidate) -> set[str]:
    return {t for t, s in c.config.data.labels.items() if s.log10}


def _number(value: float, sign: str = "") -> str:
    return "" if np.isnan(value) else f"{value:{sign}.4g}"
