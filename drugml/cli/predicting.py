"""What the user sees of a prediction: a bar with rate and time left in a terminal, now and then a line elsewhere."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from drugml.cli.progress import table
from drugml.errors import UserError
from drugml.runs.predict import Report, predict
from drugml.runs.predict.job import folder_of
from drugml.runs.predict.stream import TIMEOUT, Progress

log = logging.getLogger(__name__)
EVERY = 10.0
"""Seconds between two lines."""


def run(
    arguments: Sequence[str],
    models: Sequence[str],
    out: Path,
    smiles: str | None,
    resume: bool,
    workers: int | None,
    timeout: float | None,
) -> Report:
    """Predict and print what became of the rows."""
    models, sources = sort_out(arguments, models)
    try:
        with shown() as progress:
            report = predict(
                models,
                sources,
                out,
                smiles=smiles,
                resume=resume,
                workers=workers,
                timeout=timeout or TIMEOUT,
                progress=progress,
            )
    except KeyboardInterrupt:
        kept = "; what is done is kept: go on with --resume" if folder_of(out).exists() else ""
        typer.secho(f"stopped{kept}", fg="yellow", err=True)
        raise typer.Exit(130) from None
    typer.echo(table(["SMILES", *report.columns], report.preview))
    typer.echo(report.summary())
    return report


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


class Lines:
    """A line now and then: `12,000 of about 250,000 rows, 2,100/s, 2 min left`."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._last = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first, self._last = (now, done), now
        elif now - self._last >= EVERY and done < total:
            self._last = now
            rate = (done - self._first[1]) / (now - self._first[0])
            log.info(
                "%s of about %s rows, %s/s, %s left",
                f"{done:,}",
                f"{total:,}",
                f"{rate:,.0f}",
                _time(total - done, rate),
            )


@contextmanager
def shown() -> Iterator[Progress]:
    """A bar in a terminal, lines otherwise."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, rate="")
        first: list[tuple[float, int]] = []

        def update(done: int, total: int) -> None:
            first[:] = first or [(time.monotonic(), done)]
            seconds = time.monotonic() - first[0][0]
            rate = f"{(done - first[0][1]) / seconds:,.0f} molecules/s" if done > first[0][1] else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield update


def _time(rows: int, rate: float) -> str:
    seconds = rows / rate
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
