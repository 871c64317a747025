"""`init`: look at a table and write a commented config for it; and the config behind `drugml train TABLE`."""

from pathlib import Path

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.data.columns import find_smiles, numeric_columns
from drugml.data.table import Table, locate
from drugml.errors import UserError

CONFIGS = (".yaml", ".yml")


def is_table(argument: str) -> bool:
    """Whether the argument of `train` is a table rather than a config."""
    return Path(argument).suffix not in CONFIGS


def columns(path: str) -> list[str]:
    """All columns of a table, for where any of them may be meant."""
    return Table(locate(path)).columns


def of_table(path: str, targets: list[str], task: str | None, model: str | None, overrides: list[str]) -> RunSpec:
    """The default config for a table.

    Raises:
        UserError: if no target is named; lists the columns that could be one.
    """
    located = locate(path)
    if not targets and not any(o.startswith("data.targets=") for o in overrides):
        table = Table(located)
        at, _ = find_smiles(table, None)
        found = numeric_columns(table, at)
        example = found[0] if found else "COLUMN"
        raise UserError(
            f"{path}: which column is to be learned? Name it, for example --target {example!r} "
            f"(columns that could be: {', '.join(found) or 'none, no column holds numbers or two classes'})"
        )
    absolute = path if path.startswith("drugml:") else str(located.absolute())
    data: dict[str, object] = {"data": {"path": absolute, "targets": targets}}
    if task:
        data["task"] = {"kind": task}
    if model:
        data["model"] = {"name": model}
    return check(RunSpec, data, {(): "command line", ("model",): "--model", ("task",): "--task"}, overrides)


def config_text(path: str, targets: list[str]) -> str:
    """A commented config for a table: what was found, and what one may want to change.

    Raises:
        UserError: if the table has no SMILES column or nothing that could be learned.
    """
    located = locate(path)
    table = Table(located)
    at, how = find_smiles(table, None)
    found = numeric_columns(table, at)
    for name in targets:
        table.column(name, "target")
    chosen = targets or found[:1]
    if not chosen:
        raise UserError(
            f"{path}: no column holds numbers or two classes, so there is nothing to learn; name one with --target"
        )
    others = [c for c in found if c not in chosen]
    return TEMPLATE.format(
        path=path,
        how=how,
        written=path if path.startswith("drugml:") else located.absolute(),
        smiles=_quoted(table.columns[at]),
        targets=", ".join(map(_quoted, chosen)),
        others=f"   # could be too: {', '.join(others)}" if others else "",
    )


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


TEMPLATE = """\
# Made by `drugml init {path}`. Run it:      drugml train THIS_FILE
# Check it without training:                 drugml train THIS_FILE --dry-run
# All keys, their meaning and defaults:      drugml config schema | drugml models show dmpnn
data:
  path: {written}
  smiles: {smiles}   # {how}
  targets: [{targets}]{others}
  split: {{kind: scaffold, sizes: [0.8, 0.1, 0.1], seed: 0}}   # or random, or {{kind: predefined, column: split}}
  max_rejected: 0.01   # share of rows that may be unusable
task: auto             # or regression, classification
model: dmpnn           # or gine, forest, mean: see `drugml models list`
train:
  epochs: 50
  batch_size: auto     # 64; smaller in tables of up to 4,000 molecules
  lr: 1e-3
  seed: 0
"""
