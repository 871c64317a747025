"""`drugml featurizers`: what molecules can be turned into."""

from typing import TYPE_CHECKING, Annotated

import typer

from drugml.cli.models import about, by_name, show_options, zoo
from drugml.errors import UserError, nearest

if TYPE_CHECKING:
    from drugml.config.base import Spec

app = typer.Typer(no_args_is_help=True, help="Which featurizers there are and what can be set.")


def featurizers() -> "dict[str, type[Spec]]":
    """Name to spec of every featurizer; `auto` stands for one of them."""
    from drugml.config.featurizers import FeaturizerSpec

    return {name: spec for name, spec in by_name(FeaturizerSpec).items() if name != "auto"}


@app.command("list")
def list_() -> None:
    """All featurizers: what each gives, how many columns, and its source."""
    for name, spec in featurizers().items():
        typer.echo(f"{name:<18}{_gives(spec):<13}{_columns(spec):<7}{about(spec).splitlines()[0]}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A featurizer of `drugml featurizers list`.")]) -> None:
    """What can be set under `featurizer:`, with defaults."""
    if name not in featurizers():
        raise UserError(f"there is no featurizer {name!r}; {nearest(name, featurizers())}")
    spec = featurizers()[name]
    show_options("featurizer", name, spec)
    columns = f" of {_columns(spec)} columns by default" if _columns(spec) else ""
    typer.echo(f"gives a {_gives(spec)}{columns}; taken by: {', '.join(_takers(spec))}")


def _gives(spec: "type[Spec]") -> str:
    return str(getattr(spec, "gives", ""))


def _columns(spec: "type[Spec]") -> str:
    """Columns of a fingerprint with its default options; graphs have no fixed number."""
    widths = getattr(spec(), "widths", ())
    return str(sum(widths)) if widths else ""


def _takers(spec: "type[Spec]") -> list[str]:
    return [name for name, model in zoo().items() if getattr(model, "takes", "") == _gives(spec)]
