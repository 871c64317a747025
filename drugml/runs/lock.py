"""One process at a time in a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from drugml.errors import UserError


@contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it when the process ends, however it ends.

    Raises:
        UserError: if another process holds it.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"run {folder.name}: another process is training it now; two would overwrite each other's checkpoints. "
            "Wait for it, or stop it first"
        ) from None
    try:
        yield
    finally:
        lock.release()
