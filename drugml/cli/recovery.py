"""`drugml sync` and `drugml reproduce`: what the store missed, and whether a run comes out the same again."""

from typing import Annotated

import typer

DIFFERENT, UNSENT = 1, 3
"""Exit codes: a reproduction came to other numbers; the work is done, but not all of it is recorded in MLflow."""


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


def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, run folder, or models:/NAME/VERSION.")],
    data: Annotated[str | None, typer.Option(metavar="TABLE", help="Where the table is now, if it was moved.")] = None,
    uri: Annotated[
        str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db here otherwise.")
    ] = None,
) -> None:
    """Train a recorded run again and say how far the numbers are apart; exit code 1 where they differ."""
    from drugml.cli.progress import listener, table
    from drugml.runs.reproduce import Verdict
    from drugml.runs.reproduce import reproduce as verb

    done = verb(run, listener(), data, uri)
    rows = [[n, f"{a:.10g}", f"{b:.10g}", f"{b - a:.3g}"] for n, a, b in done.metrics if n.count("/") < 3]
    typer.echo(table(["metric", "there", "here", "difference"], rows))
    if done.verdict is Verdict.DIFFERENT:
        typer.echo(done.summary())
        raise typer.Exit(DIFFERENT)
    show(done.summary(), done.unsent)
