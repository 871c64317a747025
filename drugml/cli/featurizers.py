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


def descriptors() -> "dict[str, type[Spec]]":
    """Name to spec of all descriptors."""
    from drugml.config.descriptors import DescriptorSpec

    return by_name(DescriptorSpec)


@app.command("list")
def list_() -> None:
    """All featurizers: what each gives, how many columns, and its source."""
    for name, spec in featurizers().items():
        typer.echo(f"{name:<18}{_gives(spec):<13}{_columns(spec):<7}{about(spec).splitlines()[0]}")
    typer.echo("\nBeside any of them, as featurizer.descriptors=[rdkit, ...]:")
    for name, spec in descriptors().items():
        typer.echo(f"{name:<18}{'descriptors':<13}{_width(spec):<7}{about(spec).splitlines()[0]}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A featurizer of `drugml featurizers list`.")]) -> None:
    """What can be set under `featurizer:`, with defaults."""
    if name in descriptors():
        spec = descriptors()[name]
        show_options("featurizer.descriptors", name, spec)
        takers = ", ".join(n for n, model in zoo().items() if getattr(model, "takes_descriptors", True))
        typer.echo(f"gives {_width(spec)} descriptors beside any featurizer; taken by: {takers}")
        return
    if name not in featurizers():
        known = [*featurizers(), *descriptors()]
        raise UserError(f"there is no featurizer {name!r}; {nearest(name, known)}")
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


def _width(spec: "type[Spec]") -> str:
    return str(getattr(spec, "width", ""))


def _takers(spec: "type[Spec]") -> list[str]:
    return [name for name, model in zoo().items() if getattr(model, "takes", "") == _gives(spec)]
