"""What the user sees of a run: a bar in a terminal, plain lines anywhere else."""

import logging
import sys
import time
from collections.abc import Sequence

from drugml.training.listener import Listener, Silent

log = logging.getLogger(__name__)
SHOWN = 4
"""Metrics per line."""


class Lines(Silent):
    """One line per epoch."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def begin(self, history: list[dict[str, float]]) -> None:
        if history:
            log.info("resumed after epoch %d", len(history))

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        seconds = time.monotonic() - self._start
        log.info("epoch %3d/%d  %s  %.0f s%s", epoch + 1, epochs, shown(metrics), seconds, "  best" if best else "")


class Bar(Lines):
    """The lines, and a bar of the batches of the running epoch below them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("epoch 1", total=None)

    def batch(self, epoch: int, done: int, total: int) -> None:
        if not self._bar.live.is_started:
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, description=f"epoch {epoch + 1}")

    def end(self) -> None:
        self._bar.stop()  # otherwise the terminal keeps a hidden cursor


class Bars(Silent):
    """A bar and no lines for each of many trainings."""

    def __init__(self) -> None:
        self._bar = Bar()

    def batch(self, epoch: int, done: int, total: int) -> None:
        self._bar.batch(epoch, done, total)

    def end(self) -> None:
        self._bar.end()
        self._bar = Bar()


def in_trials() -> Listener:
    """For one of many trainings: a bar in a terminal, nothing otherwise."""
    return Bars() if sys.stderr.isatty() else Silent()


def listener() -> Listener:
    """A bar in a terminal, lines otherwise."""
    return Bar() if sys.stderr.isatty() else Lines()


def shown(metrics: dict[str, float]) -> str:
    """The losses and the first metrics that are averages over targets."""
    few = [(k, v) for k, v in metrics.items() if k.count("/") == 1][:SHOWN]
    return "  ".join(f"{k} {v:.4f}" for k, v in few)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], longest: int = 40) -> str:
    """Rows as aligned text; cells longer than `longest` are cut."""
    cells = [[c if len(c) <= longest else c[: longest - 3] + "..." for c in r] for r in (header, *rows)]
    widths = [max(len(r[i]) for r in cells) for i in range(len(header))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in cells)
