"""`drugml data`: look at a table, curate it, split it."""

from pathlib import Path
from typing import Annotated

import typer

from drugml.cli.config import resolve

app = typer.Typer(no_args_is_help=True, help="Tables: curate them.")

Source = Annotated[str, typer.Argument(metavar="CONFIG_OR_TABLE", help="Config (.yaml) or molecule table.")]
Override = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Override config values.")]
Target = Annotated[list[str] | None, typer.Option("--target", help="Label column; may be given several times.")]


@app.command()
def curate(
    source: Source,
    out: Annotated[Path, typer.Option(help="File to write: .csv.")],
    overrides: Override = None,
    target: Target = None,
) -> None:
    """One row per molecule: structures and labels read, units converted, replicates merged, rejects listed."""
    from drugml.runs.curate import DEFAULTS, curate_table

    config = resolve(source, [*DEFAULTS, *(overrides or [])], target or [], None, None)
    typer.echo(curate_table(config, out).summary())
