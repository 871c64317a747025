"""`drugml models`: the zoo."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from drugml.errors import UserError, nearest

if TYPE_CHECKING:
    from drugml.config.base import Spec

app = typer.Typer(no_args_is_help=True, help="The zoo: which models there are and what can be set.")
foreign = typer.Typer(no_args_is_help=True, help="Models that another program trained.")
app.add_typer(foreign, name="import")


def zoo() -> "dict[str, type[Spec]]":
    """Name to spec of every model."""
    from drugml.config.models import ModelSpec

    specs = get_args(get_args(ModelSpec)[0])
    return {s.model_fields["name"].default: s for s in specs}


def about(spec: "type[Spec]") -> str:
    """What a spec says of itself; the first paragraph is one line."""
    return inspect.cleandoc(spec.__doc__ or "")


@app.command("list")
def list_() -> None:
    """All models, each with its source."""
    for name, spec in zoo().items():
        typer.echo(f"{name:<10}{about(spec).splitlines()[0]}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model of `drugml models list`.")]) -> None:
    """What can be set under `model:`, with defaults."""
    if name not in zoo():
        raise UserError(f"there is no model {name!r}; {nearest(name, zoo())}")
    spec = zoo()[name]
    typer.echo(f"{name}: {about(spec)}")
    for key, field in spec.model_fields.items():
        if key != "name":
            typer.echo(f"  model.{key:<14}{field.default!s:<8}  {field.description or ''}")
    typer.echo(f"takes a {getattr(spec, 'takes', '')}; featurizer by default: {getattr(spec, 'featurizer').name}")  # noqa: B009


@foreign.command()
def chemprop(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Model of Chemprop 2 (.pt, .ckpt); several are an ensemble.")
    ],
    name: Annotated[str | None, typer.Option(help="Registered model that gets it as its next version.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write its bundle to.")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Name of what it predicts, in order; found in .pt otherwise.")
    ] = None,
    uri: Annotated[str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db otherwise.")] = None,
) -> None:
    """Import a model that Chemprop 2 trained; it gives the same predictions here. No code in the file is run."""
    from drugml.runs.foreign import import_chemprop

    typer.echo(import_chemprop(files, target or [], name, out, uri).summary())
