"""`drugml runs`: what was run."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Runs that were recorded.")


@app.command("list")
def list_(
    experiment: Annotated[str | None, typer.Option(help="Of this experiment; of all otherwise.")] = None,
    kind: Annotated[str | None, typer.Option(help="train, cv, tune, comparison or import; all otherwise.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    uri: Annotated[
        str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db here otherwise.")
    ] = None,
) -> None:
    """The last runs, the newest first, with the first test metric and the verdict of `drugml compare`."""
    from drugml.cli.progress import table
    from drugml.runs.listing import listed

    found = listed(experiment, kind, limit, uri)
    typer.echo(table(found.header, found.rows, 100) if found.runs else "no runs found")
