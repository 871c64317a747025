"""Split files: a csv with the fold of each molecule, and beside it a JSON file that says how they came about."""

import csv
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import rdkit

import drugml
from drugml.config.base import Spec
from drugml.data.splits.plan import UNUSED, SplitPlan
from drugml.data.table import Table, locate
from drugml.errors import UserError

log = logging.getLogger(__name__)

NUMBER_OF = {
    "train": 0,
    "training": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "dev": 1,
    "test": 2,
    "testing": 2,
}
"""What people call the folds, to their number."""
PLACE = ("repeat", "number")


class Plan(NamedTuple):
    """One split of a file."""

    by_line: dict[tuple[str, str], int]
    """(line, InChIKey) to fold; empty text for what the file does not have."""
    by_key: dict[str, int | None]
    """InChIKey to fold, None where its lines are in several."""


@dataclass(frozen=True)
class SplitFile:
    """What stands in a split file."""

    plans: Mapping[tuple[int, int], Plan]
    """(repeat, number) to the folds; (1, 1) where the file has no such columns."""
    has_keys: bool
    """Whether it has a column `inchikey`."""


def about(spec: Spec, plans: Sequence[SplitPlan]) -> dict[str, Any]:
    """How plans came about, as JSON: method, parameters, seed, versions, sizes and hashes; no time, no paths."""
    return {
        "method": getattr(spec, "kind", "?"),
        "seed": getattr(spec, "seed", None),
        "parameters": spec.model_dump(mode="json", exclude={"kind", "seed"}),
        "versions": {"drugml": drugml.__version__, "rdkit": rdkit.__version__},
        "molecules": len(plans[0].fold),
        "hash": whole_hash(plans),
        "plans": [{"repeat": p.repeat, "number": p.number, **p.sizes, "hash": p.hash} for p in plans],
    }


def whole_hash(plans: Sequence[SplitPlan]) -> str:
    """The hash of a single plan; of several the SHA-256 over theirs."""
    if len(plans) == 1:
        return plans[0].hash
    return hashlib.sha256("\n".join(p.hash for p in plans).encode()).hexdigest()


def write(path: Path, spec: Spec, plans: Sequence[SplitPlan], more: Mapping[str, Any]) -> None:
    """Write plans as csv, one row per molecule and plan, and beside it how they came about, with `more`, as JSON.

    Raises:
        UserError: if a file cannot be written.
    """
    several = len(plans) > 1
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "inchikey", "fold", *(["repeat", "number"] if several else [])])
            for plan in plans:
                place = (plan.repeat, plan.number) if several else ()
                writer.writerows([*row, *place] for row in plan.rows())
        text = json.dumps(about(spec, plans) | {"csv_sha256": _digest(path)} | dict(more), indent=1, ensure_ascii=False)
        beside(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None


def beside(path: Path) -> Path:
    """The JSON file of a split file: split.csv has split.csv.json."""
    return path.with_name(path.name + ".json")


def read(path: Path) -> SplitFile:
    """Read a split file, from wherever it comes.

    Raises:
        UserError: if it is not there, or has no fold, or nothing that says which molecule.
    """
    table = Table(locate(str(path)))
    columns = {c.lower(): i for i, c in enumerate(table.columns)}
    if "fold" not in columns or not columns.keys() & {"line", "inchikey"}:
        raise UserError(
            f"{path}: no split file: expected the column fold, and inchikey or line or both; found "
            f"{', '.join(table.columns)}"
        )
    _check_unchanged(path)
    plans: dict[tuple[int, int], Plan] = {}
    for row in table:
        if row.reject:
            raise UserError(f"{path}:{row.line}: {row.reject.reason}")
        cells = {name: row.cells[at].strip() for name, at in columns.items()}
        repeat, number = (_number(path, row.line, c, cells.get(c, "1")) for c in PLACE)
        _add(plans.setdefault((repeat, number), Plan({}, {})), f"{path}:{row.line}", cells)
    if not plans:
        raise UserError(f"{path}: a header but no rows; expected one row per molecule")
    return SplitFile(plans, "inchikey" in columns)


def _add(plan: Plan, where: str, cells: Mapping[str, str]) -> None:
    """Note one row of a file."""
    if (fold := (NUMBER_OF | {"unused": UNUSED}).get(cells["fold"].lower())) is None:
        raise UserError(f"{where}: {cells['fold']!r} is no fold; expected train, val, test or unused")
    line, key = cells.get("line", ""), cells.get("inchikey", "")
    if plan.by_line.setdefault((line, key), fold) != fold:
        raise UserError(f"{where}: {key or f'line {line}'} has another fold in a row above; each needs one")
    if key:
        plan.by_key[key] = fold if plan.by_key.get(key, fold) == fold else None


def _number(path: Path, line: int, column: str, cell: str) -> int:
    if not cell.strip().isdecimal() or int(cell) < 1:
        raise UserError(f"{path}:{line}: column {column!r}: {cell!r}; expected a number from 1")
    return int(cell)


def _check_unchanged(path: Path) -> None:
    """Say so where a file is not the one that its JSON file describes."""
    try:
        written = json.loads(beside(path).read_text(encoding="utf-8"))["csv_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if written != _digest(path):
        log.warning("%s: changed after it was written; %s describes another split", path, beside(path).name)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
