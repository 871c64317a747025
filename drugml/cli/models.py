"""`drugml models`: the zoo."""

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from drugml.cli.measured import REFERENCE, SETS, Result, ranked, read, results
from drugml.errors import UserError, nearest

if TYPE_CHECKING:
    from drugml.config.base import Spec

app = typer.Typer(no_args_is_help=True, help="The zoo: which models there are and what can be set.")
foreign = typer.Typer(no_args_is_help=True, help="Models that another program trained.")
app.add_typer(foreign, name="import")


def zoo() -> "dict[str, type[Spec]]":
    """Name to spec of every model."""
    from drugml.config.models import ModelSpec

    return by_name(ModelSpec)


def by_name(union: object) -> "dict[str, type[Spec]]":
    """Name to spec, of what may stand in one section."""
    specs = get_args(get_args(union)[0])
    return {s.model_fields["name"].default: s for s in specs}


def about(what: object) -> str:
    """What a class says of itself; the first paragraph of a spec is one line."""
    return inspect.cleandoc(what.__doc__ or "")


def show_options(section: str, name: str, spec: "type[Spec]") -> None:
    """Print what can be set in a section, with defaults."""
    typer.echo(f"{name}: {about(spec)}")
    for key, field in spec.model_fields.items():
        if key != "name":
            typer.echo(f"  {section}.{key:<17}{_default(field.default):<8}  {field.description or ''}")


def _default(value: object) -> str:
    """As one would write it: [morgan, maccs] for names and for sections that have one."""
    return f"[{', '.join(str(getattr(v, 'name', v)) for v in value)}]" if isinstance(value, tuple) else str(value)


KINDS = {"graph": "2D graph", "geometry": "3D graph"}
"""What a model takes to its kind; of those that take vectors networks have layers, and the others are baselines."""


@app.command("list")
def list_() -> None:
    """All models: kind, numbers that a network learns at its defaults, and source."""
    for name, spec in zoo().items():
        vectors = "vector" if "hidden_dim" in spec.model_fields else "baseline"
        kind = KINDS.get(getattr(spec, "takes", ""), vectors)
        size = getattr(spec, "size", None)
        typer.echo(f"{name:<13}{kind:<10}{f'{size:,}' if size else '':>9}  {about(spec).splitlines()[0]}")
    from drugml.config.plugins import plugins

    for plugin in plugins("drugml.models"):
        typer.echo(f"{plugin.name} is added by {plugin.package} {plugin.version}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model of `drugml models list`.")]) -> None:
    """What can be set under `model:`, with defaults; how large it is; where it differs from its paper."""
    if name not in zoo():
        raise UserError(f"there is no model {name!r}; {nearest(name, zoo())}")
    spec = zoo()[name]
    show_options("model", name, spec)
    featurizer = getattr(spec, "featurizer")  # noqa: B009
    beside = "".join(f" and descriptors {d.name}" for d in featurizer.descriptors)
    typer.echo(f"takes a {getattr(spec, 'takes', '')}; featurizer by default: {featurizer.name}{beside}")
    from drugml.config.plugins import plugins
    from drugml.models import BASELINES, ENCODERS  # with torch: only where it is asked for

    if spec in ENCODERS:
        from drugml.prediction.trained import default_size

        typer.echo(f"learns {default_size(spec()):,} numbers at these values, without the head")
    differs = re.search(
        r"Differs from .*?(?=\n\n|\Z)", about((ENCODERS if spec in ENCODERS else BASELINES)[spec]), re.S
    )
    if differs:
        typer.echo(" ".join(differs.group().split()))
    for line in scores(name):
        typer.echo(line)
    for plugin in plugins("drugml.models"):
        if plugin.spec is spec:
            typer.echo(f"added by {plugin.package} {plugin.version}")


def scores(name: str) -> list[str]:
    """Test scores of a model, as in `docs/zoo.md`."""
    own = [r for r, _ in _all_measured() if r.fits[0].model == name]
    lines = [f"measured: {r.fits[0].set}, test {r.fits[0].metric} {r.score}, {r.how}" for r in own]
    return [*lines, "all models, the best first: drugml models measured"] if lines else []


def _all_measured() -> list[tuple[Result, float | None]]:
    from drugml.config.load import presets

    return ranked(results(read(presets().parent / "measured.csv")))


@app.command()
def measured(
    set_: Annotated[
        str | None, typer.Argument(metavar="[SET]", help=f"One of {', '.join(SETS)}; all otherwise.")
    ] = None,
) -> None:
    """Test scores of the models on public sets, the best first: what a preset gives without a search."""
    wanted = [s for s in SETS if set_ is None or s.lower() == set_.lower()]
    if not wanted:
        raise UserError(f"no model was measured on {set_!r}; {nearest(str(set_), SETS)}")
    last = ""
    for result, beside in _all_measured():
        first = result.fits[0]
        if first.set not in wanted:
            continue
        if first.set != last:
            better = "lower" if result.lower_is_better else "higher"
            typer.echo(f"{first.set}: test {first.metric}, {better} is better; beside {REFERENCE} on the same splits")
        last = first.set
        shown = "" if beside is None else f"{beside:+.3f}"
        typer.echo(f"  {first.model:<12} {result.score:<15} {shown:>6}  {result.seconds:>5.0f} CPU s  {result.how}")


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
    descriptors: Annotated[
        list[str] | None,
        typer.Option(
            help="What it gets beside the molecule: rdkit if trained with rdkit_2d, morgan_binary, morgan_count; "
            "several in Chemprop's order."
        ),
    ] = None,
    uri: Annotated[str | None, typer.Option(help="Tracking URI; MLFLOW_TRACKING_URI or mlflow.db otherwise.")] = None,
) -> None:
    """Import a model that Chemprop 2 trained; it gives the same predictions here. No code in the file is run."""
    from drugml.runs.foreign import import_chemprop

    typer.echo(import_chemprop(files, target or [], name, out, uri, descriptors or []).summary())
