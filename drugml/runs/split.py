"""`data split`: a table in, a split file and what it lets through out.

Shape letters: M molecules, T targets.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec
from drugml.data.columns import find_smiles
from drugml.data.splits import Molecules, SplitPlan, folds, split
from drugml.data.splits.file import beside, whole_hash, write
from drugml.data.splits.leaks import LeakReport, report
from drugml.data.status import Reject
from drugml.data.table import Row, Table, locate
from drugml.data.targets import classes, looks_binary, numbers
from drugml.errors import UserError
from drugml.featurizers.pack import cache_folder, cores, pack_cached

log = logging.getLogger(__name__)
SHOWN = 5
"""Rejected rows that are named."""


@dataclass(frozen=True)
class SplitResult:
    """A split that has been written."""

    out: Path
    plans: list[SplitPlan]
    """One, or those of a cross-validation, one repeat after the other."""
    leaks: LeakReport
    """Of the first plan."""
    rows: int
    rejects: dict[int, Reject]
    """Line to reason: these rows are in no fold."""
    unread: dict[str, int]
    """Target to labels that could not be read and count as missing."""

    def summary(self) -> str:
        """What a user wants to know at the end."""
        plans, several = self.plans, len(self.plans) > 1
        lines = [f"{self.rows:,} rows, {len(plans[0].fold):,} molecules split, {len(self.rejects):,} rejected"]
        lines += [f"  line {n}: {r.reason}" for n, r in list(self.rejects.items())[:SHOWN]]
        if len(self.rejects) > SHOWN:
            kinds = Counter(r.status.value for r in self.rejects.values()).most_common()
            lines.append(f"  … ({', '.join(f'{n} × {s}' for s, n in kinds)})")
        lines += [f"target {t}: {n:,} labels cannot be read, they count as missing" for t, n in self.unread.items()]
        if several:
            repeats, k = plans[-1].repeat, plans[-1].number
            lines.append(f"{k} folds, {repeats} repeat{'s' if repeats > 1 else ''}; the first split:")
        lines += self.leaks.lines()
        return "\n".join([*lines, f"written             {self.out} and {beside(self.out).name}, hash {self.hash[:12]}"])

    @property
    def hash(self) -> str:
        """As in the JSON file."""
        return whole_hash(self.plans)


def split_table(
    path: str,
    spec: Spec,
    out: Path,
    *,
    smiles: str | None,
    targets: list[str],
    max_atoms: int,
    k: int | None,
    repeats: int,
) -> SplitResult:
    """Split the molecules of a table, write the folds, and look for leaks.

    Args:
        path: the table, as `data.path`.
        spec: how to split, as `data.split`.
        out: csv file to write; a JSON file goes beside it.
        smiles: SMILES column, found where None.
        targets: columns that `stratified` balances and whose shift is reported.
        max_atoms: larger molecules are rejected, as `data.max_atoms`.
        k: folds of a cross-validation; None for one split.
        repeats: of the cross-validation.

    Raises:
        UserError: for anything wrong with the table, its columns, or the split.
    """
    source = locate(path)
    _check_out(out, source)
    table = Table(source)
    at, how = find_smiles(table, smiles)
    log.info("%s: %s", source.name, how)
    places = [table.column(t, "target") for t in targets]
    name = getattr(spec, "column", None)
    column = None if name is None else table.column(name, "split")
    rows = list(table)
    if not rows:
        raise UserError(f"{source}: a header but no rows; expected one row per molecule")
    texts = [r.cells[at] for r in rows]
    # the featurizer of the graph models, so that training finds its molecules in the cache
    packed = pack_cached(texts, ChempropV2Spec(), max_atoms=max_atoms, cache=cache_folder(), workers=cores())
    rejects = packed.rejects | {i: r.reject for i, r in enumerate(rows) if r.reject}
    if packed.store is None or len(rejects) == len(rows):
        first = rejects[min(rejects)].reason
        raise UserError(f"{source}: no molecule in {len(rows):,} rows; line {rows[0].line}: {first}")
    used = np.array([i for i in range(len(rows)) if i not in rejects], np.int64)
    parsed = np.array([i for i in range(len(rows)) if i not in packed.rejects], np.int64)
    stored = np.searchsorted(parsed, used)
    labels, unread = _labels([rows[i] for i in used], targets, places)
    molecules = Molecules(
        [rows[i].line for i in used],
        np.asarray(packed.store.molecule["inchikey"])[stored],
        np.asarray(packed.store.molecule["scaffold"])[stored],
        None if column is None else [rows[i].cells[column] for i in used],
        [texts[i] for i in used],
        labels,
    )
    plans = [split(spec, molecules)] if k is None else folds(spec, molecules, k, repeats)
    by_line = {rows[i].line: rejects[i] for i in sorted(rejects)}
    rejected = [{"line": n, "status": r.status.value, "reason": r.reason} for n, r in by_line.items()]
    leaks = report(plans[0], targets)
    write(out, spec, plans, {"leaks": leaks.as_dict(), "rejected": rejected})
    return SplitResult(out, plans, leaks, len(rows), by_line, unread)


def _labels(
    rows: list[Row], targets: list[str], places: list[int]
) -> tuple[NDArray[np.float64], dict[str, int]]:
    """Labels (M, T), NaN where missing or not to be read, and how many could not be read."""
    values = np.full((len(rows), len(targets)), np.nan)
    unread = {}
    for t, (name, place) in enumerate(zip(targets, places, strict=True)):
        cells = [r.cells[place] for r in rows]
        labels = classes(name, cells, None) if looks_binary(cells) else numbers(name, cells)
        values[:, t] = labels.values
        if labels.rejects:
            unread[name] = len(labels.rejects)
    return values, unread


def _check_out(out: Path, source: Path) -> None:
    if out.exists() and out.samefile(source):
        raise UserError(f"{out}: is the table itself; name another file with --out")
    if not out.parent.is_dir():
        raise UserError(f"{out}: there is no folder {out.parent}")
