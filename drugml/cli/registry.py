"""`drugml registry`: registered models and their versions."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Registered models: list versions, promote one to champion.")

Uri = Annotated[str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db here otherwise.")]


@app.command("list")
def list_(uri: Uri = None) -> None:
    """All registered versions, the newest first."""
    from drugml.cli.progress import table
    from drugml.tracking.models import versions
    from drugml.tracking.store import connect

    rows = [[v.name, v.version, ", ".join(v.aliases), v.run_id] for v in versions(connect(uri))]
    typer.echo(table(["model", "version", "aliases", "run"], rows) if rows else "no model is registered")


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="Registered model.")],
    version: Annotated[str | None, typer.Option(help="Version; the candidate otherwise.")] = None,
    uri: Uri = None,
) -> None:
    """Make a version the champion."""
    from drugml.tracking.models import promote as verb
    from drugml.tracking.store import connect

    promoted = verb(connect(uri), name, version)
    typer.echo(f"{promoted.uri} is now models:/{promoted.name}@champion")
