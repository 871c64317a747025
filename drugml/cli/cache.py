"""`drugml cache`: packed molecules on disk, so that the same table is featurized once."""

from typing import Annotated

import typer

from drugml.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Packed molecules on disk: list them, remove what is old.")


@app.command("list")
def list_() -> None:
    """What is stored, the most recently used first."""
    from drugml.cli.progress import table
    from drugml.data.cache import age_text, cache_folder, entries, size_limit, size_text, total_text

    found = entries(cache_folder())[::-1]
    rows = [[e.folder.name[:12], e.what, f"{e.molecules:,}", size_text(e.size), age_text(e.used)] for e in found]
    if rows:
        typer.echo(table(["key", "what", "molecules", "size", "last used"], rows))
    limit = size_text(size_limit())
    typer.echo(f"{total_text(found)} of at most {limit} (DRUGML_CACHE_SIZE), in {cache_folder()}")


@app.command()
def prune(
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Keep the last used ones up to this, such as 5GB.")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Remove what was not used for so many days.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove everything.")] = False,
) -> None:
    """Remove stores; without options those beyond DRUGML_CACHE_SIZE. What is removed is packed again when needed."""
    from drugml.data.cache import cache_folder, size_in_bytes, size_limit, total_text
    from drugml.data.cache import prune as verb

    if everything and (max_size is not None or older_than is not None):
        raise UserError("--all removes everything; leave out --max-size and --older-than, or --all")
    limit = size_limit() if older_than is None else None
    if max_size is not None:
        limit = size_in_bytes(max_size, "--max-size")
    done = verb(cache_folder(), max_bytes=limit, older_than_days=older_than, everything=everything)
    typer.echo(f"{total_text(done.removed)} removed, {total_text(done.left)} left")
    if done.in_use:
        typer.echo(f"{total_text(done.in_use)} kept: in use by a process, or write-protected")
