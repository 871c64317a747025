"""From a config to what is trained on: rows judged, replicates merged, folds drawn.

Shape letters: M molecules, T targets.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drugml.config.labels import MergeReplicates
from drugml.config.run import RunSpec
from drugml.config.splits import TimeSplit
from drugml.config.tasks import ClassificationSpec
from drugml.data.groups import Groups
from drugml.data.replicates import SHOWN, Merged, merge
from drugml.data.splits import Molecules, SplitPlan, split
from drugml.data.splits.column import times
from drugml.data.status import BadRow, Reject, Status
from drugml.data.store import PackedStore, select
from drugml.data.targets import as_written, check_spread
from drugml.data.texts import Lines, Texts
from drugml.errors import UserError
from drugml.runs.judged import Judged, Judging, judge_ahead, tell_strange
from drugml.training.data import TrainingData

if TYPE_CHECKING:  # the table of a run is read before torch and MLflow are imported
    from drugml.prediction.source import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curated:
    """The molecules of a table with their labels."""

    judged: Judged
    store: PackedStore
    """(M)"""
    rows: Groups
    """Of each molecule its rows, as positions in the usable rows."""
    low: NDArray[np.float64]
    """(M, T)"""
    high: NDArray[np.float64]
    weight: NDArray[np.float64]
    error: NDArray[np.float64]
    sd: NDArray[np.float64]
    """(M, T) standard deviation of the exact replicates, NaN for fewer than two."""
    conflicting: list[BadRow] = field(default_factory=list)
    """Rows that were dropped because their replicates contradict each other."""
    source: "Source | None" = None
    """Encoder to start from."""

    @property
    def rejected(self) -> list[BadRow]:
        """All rows that are not used, by line."""
        return sorted([*self.judged.bad, *self.conflicting], key=lambda r: r.place)


@dataclass(frozen=True)
class Dataset:
    """A table made ready for training."""

    curated: Curated
    training: TrainingData
    smiles: Texts
    """(M,) of the first row of each molecule."""
    lines: Lines
    """(M,)"""

    @property
    def judged(self) -> Judged:
        """The rows it is made of."""
        return self.curated.judged

    @property
    def config(self) -> RunSpec:
        """The config with every `auto` replaced by what it came to mean."""
        return self.judged.config

    @property
    def rejected(self) -> list[BadRow]:
        """All rows that are not used, or not with all their labels, by line."""
        return sorted([*self.curated.rejected, *self.judged.partial], key=lambda r: r.place)

    def counts(self) -> list[tuple[str, int]]:
        """What became of the rows; what does not occur is left out."""
        judged = self.judged
        merged = len(judged.lines) - len(self.curated.conflicting) - len(self.smiles)
        more = {
            "rejected": len(judged.bad),
            "without a label": judged.unlabelled,
            "merged as replicates": merged,
            "dropped as conflicting": len(self.curated.conflicting),
        }
        return [("rows", judged.rows), ("molecules used", len(self.smiles)), *((w, n) for w, n in more.items() if n)]

    def summary(self) -> str:
        """One line for people."""
        parts = [f"{n:,} {what}" for what, n in self.counts()]
        sizes = ", ".join(f"{f} {n:,}" for f, n in self.training.plan.sizes.items())
        return f"{self.judged.name}: {', '.join(parts)}; {sizes}"


def prepare(config: RunSpec, judging: Judging | None = None) -> Dataset:
    """Read, judge, merge and split the table of a config.

    Args:
        config: of a run.
        judging: its table, if that is being judged already.

    Raises:
        UserError: for anything wrong with table, columns, labels, too many bad rows, or the split.
    """
    curated = learnable(config, judging)
    return with_plan(curated, split(curated.judged.config.data.split, molecules_of(curated)))


def learnable(config: RunSpec, judging: Judging | None = None) -> Curated:
    """Read, judge and merge a table from which something can be learned; arguments as in `prepare`.

    Raises:
        UserError: for anything wrong with table, columns, labels, or too many bad rows.
    """
    source = _source(config)
    judged = (judging or judge_ahead(config))()
    if source is not None:  # as it will be found again
        train = judged.config.train.model_copy(update={"init_from": source.reference})
        judged = replace(judged, config=judged.config.model_copy(update={"train": train}))
    curated = curate(judged)
    tell_strange(curated.judged)
    sized = curated.judged.config.with_batch_size(len(curated.rows))
    curated = replace(curated, judged=replace(curated.judged, config=sized), source=source)
    for t, name in enumerate(curated.judged.config.data.targets):
        check_spread(name, as_written(curated.low[:, t], curated.high[:, t]))
    return curated


def _source(config: RunSpec) -> "Source | None":
    if config.train.init_from is None:
        return None
    from drugml.runs.source import find_source  # needs torch and MLflow

    return find_source(config)


def with_plan(curated: Curated, plan: SplitPlan) -> Dataset:
    """The molecules of a table in the folds of a plan.

    Raises:
        UserError: if the training fold has no label of a target.
    """
    if leaks := plan.leaks():
        log.warning("split: %d molecules stand in more than one fold, for example %s", len(leaks), leaks[0])
    judged, first = curated.judged, curated.rows.first
    targets = judged.config.data.targets
    labels = (curated.low, curated.high, curated.weight)
    training = TrainingData(curated.store, targets, *labels, plan, curated.error, curated.source)
    check_train_labels(training)
    return Dataset(curated, training, judged.smiles.take(first), judged.lines.take(first))


def molecules_of(curated: Curated) -> Molecules:
    """What a splitter may look at.

    Raises:
        UserError: if merged rows of one molecule name different folds.
    """
    first = curated.rows.first
    return Molecules(
        curated.judged.lines.take(first),
        np.asarray(curated.store.molecule["inchikey"]),
        np.asarray(curated.store.molecule["scaffold"]),
        _split_cells(curated),
        curated.judged.smiles.take(first),
        as_written(curated.low, curated.high),
    )


def curate(judged: Judged) -> Curated:
    """Merge the replicates of a judged table, if its config says so.

    Raises:
        UserError: if replicates contradict each other and `conflicts: fail`.
    """
    spec = judged.config.data.replicates
    if not isinstance(spec, MergeReplicates):
        alone = Groups(np.arange(len(judged.lines)))
        alone_sd = np.full(judged.low.shape, np.nan)
        return Curated(judged, judged.store, alone, judged.low, judged.high, judged.weight, judged.error, alone_sd)
    keys = np.asarray(judged.store.molecule["inchikey"])
    classes = isinstance(judged.config.task, ClassificationSpec)
    merged = merge(keys, (judged.low, judged.high), judged.weight, judged.error, spec, classes=classes)
    if merged.conflicts:
        _tell_conflicts(judged, merged, spec)
    labelled = np.asarray(~np.isnan(merged.low).all(axis=1))
    at = np.flatnonzero(labelled)
    return Curated(
        judged,
        select(judged.store, merged.rows.first[at]),
        merged.rows.take(at),
        merged.low[at],
        merged.high[at],
        merged.weight[at],
        merged.error[at],
        merged.sd[at],
        [r for m in np.flatnonzero(~labelled) for r in _conflicting(judged, merged, int(m))],
    )


def _conflicting(judged: Judged, merged: Merged, m: int) -> list[BadRow]:
    why = "; ".join(f"{judged.config.data.targets[t]}: {w}" for (n, t), w in merged.conflicts.items() if n == m)
    reject = Reject(Status.CONFLICT, why or "classes are equally often one and the other")
    return [BadRow(judged.lines[i], judged.smiles[i], reject) for i in merged.rows[m]]


def _tell_conflicts(judged: Judged, merged: Merged, spec: MergeReplicates) -> None:
    shown = [
        f"  lines {', '.join(judged.lines[i] for i in merged.rows[m])}: {judged.config.data.targets[t]}: {why}"
        for (m, t), why in list(merged.conflicts.items())[:SHOWN]
    ]
    head = f"{judged.path.name}: {len(merged.conflicts):,} labels have replicates that contradict each other"
    if len(merged.conflicts) > SHOWN:
        shown.append(f"  … and {len(merged.conflicts) - SHOWN:,} more")
    if spec.conflicts == "fail":
        raise UserError("\n".join([f"{head}:", *shown, "mend them, or set data.replicates.conflicts to drop or keep"]))
    done = "dropped" if spec.conflicts == "drop" else "kept as averages"
    log.warning("%s", "\n".join([f"{head}; {done}:", *shown]))


def _split_cells(curated: Curated) -> Sequence[str] | None:
    """Cells of the split column, one per molecule.

    Raises:
        UserError: if merged rows of one molecule name different folds.
    """
    cells = curated.judged.split_cells
    if cells is None:
        return None
    spec = curated.judged.config.data.split
    if isinstance(spec, TimeSplit):  # a molecule belongs to its earliest time
        when = times(f"time column {spec.column!r}", curated.judged.lines, cells, spec.format)
        return [cells[rows[np.argmin(when[rows])]] for rows in curated.rows]
    for m in np.flatnonzero(curated.rows.sizes > 1).tolist():
        rows = curated.rows[m]
        found = {cells[i] for i in rows}
        if len(found) > 1:
            lines = ", ".join(curated.judged.lines[i] for i in rows)
            raise UserError(
                f"lines {lines} are one molecule, but their split column says "
                f"{' and '.join(map(repr, sorted(found)))}; "
                "mend the column, or leave replicates apart with data.replicates=keep"
            )
    return cells.take(curated.rows.first)


def check_train_labels(data: TrainingData) -> None:
    """Refuse a training fold from which a target cannot be learned.

    Raises:
        UserError: names the target.
    """
    labels = data.written("train")
    for t, name in enumerate(data.targets):
        if np.isnan(labels[:, t]).all():
            raise UserError(
                f"target {name!r}: the training fold has no label of it; use another data.split.seed "
                "or data.split=random"
            )
