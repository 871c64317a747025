"""Every row of a table judged: structures parsed and packed, labels read, rejects with their reasons.

Shape letters: R rows of the table, U usable rows, T targets.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.geometry import from_file
from drugml.config.labels import LabelSpec
from drugml.config.run import RunSpec
from drugml.config.tasks import AutoTask, ClassificationSpec, RegressionSpec
from drugml.data import labels
from drugml.data.cache import cache_folder
from drugml.data.cells import Cells, read_cells
from drugml.data.chunks import cores
from drugml.data.columns import find_smiles
from drugml.data.labels import Target
from drugml.data.molecule import parse_all
from drugml.data.status import BadRow, Reject, Status
from drugml.data.store import PackedStore, select
from drugml.data.table import Table, locate, name_of
from drugml.data.targets import looks_binary
from drugml.data.texts import Lines, Texts
from drugml.errors import UserError
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.cached import packing_cached
from drugml.featurizers.elements import Elements
from drugml.featurizers.pack import Packed
from drugml.runs.rows import sorted_rows, stacked

log = logging.getLogger(__name__)
SHOWN = 10
"""Bad rows quoted in an error."""
COORDINATES = "|("
"""How coordinates begin in CXSMILES."""


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
    smiles: Texts
    """(U,) as the table has them."""
    lines: Lines
    """(U,)"""
    split_cells: Texts | None
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


Judging = Callable[[], Judged]
"""A table that is being judged; called for the result."""


def judge(config: RunSpec, *, features: bool = True) -> Judged:
    """Read the table of a config.

    Args:
        config: of a run.
        features: whether the store is to have those that the model reads; identities and scaffolds it has always.

    Raises:
        UserError: for anything wrong with the table or its columns, or too many bad rows.
    """
    return _begun(config, features)()


def judge_ahead(config: RunSpec) -> Judging:
    """Begin to `judge`: the table is read, and other processes make features while this one does other things.

    What is wrong is said when the result is asked for: mistakes in the config, which take longer to find, come first.
    """
    try:
        return _begun(config, features=True)
    except UserError as error:
        return partial(_fail, error)


def _fail(error: UserError) -> Judged:
    raise error


def _begun(config: RunSpec, features: bool) -> Judging:
    path = locate(config.data.path)
    placed = from_file(config.featurizer)
    table = Table(path, positions=placed)
    at, how = find_smiles(table, config.data.smiles)
    log.info("%s: %s", path.name, how)
    specs = {t: config.data.labels.get(t, LabelSpec()) for t in config.data.targets}
    places = {t: labels.columns(table, t, s) for t, s in specs.items()}
    split_column = getattr(config.data.split, "column", None)
    split_at = table.column(split_column, "split") if split_column is not None else None
    cells = read_cells(table, [at, *labels.used(places), *([] if split_at is None else [split_at])])
    if placed and features and not any(COORDINATES in text for text in cells[at]):
        raise UserError(
            f"{path}: its molecules have no 3D coordinates, and featurizer.source = 'file' makes none; "
            "give an SDF with 3D coordinates, or set featurizer.source=generate"
        )
    config = _resolved(config, {t: cells[p.value] for t, p in places.items()}, table.columns[at])
    packing = packing_cached(
        cells[at],
        config.featurizer if features else None,
        standardize=config.data.standardize,
        max_atoms=config.data.max_atoms,
        cache=cache_folder(),
        workers=cores(),
    )

    def finish() -> Judged:
        return _judged(config, table, cells, at, places, split_at, packing())

    return finish


def _judged(
    config: RunSpec,
    table: Table,
    cells: Cells,
    at: int,
    places: Mapping[str, labels.Columns],
    split_at: int | None,
    packed: Packed,
) -> Judged:
    path = locate(config.data.path)
    read = [_read(config, t, config.data.labels.get(t, LabelSpec()), cells, p, at) for t, p in places.items()]
    rows = sorted_rows(cells, at, packed.rejects, read)
    in_part = [r._replace(reject=_in_part(r.reject)) for r in rows.partial]
    _check_rejected(path, cells.rows, rows.bad, in_part, config.data.max_rejected)
    assert packed.store is not None
    label = stacked(read, rows.good)
    labelled = np.asarray(~np.isnan(label.low).all(axis=1))
    used, nothing = rows.good[labelled], Reject(Status.UNLABELLED, "no label")
    parsed = np.delete(np.arange(cells.rows), [*packed.rejects])
    return Judged(
        config=config,
        path=path,
        files=table.files,
        name=name_of(path),
        rows=cells.rows,
        bad=rows.bad,
        partial=in_part,
        bare=[cells.bad(at, int(i), nothing) for i in rows.good[~labelled]],
        changed=[(cells.lines[i], cells[at][i], packed.notes[i]) for i in sorted(packed.notes)],
        store=select(packed.store, np.searchsorted(parsed, used)),
        smiles=cells[at].take(used),
        lines=cells.lines.take(used),
        split_cells=cells[split_at].take(used) if split_at is not None else None,
        low=label.low[labelled],
        high=label.high[labelled],
        weight=label.weight[labelled],
        error=label.error[labelled],
        targets=read,
        hash=_hash(config, cells, at, places, rows.rejects),
    )


def tell_strange(judged: Judged) -> None:
    """Warn of molecules with elements that the features do not tell from one another."""
    elements = Elements(FEATURIZERS.build(judged.config.featurizer))
    rows = np.flatnonzero(elements.strange(judged.store))
    if not rows.size:
        return
    texts = [judged.smiles[int(i)] for i in rows]
    mols = [m for m in parse_all(texts, judged.config.data.max_atoms) if not isinstance(m, Reject)]
    found = {a.GetSymbol() for mol in mols for a in mol.GetAtoms() if a.GetAtomicNum() not in elements.known}
    log.warning(
        "featurizer %s: %d molecules have elements that it does not tell from one another (%s), for example line %s, "
        "%s; it knows %s, featurizer=ogb knows all",
        judged.config.featurizer.name,
        len(rows),
        ", ".join(sorted(found)),
        judged.lines[int(rows[0])],
        texts[0],
        elements.said,
    )


def _read(
    config: RunSpec,
    name: str,
    spec: LabelSpec,
    cells: Cells,
    at: labels.Columns,
    structure: int,
) -> Target:
    if isinstance(config.task, ClassificationSpec) and spec.threshold is None:
        target = labels.read_classes(name, spec, cells, at, config.task.positive)
    else:
        target = labels.read_numbers(name, spec, cells, at, labels.molar_mass(cells[structure]))
    if target.labels.positive is not None:
        share = 100 * float(np.nanmean(target.labels.low)) if (~np.isnan(target.labels.low)).any() else 0.0
        log.info("%s: predicted is the probability of %r (%.0f%% of the labels)", name, target.labels.positive, share)
    if target.grey:
        log.info("%s: %d values say nothing about the threshold and are no label", name, target.grey)
    if target.labels.censored:
        log.info("%s: %d labels are bounds (> or <) and kept as such", name, target.labels.censored)
    return target


def _resolved(config: RunSpec, values: Mapping[str, Sequence[str]], smiles: str) -> RunSpec:
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


def _in_part(reject: Reject) -> Reject:
    return reject._replace(reason=f"{reject.reason}; its other labels are kept")


def _check_rejected(path: Path, rows: int, bad: list[BadRow], partial: list[BadRow], allowed: float) -> None:
    faulty = sorted([*bad, *partial], key=lambda r: r.place)
    if len(bad) == rows:
        head = f"{path}: none of the {rows:,} rows can be used"
    elif len(faulty) > allowed * rows:
        some = f" ({len(partial):,} of them in part)" if partial else ""
        head = f"{path}: {len(faulty):,} of {rows:,} rows cannot be used{some}, more than the allowed {allowed:.1%}"
    else:
        if bad:
            log.warning("%s: %d of %s rows rejected, see rejects.csv", path.name, len(bad), f"{rows:,}")
        if partial:
            log.warning("%s: %d rows lose a label and keep others, see rejects.csv", path.name, len(partial))
        return
    lines = [f"  line {b.where}: {b.reject.reason}" for b in faulty[:SHOWN]]
    more = [f"  … and {len(faulty) - SHOWN:,} more"] if len(faulty) > SHOWN else []
    kinds = ", ".join(f"{n} × {s}" for s, n in Counter(b.reject.status.value for b in faulty).most_common())
    raise UserError("\n".join([head, *lines, *more, f"  ({kinds})", "fix the rows, or raise data.max_rejected"]))


def _hash(
    config: RunSpec, cells: Cells, structure: int, places: Mapping[str, labels.Columns], rejects: Mapping[int, Reject]
) -> str:
    """Over what the table says and how it is meant; converted numbers may differ in their last digit."""
    meant = {
        "labels": {t: config.data.labels.get(t, LabelSpec()).model_dump(mode="json") for t in places},
        "standardize": config.data.standardize.model_dump(mode="json"),
        "replicates": config.data.replicates.model_dump(mode="json"),
    }
    text = hashlib.sha256(json.dumps(meant).encode())
    for i, row in enumerate(zip(cells[structure], *(cells[c] for c in labels.used(places)), strict=True)):
        status = rejects[i].status.value if i in rejects else "ok"
        text.update(json.dumps([*row, status]).encode())
    return text.hexdigest()
