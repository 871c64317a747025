"""From a config to what is trained on: the table read, every row judged, features packed, folds drawn."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.splits import PredefinedSplit
from drugml.config.run import RunSpec
from drugml.config.tasks import AutoTask, ClassificationSpec, RegressionSpec
from drugml.data.columns import find_smiles
from drugml.data.split import Molecules, split
from drugml.data.status import BadRow, Reject, Status
from drugml.data.store import select
from drugml.data.table import Row, Table, locate, name_of
from drugml.data.targets import Labels, check_spread, classes, is_missing, looks_binary, numbers
from drugml.errors import UserError
from drugml.featurizers.pack import cache_folder, cores, pack_cached
from drugml.training.data import TrainingData

log = logging.getLogger(__name__)
SHOWN = 10
"""Bad rows quoted in an error."""


@dataclass(frozen=True)
class Dataset:
    """A table made ready for training."""

    config: RunSpec
    """The config with every `auto` replaced by what it came to mean."""
    name: str
    path: Path
    training: TrainingData
    smiles: list[str]
    """Of the molecules in use."""
    lines: list[int]
    """Lines of the molecules in use."""
    rows: int
    bad: list[BadRow]
    unlabelled: int
    hash: str
    """SHA-256 over SMILES, targets and status of every row: equal hashes, equal data."""
    positive: dict[str, str]
    """Target to the class whose probability is learned; empty for numbers."""

    def summary(self) -> str:
        """One line for people."""
        sizes = ", ".join(f"{f} {n:,}" for f, n in self.training.plan.sizes.items())
        bad = f", {len(self.bad):,} rejected" if self.bad else ""
        none = f", {self.unlabelled:,} without a label" if self.unlabelled else ""
        return f"{self.name}: {self.rows:,} rows, {len(self.smiles):,} molecules used{bad}{none}; {sizes}"


def prepare(config: RunSpec) -> Dataset:
    """Read, judge and pack the table of a config.

    Raises:
        UserError: for anything wrong with table, columns, targets, too many bad rows, or the split.
    """
    path = locate(config.data.path)
    table = Table(path)
    at, how = find_smiles(table, config.data.smiles)
    log.info("%s: %s", path.name, how)
    places = [table.column(t, "target") for t in config.data.targets]
    split_at = _split_column(table, config)
    rows = list(table)
    if not rows:
        raise UserError(f"{path}: a header but no rows; expected one row per molecule")
    cells = {t: [r.cells[i] for r in rows] for t, i in zip(config.data.targets, places, strict=True)}
    config = _resolved(config, cells, table.columns[at])
    smiles = [r.cells[at] for r in rows]
    packed = pack_cached(
        smiles, config.featurizer, max_atoms=config.data.max_atoms, cache=cache_folder(), workers=cores()
    )
    rejects = dict(packed.rejects) | {i: r.reject for i, r in enumerate(rows) if r.reject}
    columns = _labels(config, cells)
    labels = np.stack([c.values for c in columns.values()], axis=1)
    wrong = _wrong_labels(columns)
    rejects = wrong | rejects  # what is wrong with the molecule is said first
    bad = [BadRow(rows[i].line, smiles[i], rejects[i]) for i in sorted(rejects)]
    _check_rejected(path, rows, bad, config.data.max_rejected)
    unlabelled = np.asarray(np.isnan(labels).all(axis=1))
    used = np.array([i for i in range(len(rows)) if i not in rejects and not unlabelled[i]], np.int64)
    for t, name in enumerate(config.data.targets):
        check_spread(name, labels[used, t])
    assert packed.store is not None
    parsed = np.array([i for i in range(len(rows)) if i not in packed.rejects], np.int64)
    store = select(packed.store, np.searchsorted(parsed, used))
    molecules = Molecules(
        [rows[i].line for i in used],
        np.asarray(store.molecule["inchikey"]),
        np.asarray(store.molecule["scaffold"]),
        [rows[i].cells[split_at] for i in used] if split_at is not None else None,
    )
    plan = split(config.data.split, molecules)
    if leaks := plan.leaks():
        log.warning("split: %d molecules stand in more than one fold, for example %s", len(leaks), leaks[0])
    training = TrainingData(store, config.data.targets, labels[used], plan)
    _check_train_labels(training)
    return Dataset(
        config,
        name_of(path),
        path,
        training,
        [smiles[i] for i in used],
        list(molecules.lines),
        len(rows),
        bad,
        sum(unlabelled[i] and i not in rejects for i in range(len(rows))),
        _hash(smiles, cells, rejects),
        {name: c.positive for name, c in columns.items() if c.positive is not None},
    )


def numeric_columns(table: Table, smiles: int) -> list[str]:
    """Columns that could be targets: mostly numbers or two classes."""
    rows = [r.cells for _, r in zip(range(1000), table, strict=False)]
    found = []
    for i, name in enumerate(table.columns):
        column = [r[i] for r in rows]
        known = [c for c in column if not is_missing(c)]
        if i == smiles or not known or _counts(known):
            continue
        if len(numbers(name, known).rejects) < 0.1 * len(known) or looks_binary(column):
            found.append(name)
    return found


def _counts(cells: list[str]) -> bool:
    """Whether cells only number the rows: whole numbers, each larger than the one before."""
    if len(cells) < 2 or not all(c.strip().isdecimal() for c in cells):
        return False
    return all(int(a) < int(b) for a, b in pairwise(cells))


def _split_column(table: Table, config: RunSpec) -> int | None:
    if isinstance(config.data.split, PredefinedSplit):
        return table.column(config.data.split.column, "split")
    return None


def _resolved(config: RunSpec, cells: dict[str, list[str]], smiles: str) -> RunSpec:
    """Replace what was left to the data or the model."""
    config = config.with_featurizer()
    task = config.task
    if isinstance(task, AutoTask):
        binary = [looks_binary(c) for c in cells.values()]
        if any(binary) and not all(binary):
            names = ", ".join(t for t, b in zip(cells, binary, strict=True) if b)
            raise UserError(
                f"targets of two kinds: {names} have two classes, the others do not; train them apart, or set task=regression"
            )
        task = ClassificationSpec() if all(binary) else RegressionSpec()
        log.info("task: %s, by the values of %s", task.kind, ", ".join(cells))
    data = config.data.model_copy(update={"smiles": smiles})
    return config.model_copy(update={"task": task, "data": data})


def _labels(config: RunSpec, cells: dict[str, list[str]]) -> dict[str, Labels]:
    if not isinstance(config.task, ClassificationSpec):
        return {name: numbers(name, column) for name, column in cells.items()}
    columns = {name: classes(name, column, config.task.positive) for name, column in cells.items()}
    for name, labels in columns.items():
        share = np.nanmean(labels.values)
        log.info("%s: predicted is the probability of %r (%.0f%% of the labels)", name, labels.positive, 100 * share)
    return columns


def _wrong_labels(columns: dict[str, Labels]) -> dict[int, Reject]:
    """Row to the reason of the first target that cannot be read."""
    rejects: dict[int, Reject] = {}
    for labels in reversed(columns.values()):
        rejects |= labels.rejects
    return rejects


def _check_rejected(path: Path, rows: Sequence[Row], bad: list[BadRow], allowed: float) -> None:
    if len(bad) == len(rows):
        head = f"{path}: none of the {len(rows):,} rows can be used"
    elif len(bad) > allowed * len(rows):
        head = f"{path}: {len(bad):,} of {len(rows):,} rows cannot be used, more than the allowed {allowed:.1%}"
    else:
        if bad:
            log.warning("%s: %d of %s rows rejected, see rejects.csv", path.name, len(bad), f"{len(rows):,}")
        return
    lines = [f"  line {b.line}: {b.reject.reason}" for b in bad[:SHOWN]]
    more = [f"  … and {len(bad) - SHOWN:,} more"] if len(bad) > SHOWN else []
    kinds = ", ".join(f"{n} × {s}" for s, n in Counter(b.reject.status.value for b in bad).most_common())
    raise UserError("\n".join([head, *lines, *more, f"  ({kinds})", "fix the rows, or raise data.max_rejected"]))


def _check_train_labels(data: TrainingData) -> None:
    _, labels = data.fold("train")
    for t, name in enumerate(data.targets):
        if np.isnan(labels[:, t]).all():
            raise UserError(
                f"target {name!r}: the training fold has no label of it; use another data.split.seed or data.split=random"
            )


def _hash(smiles: list[str], cells: dict[str, list[str]], rejects: dict[int, Reject]) -> str:
    text = hashlib.sha256(json.dumps(list(cells)).encode())
    for i, row in enumerate(zip(smiles, *cells.values(), strict=True)):
        text.update(json.dumps([*row, rejects[i].status.value if i in rejects else "ok"]).encode())
    return text.hexdigest()
