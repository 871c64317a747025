"""Files that several processes share: who reads one holds it, and who wants to remove it finds that out.

The operating system keeps the locks and drops those of a process that ends, however it ends. Where it has none
(Windows), it refuses to move a file that is open, which serves the same end.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


def opened(file: Path) -> IO[str]:
    """Open a text file to read; it is in use until it is closed.

    Raises:
        FileNotFoundError: if there is none, or it is being removed.
    """
    handle = file.open(encoding="utf-8")
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise FileNotFoundError(f"{file} is being removed") from None
    except OSError:
        pass  # a file system without locks: `claimed` refuses there
    return handle


@contextmanager
def claimed(file: Path) -> Iterator[None]:
    """While inside, nobody uses the file or can begin to.

    Raises:
        OSError: if it is in use, or cannot be told not to be.
    """
    if fcntl is None:
        yield
        return
    with file.open("r+", encoding="utf-8") as handle:  # over NFS only a file opened to write can be locked for oneself
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def alone(lock_file: Path, waiting: str) -> Iterator[None]:
    """One process at a time, where the file system can tell; `waiting` is logged by those who have to wait."""
    lock = FileLock(lock_file)
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        log.info(waiting)
        lock.acquire()
    except (OSError, NotImplementedError):  # all that is lost is that two may do the same work
        log.debug("no lock %s", lock_file, exc_info=True)
    try:
        yield
    finally:
        lock.release()
