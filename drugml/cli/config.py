"""`drugml config`: what a config comes to, whether it is right, and its schema."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drugml.errors import UserError

if TYPE_CHECKING:
    from drugml.config.run import RunSpec

app = typer.Typer(no_args_is_help=True, help="Look at configs: show, check, schema.")

File = Annotated[Path, typer.Argument(metavar="CONFIG", help="Run config (.yaml).")]
Override = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Override config values.")]


def resolve(
    source: str | None, overrides: list[str], targets: list[str], task: str | None, model: str | None
) -> "RunSpec":
    """The run that the arguments of `drugml train` mean."""
    from drugml.config.load import load
    from drugml.config.run import RunSpec
    from drugml.runs.init import is_table, of_table

    if source is None:
        raise UserError("nothing to train: name a config or a table, for example `drugml train my.csv --target logS`")
    if is_table(source):
        return of_table(source, targets, task, model, overrides)
    extra = [f"data.targets=[{', '.join(json.dumps(t) for t in targets)}]"] if targets else []
    extra += [f"task={task}"] if task else []
    extra += [f"model={model}"] if model else []
    return load(RunSpec, Path(source), [*overrides, *extra])


@app.command()
def show(config: File, overrides: Override = None) -> None:
    """Every value and where it was written."""
    from drugml.config.load import explain
    from drugml.config.run import RunSpec

    for key, value, origin in explain(RunSpec, config, overrides or []):
        typer.echo(f"{key:<28}{value:<24}  {origin}")


@app.command()
def check(config: File, overrides: Override = None) -> None:
    """Whether a config is right; does not look at the data."""
    from drugml.config.load import load
    from drugml.config.run import RunSpec

    load(RunSpec, config, overrides or [])
    typer.echo(f"{config}: ok")


@app.command()
def schema() -> None:
    """The JSON schema of the run config, for completion in an editor."""
    from drugml.config.run import RunSpec

    typer.echo(json.dumps(RunSpec.model_json_schema(), indent=1))
