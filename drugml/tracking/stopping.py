"""Ctrl-C and SIGTERM as one exception, so that a stopped run is recorded as KILLED and exits as a shell expects."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from drugml.errors import Stopped


class _Held:
    """Of this process: how deep in calls that must end, and the signal that waits for it."""

    depth = 0
    waiting: int | None = None


@contextmanager
def stop_signals() -> Iterator[None]:
    """Raise Stopped(128 + signal) where the program is when SIGINT or SIGTERM comes, or behind `unstopped`."""

    def stop(number: int, frame: FrameType | None) -> None:
        if _Held.depth and _Held.waiting is None:
            _Held.waiting = number
            return
        _Held.waiting = None
        raise Stopped(128 + number)

    if threading.current_thread() is not threading.main_thread():  # Python allows handlers there only
        yield
        return
    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unstopped() -> Iterator[None]:
    """Let what is inside end before a signal stops the program; a second signal stops it at once.

    A database call that is cut short leaves its transaction open, and with it the lock that the next call waits for.
    """
    main = threading.current_thread() is threading.main_thread()
    _Held.depth += main
    try:
        yield
    finally:
        _Held.depth -= main
        number, over = _Held.waiting, main and not _Held.depth
        if over and number is not None:
            _Held.waiting = None
            raise Stopped(128 + number)
