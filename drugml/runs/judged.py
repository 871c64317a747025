"""Every row of a table judged: structures parsed and packed, labels read, rejects with their reasons.

Shape letters: R rows of the table, U usable rows, T targets.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.labels import LabelSpec
from drugml.config.run import RunSpec
from drugml.config.tasks import AutoTask, ClassificationSpec, RegressionSpec
from drugml.data import labels
from drugml.data.columns import find_smiles
from drugml.data.labels import Target
from drugml.data.status import BadRow, Reject, Status
from drugml.data.store import PackedStore, select
from drugml.data.table import Row, Table, locate, name_of
from drugml.data.targets import looks_binary
from drugml.errors import UserError
from drugml.featurizers.pack import cache_folder, cores, pack_cached

log = logging.getLogger(__name__)
SHOWN = 10
"""Bad rows quoted in an error."""


@dataclass(frozen=True)
class Judged:
    """A table whose rows are usable, unlabelled or bad, and nothing else."""

    config: RunSpec
    """The config with every `auto` replaced by what it came to mean."""
    path: Path
    files: list[Path]
    """One, or those that a pattern means."""
    name: str
    rows: int
    bad: list[BadRow]
    partial: list[BadRow]
    """Rows in use of which one label cannot be read and another can."""
    bare: list[BadRow]
    """Good molecules without a label: of no use, but no mistake either."""
    changed: list[tuple[str, str, str]]
    """Line, structure and what standardisation did to it, of each row that it changed."""
    store: PackedStore
    """Features, InChIKeys and scaffolds of the usable rows."""
    smiles: list[str]
    """(U,) as the table has them."""
    lines: list[str]
    """(U,) with the file where there are several."""
    split_cells: list[str] | None
    """(U,) of the column that the split reads."""
    low: NDArray[np.float64]
    """(U, T) as in `Labels`."""
    high: NDArray[np.float64]
    weight: NDArray[np.float64]
    error: NDArray[np.float64]
    targets: list[Target]
    """As read, of all R rows."""
    hash: str
    """SHA-256 over structure, label cells and status of every row: equal hashes, equal data."""

    @property
    def unlabelled(self) -> int:
        """Good molecules without a label."""
        return len(self.bare)

    @property
    def positive(self) -> dict[str, str]:
        """Target to the class whose probability is learned; empty for numbers."""
        return {t.name: t.labels.positive for t in self.targets if t.labels.positive is not None}


def judge(config: RunSpec) -> Judged:
    """Read the table of a config.

    Raises:
        UserError: for anything wrong with the table or its columns, or too many bad rows.
    """
    path = locate(config.data.path)
    table = Table(path)
    at, how = find_smiles(table, config.data.smiles)
    log.info("%s: %s", path.name, how)
    specs = {t: config.data.labels.get(t, LabelSpec()) for t in config.data.targets}
    places = {t: labels.columns(table, t, s) for t, s in specs.items()}
    split_column = getattr(config.data.split, "column", None)
    split_at = table.column(split_column, "split") if split_column is not None else None
    rows = list(table)
    if not rows:
        raise UserError(f"{path}: a header but no rows; expected one row per molecule")
    cells = [r.cells for r in rows]
    smiles = [c[at] for c in cells]
    config = _resolved(config, {t: [c[p.value] for c in cells] for t, p in places.items()}, table.columns[at])
    packed = pack_cached(
        smiles,
        config.featurizer,
        standardize=config.data.standardize,
        max_atoms=config.data.max_atoms,
        cache=cache_folder(),
        workers=cores(),
    )
    read = [_read(config, t, s, cells, places[t], smiles) for t, s in specs.items()]
    rejects = dict(packed.rejects) | {i: r.reject for i, r in enumerate(rows) if r.reject}
    lost, partly = labels.rejected(read)
    rejects = lost | rejects  # what is wrong with the molecule is said first
    bad = [BadRow(rows[i].where, smiles[i], rejects[i]) for i in sorted(rejects)]
    partial = [BadRow(rows[i].where, smiles[i], _in_part(r)) for i, r in partly.items() if i not in rejects]
    _check_rejected(path, rows, bad, partial, config.data.max_rejected)
    low, high, weight, error = _stacked(read)
    labelled = np.asarray(~np.isnan(low).all(axis=1))
    used = np.array([i for i in range(len(rows)) if i not in rejects and labelled[i]], np.int64)
    assert packed.store is not None
    parsed = np.array([i for i in range(len(rows)) if i not in packed.rejects], np.int64)
    return Judged(
        config=config,
        path=path,
        files=table.files,
        name=name_of(path),
        rows=len(rows),
        bad=bad,
        partial=partial,
        bare=[
            BadRow(rows[i].where, smiles[i], Reject(Status.UNLABELLED, "no label"))
            for i in np.flatnonzero(~labelled)
            if i not in rejects
        ],
        changed=[(rows[i].where, smiles[i], packed.notes[i]) for i in sorted(packed.notes)],
        store=select(packed.store, np.searchsorted(parsed, used)),
        smiles=[smiles[i] for i in used],
        lines=[rows[i].where for i in used],
        split_cells=[cells[i][split_at] for i in used] if split_at is not None else None,
        low=low[used],
        high=high[used],
        weight=weight[used],
        error=error[used],
        targets=read,
        hash=_hash(config, smiles, cells, places, rejects),
    )


def _read(
    config: RunSpec,
    name: str,
    spec: LabelSpec,
    cells: Sequence[Sequence[str]],
    at: labels.Columns,
    smiles: Sequence[str],
) -> Target:
    if isinstance(config.task, ClassificationSpec) and spec.threshold is None:
        target = labels.read_classes(name, spec, cells, at, config.task.positive)
    else:
        target = labels.read_numbers(name, spec, cells, at, labels.molar_mass(smiles))
    if target.labels.positive is not None:
        share = 100 * float(np.nanmean(target.labels.low)) if (~np.isnan(target.labels.low)).any() else 0.0
        log.info("%s: predicted is the probability of %r (%.0f%% of the labels)", name, target.labels.positive, share)
    if target.grey:
        log.info("%s: %d values say nothing about the threshold and are no label", name, target.grey)
    if target.labels.censored:
        log.info("%s: %d labels are bounds (> or <) and kept as such", name, target.labels.censored)
    return target


def _resolved(config: RunSpec, values: dict[str, list[str]], smiles: str) -> RunSpec:
    """Replace what was left to the data or the model."""
    config = config.with_featurizer()
    task = config.task
    thresholds = {t for t, s in config.data.labels.items() if s.threshold is not None}
    if isinstance(task, RegressionSpec) and thresholds:
        raise UserError(f"data.labels: a threshold makes classes of {', '.join(thresholds)}, but task is regression")
    if isinstance(task, AutoTask):
        binary = [t for t, c in values.items() if t in thresholds or looks_binary(c)]
        if binary and len(binary) < len(values):
            raise UserError(
                f"targets of two kinds: {', '.join(binary)} have two classes, the others do not; train them apart, "
                "or set task=regression"
            )
        task = ClassificationSpec() if binary else RegressionSpec()
        log.info("task: %s, by the values of %s", task.kind, ", ".join(values))
    data = config.data.model_copy(update={"smiles": smiles})
    return config.model_copy(update={"task": task, "data": data})


def _stacked(read: list[Target]) -> tuple[NDArray[np.float64], ...]:
    """Low, high, weight and error of all targets, (R, T) each."""
    columns = [(t.labels.low, t.labels.high, t.weight, t.error) for t in read]
    return tuple(np.stack(c, axis=1) for c in zip(*columns, strict=True))


def _in_part(reject: Reject) -> Reject:
    return reject._replace(reason=f"{reject.reason}; its other labels are kept")


def _check_rejected(path: Path, rows: Sequence[Row], bad: list[BadRow], partial: list[BadRow], allowed: float) -> None:
    faulty = sorted([*bad, *partial], key=lambda r: r.place)
    if len(bad) == len(rows):
        head = f"{path}: none of the {len(rows):,} rows can be used"
    elif len(faulty) > allowed * len(rows):
        some = f" ({len(partial):,} of them in part)" if partial else ""
        head = (
            f"{path}: {len(faulty):,} of {len(rows):,} rows cannot be used{some}, more than the allowed {allowed:.1%}"
        )
    else:
        if bad:
            log.warning("%s: %d of %s rows rejected, see rejects.csv", path.name, len(bad), f"{len(rows):,}")
        if partial:
            log.warning("%s: %d rows lose a label and keep others, see rejects.csv", path.name, len(partial))
        return
    lines = [f"  line {b.where}: {b.reject.reason}" for b in faulty[:SHOWN]]
    more = [f"  … and {len(faulty) - SHOWN:,} more"] if len(faulty) > SHOWN else []
    kinds = ", ".join(f"{n} × {s}" for s, n in Counter(b.reject.status.value for b in faulty).most_common())
    raise UserError("\n".join([head, *lines, *more, f"  ({kinds})", "fix the rows, or raise data.max_rejected"]))


def _hash(
    config: RunSpec,
    smiles: list[str],
    cells: list[list[str]],
    places: dict[str, labels.Columns],
    rejects: dict[int, Reject],
) -> str:
    """Over what the table says and how it is meant; converted numbers may differ in their last digit."""
    meant = {
        "labels": {t: config.data.labels.get(t, LabelSpec()).model_dump(mode="json") for t in places},
        "standardize": config.data.standardize.model_dump(mode="json"),
        "replicates": config.data.replicates.model_dump(mode="json"),
    }
    text = hashlib.sha256(json.dumps(meant).encode())
    read = sorted({i for p in places.values() for i in p if i is not None})
    for i, (structure, row) in enumerate(zip(smiles, cells, strict=True)):
        status = rejects[i].status.value if i in rejects else "ok"
        text.update(json.dumps([structure, *(row[c] for c in read), status]).encode())
    return text.hexdigest()
