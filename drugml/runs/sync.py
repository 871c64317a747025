"""`sync`: send what runs could not send while their store did not answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from drugml.errors import UserError
from drugml.runs.lock import sole
from drugml.tracking.find import lookup
from drugml.tracking.journal import journals
from drugml.tracking.run import TrackedRun
from drugml.tracking.store import connect

RUNS = "runs"
"""Where runs are kept, if the config says nothing else."""


class Synced(NamedTuple):
    """What became of the unsent entries of a run."""

    run_id: str
    sent: int
    left: int
    why: str
    """Reason why some are left."""

    def __str__(self) -> str:
        said = f"run {self.run_id}: {self.sent} entries sent"
        return f"{said}, {self.left} are left: {self.why}" if self.left else said


def sync(where: str, uri: str | None = None) -> Iterator[Synced]:
    """Send what is unsent, run by run; a second time there is nothing to do.

    Args:
        where: a folder, with all runs in it, or a run id.
        uri: where to send it, instead of where the runs were begun.

    Raises:
        UserError: if there is no such folder or run, or the store does not answer.
    """
    if where == RUNS and not Path(where).is_dir():
        raise UserError(f"there is no folder {RUNS!r} here; name the folder of the runs, or a run id")
    folder = Path(where) if Path(where).is_dir() else _folder(where, uri)
    for journal in journals(folder):
        store = connect(uri or journal.uri)
        try:
            with sole(journal.path.parent):
                run = TrackedRun(store, journal.run_id, journal.path.parent)
                before = run.unsent
                run.flush()
        except UserError as error:  # a process is training it, and sends by itself
            yield Synced(journal.run_id, 0, len(journal.entries), str(error))
        else:
            yield Synced(run.run_id, before - run.unsent, run.unsent, run.why)


def _folder(run: str, uri: str | None) -> Path:
    if len(here := [f for f in Path(RUNS).glob(f"*/{run}*") if f.is_dir()]) == 1:
        return here[0]
    found = lookup(connect(uri), run)
    folder = found.tags.get("drugml.folder", "")
    if not folder or not Path(folder).is_dir():
        raise UserError(f"run {found.run_id}: its folder {folder!r} is not on this machine; send it from where it is")
    return Path(folder)
