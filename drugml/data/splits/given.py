"""Folds that the table or a file names."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from drugml.config.splits import FileSplit, PredefinedSplit
from drugml.data.splits.draw import draw, join
from drugml.data.splits.file import NUMBER_OF, SplitFile, read
from drugml.data.splits.plan import SPLITTERS, Folds, Molecules, refuse_folds, shared
from drugml.errors import UserError

log = logging.getLogger(__name__)

Leaks = Literal["error", "warn"]


@SPLITTERS.register(PredefinedSplit)
class Predefined:
    """The fold stands in a column of the table."""

    def __init__(self, *, column: str, validation: float, seed: int, leaks: Leaks) -> None:
        self.column, self.validation, self.seed, self.leaks = column, validation, seed, leaks

    def __call__(self, molecules: Molecules) -> Folds:
        assert molecules.column is not None
        where = f"split column {self.column!r}"
        fold = _numbers(self.column, molecules.lines, molecules.column)
        train = np.flatnonzero(fold == 0)
        if len(train) and not (fold == 1).any():
            sizes = (1 - self.validation, self.validation, 0.0)
            fold[train] = draw(join(molecules.inchikeys[train]), sizes, self.seed)
        _check_leaks(where, "Mend the column", molecules, fold, self.leaks)
        return fold

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        refuse_folds(
            "predefined",
            f"column {self.column!r} names one split; use data.split=group with a column of folds, or data.split=file",
        )


@SPLITTERS.register(FileSplit)
class FromFile:
    """The fold stands in a file that was written before."""

    def __init__(self, *, path: str, repeat: int | None, number: int | None, leaks: Leaks) -> None:
        self.path, self.repeat, self.number, self.leaks = Path(path), repeat, number, leaks

    def __call__(self, molecules: Molecules) -> Folds:
        file = read(self.path)
        found = list(file.plans)
        chosen = [p for p in found if self.repeat in (None, p[0]) and self.number in (None, p[1])]
        if len(chosen) == 1:
            return self._plan(file, chosen[0], molecules)
        repeats, numbers = max(r for r, _ in found), max(n for _, n in found)
        what = "say which one" if chosen else f"there is no repeat {self.repeat} with fold {self.number}"
        raise UserError(
            f"{self.path}: holds {len(found)} splits, repeats 1 to {repeats} of folds 1 to {numbers}; {what} with "
            "data.split.repeat and data.split.number"
        )

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        file = read(self.path)
        asked = [(r, n) for r in range(1, repeats + 1) for n in range(1, k + 1)]
        if sorted(file.plans) != asked:
            raise UserError(
                f"{self.path}: holds {len(file.plans)} splits, not the {repeats} × {k} (repeats × folds) asked for"
            )
        return [self._plan(file, place, molecules) for place in asked]

    def _plan(self, file: SplitFile, place: tuple[int, int], molecules: Molecules) -> Folds:
        fold = _matched(self.path, file, place, molecules)
        _check_leaks(str(self.path), "Write the file anew", molecules, fold, self.leaks)
        return fold


def _matched(path: Path, file: SplitFile, place: tuple[int, int], molecules: Molecules) -> Folds:
    """Fold of each molecule.

    A molecule is known by its InChIKey, so that a file outlives a re-sorted table; the line decides between
    folds of one InChIKey, and alone where the file has no InChIKeys.
    """
    plan = file.plans[place]
    keys = [k.decode() for k in molecules.inchikeys]
    known = keys if file.has_keys else [""] * len(keys)
    pairs = list(zip(molecules.lines, known, strict=True))
    found = [plan.by_line.get(p, plan.by_key.get(p[1])) for p in pairs]
    if missing := [i for i, f in enumerate(found) if f is None]:
        first = missing[0]
        raise UserError(
            f"{path}: made for other data: {len(missing):,} of {len(keys):,} molecules are not in it, for example "
            f"line {molecules.lines[first]}, {molecules.smiles[first]} ({keys[first]}); split the table anew"
        )
    if (more := len(plan.by_line) - len(keys)) > 0:
        log.info("%s: %d of its rows are not used, the data have no such molecules", path.name, more)
    return np.array(found, np.int8)


def _numbers(column: str, lines: Sequence[str], names: Sequence[str]) -> Folds:
    cells = [c.strip().lower() for c in names]
    wrong = [(n, c) for n, c in zip(lines, cells, strict=True) if c not in NUMBER_OF]
    if wrong:
        raise UserError(
            f"split column {column!r}, line {wrong[0][0]}: {wrong[0][1]!r} is no fold; expected train, val or "
            f"test ({len(wrong)} rows like this)"
        )
    return np.array([NUMBER_OF[c] for c in cells], np.int8)


def _check_leaks(where: str, remedy: str, molecules: Molecules, fold: Folds, leaks: Leaks) -> None:
    leaking = shared(molecules.inchikeys, fold)
    if leaking and leaks == "error":
        raise UserError(
            f"{where}: {len(leaking)} molecules stand in more than one fold, for example "
            f"{', '.join(leaking[:3])}; metrics would flatter the model. {remedy}, or accept it with "
            "data.split.leaks=warn"
        )
