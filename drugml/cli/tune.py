"""`drugml tune`: search for the best model."""

from typing import Annotated

import typer

from drugml.cli.config import resolve


def tune(
    source: Annotated[str, typer.Argument(metavar="CONFIG_OR_TABLE", help="Config (.yaml) or molecule table.")],
    search: Annotated[
        str, typer.Argument(metavar="SEARCH", help="Search file, or a shipped one: drugml:gnn, drugml:all.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Override values of the run config.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option("--target", help="Column to learn.")] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials of the whole study; those of the search file otherwise.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study to begin, join or go on with.")] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="FILE.journal, sqlite:///FILE or postgresql://HOST/DATABASE; a journal in the run folder otherwise.",
        ),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Run no trial; write what the study comes to.")] = False,
) -> None:
    """Search models, featurizers and hyper-parameters; judged on the validation fold, the test fold is not read.

    The same command again goes on with the study; at the same time, also on other hosts, it shares the work.
    """
    from drugml.cli.progress import in_trials, table
    from drugml.runs.tune import tune as verb

    spec = resolve(source, overrides or [], target or [], None, None)
    done = verb(spec, search, trials=trials, study=study, storage=storage, report=report, listener=in_trials())
    typer.echo(table(*done.table()))
    typer.echo(done.summary())
