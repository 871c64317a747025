"""What the user sees of a prediction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import typer

from drugml.cli.progress import table
from drugml.data.progress import progress
from drugml.errors import UserError
from drugml.runs.predict import Report, predict
from drugml.runs.predict.engines import TIMEOUT, Engine, Local, Ray
from drugml.runs.predict.job import folder_of
from drugml.runs.predict.stream import Progress


def run(
    arguments: Sequence[str],
    models: Sequence[str],
    out: Path,
    smiles: str | None,
    resume: bool,
    engine: Engine,
) -> Report:
    """Predict and print what became of the rows."""
    models, sources = sort_out(arguments, models)
    try:
        with shown() as told:
            report = predict(
                models,
                sources,
                out,
                smiles=smiles,
                resume=resume,
                engine=engine,
                progress=told,
            )
    except KeyboardInterrupt:
        kept = "; what is done is kept: go on with --resume" if folder_of(out).exists() else ""
        typer.secho(f"stopped{kept}", fg="yellow", err=True)
        raise typer.Exit(130) from None
    typer.echo(table(["SMILES", *report.columns], report.preview))
    typer.echo(report.summary())
    return report


def engine(name: str, workers: int | None, timeout: float | None, address: str | None) -> Engine:
    """What predicts.

    Raises:
        UserError: for an engine that there is not, or an address without Ray.
    """
    if name == "ray":
        if workers == 0:
            raise UserError("--workers 0: works in this process; Ray needs at least one worker")
        return Ray(workers, timeout or TIMEOUT, address)
    if name != "local":
        raise UserError(f"--engine {name}: no such engine; expected local or ray")
    if address is not None:
        raise UserError(f"--address {address}: is of a Ray cluster; add --engine ray")
    return Local(workers, timeout or TIMEOUT)


def sort_out(arguments: Sequence[str], models: Sequence[str]) -> tuple[list[str], list[str]]:
    """Models and tables: the first argument is the model unless --model names some.

    Raises:
        UserError: if no table is left, or an argument beside --model is a model.
    """
    if not models:
        if len(arguments) < 2:
            raise UserError(f"{arguments[0]}: nothing to predict; expected a model and at least one molecule table")
        return [arguments[0]], list(arguments[1:])
    for text in arguments:
        if text.startswith("models:/") or Path(text).is_dir():
            raise UserError(f"{text}: with --model, all arguments are molecule tables; write --model {text}")
    return list(models), list(arguments)


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress of a prediction, which says how many rows there are when it begins."""
    done: Callable[[int], None] | None = None
    with ExitStack() as stack:

        def update(count: int, total: int) -> None:
            nonlocal done
            if done is None:
                done = stack.enter_context(progress(total, "rows predicted (total estimated)", count))
            done(count)

        yield update
