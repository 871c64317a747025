"""`drugml data`: check a table, curate it, split it."""

from pathlib import Path
from typing import Annotated

import typer

from drugml.cli.config import resolve

app = typer.Typer(no_args_is_help=True, help="Tables: check them, curate them, split them.")

Source = Annotated[str, typer.Argument(metavar="CONFIG_OR_TABLE", help="Config (.yaml) or molecule table.")]
Override = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Override config values.")]
Target = Annotated[list[str] | None, typer.Option("--target", help="Label column; may be given several times.")]


@app.command()
def check(
    source: Source,
    overrides: Override = None,
    target: Target = None,
    card: Annotated[Path | None, typer.Option(help="Data card to write: .html.")] = None,
    positive: Annotated[
        str | None, typer.Option(metavar="NAME", help="The positive class; task.positive of the config otherwise.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything is an error.")] = False,
) -> None:
    """Audit a table: what is wrong with it, where, and the config line that mends it.

    Without a target all columns of numbers or two classes are audited.
    """
    from drugml.runs.check import check_table
    from drugml.runs.init import columns, is_table

    overrides = overrides or []
    every = is_table(source) and not target and not any(o.startswith("data.targets=") for o in overrides)
    config = resolve(source, overrides, columns(source) if every else target or [], None, None)
    data = config.data
    result = check_table(
        data.path,
        () if every else data.targets,
        data.smiles,
        card,
        data.labels,
        data.max_atoms,
        data.audit,
        positive or getattr(config.task, "positive", None),
    )
    typer.echo(result.summary())
    if strict and not result.sound:
        raise typer.Exit(1)


@app.command()
def curate(
    source: Source,
    out: Annotated[Path, typer.Option(help="File to write: .csv.")],
    overrides: Override = None,
    target: Target = None,
) -> None:
    """One row per molecule: structures standardized, units converted, replicates merged, rejects listed."""
    from drugml.runs.curate import DEFAULTS, curate_table

    config = resolve(source, [*DEFAULTS, *(overrides or [])], target or [], None, None)
    typer.echo(curate_table(config, out).summary())


@app.command()
def split(
    source: Source,
    out: Annotated[Path, typer.Option(help="Split file to write: .csv; a .json with its origin goes beside it.")],
    overrides: Override = None,
    target: Target = None,
    method: Annotated[str | None, typer.Option(help="Sets data.split: scaffold, random, cluster, time, …")] = None,
    folds: Annotated[int | None, typer.Option(help="Folds of a cross-validation; one split otherwise.")] = None,
    repeats: Annotated[int, typer.Option(help="Repeats of the cross-validation.")] = 1,
) -> None:
    """Split a table into train, validation and test, and say what leaks between them."""
    from drugml.runs.split import split_table

    chosen = [f"data.split={method}"] if method else []
    config = resolve(source, [*chosen, *(overrides or [])], target or [], None, None)
    typer.echo(split_table(config, out, k=folds, repeats=repeats).summary())
