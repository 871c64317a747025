"""A bar for work on many molecules, where somebody looks at a terminal."""

import logging
import sys
import time
from typing import TYPE_CHECKING

from drugml.data.progress import pace, show_with

if TYPE_CHECKING:
    from rich.progress import Progress


class WorkBar:
    """A bar with rate and time left of one piece of work, below the log lines; none where it is done at once."""

    def __init__(self, total: int, what: str, begun: int) -> None:
        self._total, self._what, self._begun = total, what, begun
        self._start = time.monotonic()
        self._bar: Progress | None = None

    def done(self, count: int) -> None:
        """Draw; the first time from the start, if there is something left to wait for."""
        if self._bar is None:
            if count >= self._total:
                return
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            rate = TextColumn("{task.fields[pace]}")
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate)
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._what, total=self._total, pace="")
        told = pace(count - self._begun, self._total - self._begun, time.monotonic() - self._start)
        self._bar.update(self._task, completed=count, pace=told)
        self._bar.start()  # draws at once the first time, and does nothing later

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()  # otherwise the terminal keeps a hidden cursor


def show_work() -> None:
    """Bars from now on, if stderr is a terminal and messages are wanted; otherwise log lines, as before."""
    if sys.stderr.isatty() and logging.getLogger("drugml").isEnabledFor(logging.INFO):
        show_with(WorkBar)
