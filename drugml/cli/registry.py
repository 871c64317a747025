"""`drugml registry`: registered models and their versions."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Registered models: versions, their differences, and which is the champion."
)

Uri = Annotated[str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db here otherwise.")]
Name = Annotated[str, typer.Argument(help="Registered model.")]


@app.command("list")
def list_(uri: Uri = None) -> None:
    """All registered versions, the newest first."""
    from drugml.cli.progress import table
    from drugml.tracking.models import versions
    from drugml.tracking.store import connect

    rows = [[v.name, v.version, ", ".join(v.aliases), v.run_id] for v in versions(connect(uri))]
    typer.echo(table(["model", "version", "aliases", "run"], rows) if rows else "no model is registered")


@app.command()
def show(
    name: Name,
    version: Annotated[str | None, typer.Option(help="Version; the champion otherwise, or the candidate.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Print the model card, as Markdown.")] = False,
    uri: Uri = None,
) -> None:
    """What is known of a version: run, hashes, metrics, packages, and how to use it and make it again."""
    from drugml.runs.describe import describe, model_card

    if card:
        typer.echo(model_card(name, version, uri), nl=False)
        return
    rows = describe(name, version, uri)
    width = max(len(what) for what, _ in rows)
    for what, value in rows:
        typer.echo(f"{what:<{width}}  {value}")


@app.command()
def diff(
    name: Name,
    one: Annotated[str, typer.Argument(metavar="A", help="Version or alias.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Version or alias.")],
    uri: Uri = None,
) -> None:
    """Two versions side by side: config, data, metrics, and the predictions that changed most."""
    from drugml.cli.progress import table
    from drugml.runs.difference import difference

    found = difference(name, one, other, uri)
    a, b = found.names
    typer.echo(table(["config", a, b], found.config, 100) if found.config else "config: the same")
    typer.echo(f"\n{table(['hash', a, b, ''], found.hashes)}")
    typer.echo(f"\n{table(['test metric', a, b, 'difference'], found.metrics)}")
    if found.why_no_changes:
        typer.echo(f"\nno changes by molecule: {found.why_no_changes}")
    for change in found.changes:
        typer.echo(f"\n{change.target}: {change.summary}")
        if change.rows:
            typer.echo(table(["line", a, b, "change", "label", "SMILES"], change.rows, 200))


@app.command()
def promote(
    name: Name,
    version: Annotated[str | None, typer.Option(help="Version; the candidate otherwise.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote what the gate refuses; leaves a trace.")] = False,
    uri: Uri = None,
) -> None:
    """Make a version the champion, if it is whole, comparable with the champion and not shown to be worse."""
    from drugml.runs.promote import promote as verb

    typer.echo(verb(name, version, force, uri, typer.echo).summary())


@app.command()
def rollback(name: Name, uri: Uri = None) -> None:
    """Make the version champion again that was it before."""
    from drugml.runs.promote import rollback as verb

    typer.echo(verb(name, uri).summary())


@app.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Option(help="Zip file to write.")],
    version: Annotated[str | None, typer.Option(help="Version; the champion otherwise, or the candidate.")] = None,
    uri: Uri = None,
) -> None:
    """Write a version with its run, metrics, files and bundle into one file."""
    from drugml.runs.moving import export as verb

    typer.echo(verb(name, version, out, uri).summary())


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Zip file of `drugml registry export`.")],
    name: Annotated[str | None, typer.Option(help="Registered model; the name that it had otherwise.")] = None,
    uri: Uri = None,
) -> None:
    """Record an exported version and its run here; it becomes the candidate."""
    from drugml.runs.moving import import_ as verb

    typer.echo(verb(file, name, uri).summary())
