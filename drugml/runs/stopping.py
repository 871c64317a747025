"""Ctrl-C and SIGTERM as one exception, so that a stopped run is recorded as KILLED and exits as a shell expects."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from drugml.errors import Stopped


@contextmanager
def stop_signals() -> Iterator[None]:
    """Raise Stopped(128 + signal) where the program is when SIGINT or SIGTERM comes; a second signal does the same."""

    def stop(number: int, frame: FrameType | None) -> None:
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
