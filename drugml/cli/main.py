"""`drugml`: a thin shell. Commands parse, call one function of the library, and print."""

import atexit
import gc
import logging
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from drugml.cli import cache, config, data, featurizers, models, registry, runs
from drugml.cli.compare import compare
from drugml.cli.launched import launched
from drugml.cli.recovery import reproduce, show, sync
from drugml.cli.tune import tune
from drugml.cli.work import show_work
from drugml.data.memory import give_back
from drugml.errors import Stopped, UserError
from drugml.interrupts import route

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Train, compare, register and use molecular property predictors.",
)
app.add_typer(models.app, name="models")
app.add_typer(featurizers.app, name="featurizers")
app.add_typer(registry.app, name="registry")
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(cache.app, name="cache")
app.add_typer(runs.app, name="runs")
app.command()(compare)
app.command()(sync)
app.command()(reproduce)
app.command()(tune)

COLLECT = (10_000, 10, 10)
"""When cycles are looked for: seldom, as imports make half a million objects that stay."""

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG_OR_TABLE",
        help="Config (.yaml) or molecule table: csv, tsv, smi, sdf, parquet, also .gz and .zst.",
    ),
]
Override = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Override config values, e.g. train.lr=3e-4 model=gine."),
]
Target = Annotated[list[str] | None, typer.Option("--target", help="Column to learn; may be given several times.")]
Task = Annotated[str | None, typer.Option(help="regression or classification; found by the values otherwise.")]
Model = Annotated[str | None, typer.Option(help="Model of the zoo: see `drugml models list`.")]
Resume = Annotated[
    str | None, typer.Option(metavar="RUN", help="Go on with an interrupted run: id, folder, or `last`.")
]


@app.command()
def train(
    source: Source = None,
    overrides: Override = None,
    target: Target = None,
    task: Task = None,
    model: Model = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check config and data, print the plan, stop.")] = False,
    resume: Resume = None,
) -> None:
    """Train a model, log it to MLflow and register it."""
    if resume:
        _no_config_with_resume(source, overrides, target, task, model, dry_run)
    else:
        spec = config.resolve(source, overrides or [], target or [], task, model)
        from drugml.runs.judged import judge_ahead

        judging = judge_ahead(spec)  # features are made while the next lines import for seconds
    from drugml.cli.progress import listener
    from drugml.runs import train as verbs

    if dry_run:
        return typer.echo(verbs.plan(spec, judging))
    done = verbs.resume(resume, listener()) if resume else verbs.train(spec, listener(), judging)
    return show(done.summary(), done.unsent)


@app.command()
def cv(
    source: Source = None,
    overrides: Override = None,
    target: Target = None,
    task: Task = None,
    model: Model = None,
    folds: Annotated[int, typer.Option(help="Folds of each repeat.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often the folds are drawn.")] = 5,
    jobs: Annotated[int | None, typer.Option(help="Folds trained at a time; all cores or GPUs otherwise.")] = None,
    resume: Resume = None,
) -> None:
    """Cross-validate a model: mean, spread and interval of every metric over folds, the same folds for every model."""
    from drugml.cli.progress import listener
    from drugml.runs.cv import cross_validate, resume_cv

    if resume:
        _no_config_with_resume(source, overrides, target, task, model)
        done = resume_cv(resume, jobs, listener())
    else:
        spec = config.resolve(source, overrides or [], target or [], task, model)
        done = cross_validate(spec, folds, repeats, jobs, listener())
    show(done.summary(), done.unsent)


@app.command()
def init(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Molecule table, or drugml:b3db-logbb.")],
    target: Target = None,
    out: Annotated[Path | None, typer.Option(help="File to write; printed otherwise.")] = None,
) -> None:
    """Inspect a table and write a commented config for it."""
    from drugml.runs.init import config_text

    text = config_text(table, target or [])
    if out is None:
        typer.echo(text)
    elif out.exists():
        raise UserError(f"{out}: exists already; name another file or remove it")
    else:
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{out} written; next: drugml train {out}")


@app.command()
def predict(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL INPUT...",
            help="Model (models:/NAME@ALIAS, models:/NAME/3, a run id, or a bundle folder) and molecule tables, as for "
            "`train`. With --model, tables only.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .csv, .tsv or .parquet.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]MODEL", help="Model; several predict in one pass, NAME:TARGET are their columns."),
    ] = None,
    smiles: Annotated[str | None, typer.Option(help="SMILES column; found otherwise.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any row got no prediction.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a job that was killed; begin if there is none.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; one per core otherwise.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds that one molecule may take; 60 otherwise.")
    ] = None,
    engine: Annotated[str, typer.Option(metavar="local|ray", help="This machine, or a Ray cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Ray cluster, such as HOST:6379; one of this machine alone otherwise.")
    ] = None,
) -> None:
    """Predict files: the same rows in the same order, with values, status and reason."""
    from drugml.cli import predicting

    chosen = predicting.engine(engine, workers, timeout, address)
    report = predicting.run(arguments, model or [], out, smiles, resume, chosen)
    if strict and report.bad:
        raise typer.Exit(1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    experiment: Annotated[str | None, typer.Option(help="Experiment to open; the one used last otherwise.")] = None,
    uri: Annotated[str | None, typer.Option(help="Tracking URI; mlflow.db here otherwise.")] = None,
) -> None:
    """Open the MLflow UI on this folder's runs, for this machine only."""
    from drugml.tracking.ui import serve

    raise typer.Exit(serve(uri, port, experiment, typer.echo))


def _no_config_with_resume(*given: object) -> None:
    if any(given):
        raise UserError(
            "--resume takes no config, table or options: a resumed run keeps the config it was started with"
        )


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to sys.stderr as it is now: a progress bar stands in for it while it draws below the lines."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Always the one of the moment."""


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
) -> None:
    """Train, compare, register and use molecular property predictors."""
    if version:
        from drugml import __version__

        typer.echo(__version__)
        raise typer.Exit
    handler = StandardError()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("drugml")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    show_work()
    if context.invoked_subcommand != "ui":  # whose server has to hear of Ctrl-C itself
        route()


def main() -> None:
    """Entry point: user errors become one clear line, bugs keep their traceback."""
    give_back()  # large blocks at once, from the beginning
    gc.set_threshold(*COLLECT)
    atexit.register(gc.freeze)  # else Python looks through all that the libraries made, for seconds, before it ends
    try:
        with launched() as other:
            if not other:
                app()
    except UserError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(2) from None
    except Stopped as stopped:
        typer.secho(f"stopped; go on with: {stopped.again}", fg="yellow", err=True)
        raise SystemExit(stopped.exit_code) from None
