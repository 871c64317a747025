"""How far long work has come, for people who wait.

Whoever runs the program says once, with `show_with`, how progress is shown; nothing in between passes it on.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two messages, at least."""


class Display(Protocol):
    """Shows one piece of work."""

    def done(self, count: int) -> None:
        """`count` of the total are done."""
        ...

    def end(self) -> None:
        """There will be no more, whether it is complete or failed."""
        ...


class Lines:
    """Logs `12,000 of 41,127 molecules prepared, 1,100 per second, 26 s left`.

    At most every `EVERY` seconds, and never at the end.
    """

    def __init__(self, total: int, what: str, begun: int) -> None:
        self._total, self._what, self._begun = total, what, begun
        self._start = self._last = time.monotonic()

    def done(self, count: int) -> None:
        now = time.monotonic()
        if count < self._total and now - self._last >= EVERY:
            self._last = now
            told = pace(count - self._begun, self._total - self._begun, now - self._start)
            log.info("%s of %s %s, %s", f"{count:,}", f"{self._total:,}", self._what, told)

    def end(self) -> None:
        """Nothing is left to be closed."""


_display: Callable[[int, str, int], Display] = Lines


def show_with(display: Callable[[int, str, int], Display]) -> None:
    """From now on show all progress of this process with what `display` makes of the arguments of `progress`."""
    global _display  # noqa: PLW0603  one terminal per process, as logging has one root
    _display = display


@contextmanager
def progress(total: int, what: str, begun: int = 0) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` are done: call what this gives with their number.

    Args:
        total: of all that is to be done.
        what: what is counted and done with it, `molecules prepared`.
        begun: how many were done before, which tell nothing of the rate.
    """
    shown = _display(total, what, begun)
    try:
        yield shown.done
    finally:
        shown.end()


def pace(count: int, total: int, seconds: float) -> str:
    """Rate and time left, by the mean so far: `1,100 per second, 26 s left`."""
    if count <= 0 or seconds <= 0:
        return "just begun"
    left = round((total - count) * seconds / count)
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    time_left = f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    rate = count / seconds
    return f"{f'{rate:,.0f}' if rate >= 10 else f'{rate:.1f}'} per second, {time_left} left"
