"""`drugml compare`: which of several models is better."""

from pathlib import Path
from typing import Annotated

import typer

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN...", help="Run ids or folders of `drugml cv` (or `train`), or models:/NAME/VERSION."),
]


def compare(
    runs: Runs = None,
    experiment: Annotated[str | None, typer.Option(help="All complete cross-validations of an experiment.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Test metric such as rmse; may be given several times.")
    ] = None,
    margin: Annotated[float, typer.Option(help="Difference that does not matter, in units of the metric.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Folder of the report.")] = None,
    uri: Annotated[
        str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db here otherwise.")
    ] = None,
) -> None:
    """Compare models on the same data, folds and metrics, with tests that fit, and write a report."""
    from drugml.cli.progress import table
    from drugml.runs.compare import compare as verb

    done = verb(runs or [], experiment, metric or [], margin, out, uri)
    for found in done.comparisons:
        typer.echo(f"{found.metric}: {found.headline()}\n")
        typer.echo(table(done.header, done.rows(found)))
        typer.echo(f"\nby {found.how}\n")
    typer.echo(done.summary())
