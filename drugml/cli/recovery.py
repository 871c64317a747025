"""`drugml sync`: what the store missed."""

from typing import Annotated

import typer

UNSENT = 3
"""Exit code: the work is done, but not all of it is recorded in MLflow."""


def sync(
    where: Annotated[
        str, typer.Argument(metavar="FOLDER_OR_RUN", help="Folder of a run or of many runs, or a run id.")
    ] = "runs",
    uri: Annotated[str | None, typer.Option(help="Tracking URI, where the store has moved.")] = None,
) -> None:
    """Send to MLflow what could not be sent while it did not answer; nothing is sent twice."""
    from drugml.runs.sync import sync as verb

    done = []
    for run in verb(where, uri):
        done.append(run)
        typer.echo(str(run))
    if not done:
        typer.echo(f"{where}: nothing is unsent")
    if any(run.left for run in done):
        raise typer.Exit(UNSENT)


def show(summary: str, unsent: int) -> None:
    """Print how a run came out; the exit code says whether all of it is recorded."""
    typer.echo(summary)
    if unsent:
        raise typer.Exit(UNSENT)
