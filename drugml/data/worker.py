"""One worker process: given a task, it sends each result as it is made, so that it is known how far it came."""

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, TypeVar

from drugml.interrupts import ignore

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")

FORKS = sys.platform == "linux"
"""Whether new processes are forked from one that has no threads and has imported what they need: one that died is
replaced in no time. Elsewhere forking is not safe."""


class Kind(StrEnum):
    """How a task failed."""

    RAISED = "raised"
    DIED = "died"
    HUNG = "hung"


class Fault(NamedTuple):
    """Why a task was not finished."""

    kind: Kind
    text: str


class Outcome(NamedTuple, Generic[R]):
    """The results of a task up to its end or its fault."""

    results: list[R]
    fault: Fault | None


class Request(NamedTuple, Generic[T]):
    """A task, and the seconds that it may take for each result."""

    task: T
    seconds: float


Work = Callable[[T], Iterator[R]]


def said(error: Exception) -> str:
    """An exception in one line."""
    log.debug("caught", exc_info=error)
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def warm_up(modules: list[str]) -> None:
    """Begin to import what worker processes need, while this process does other things."""
    if FORKS:
        from multiprocessing import forkserver  # not everywhere

        multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # else it could import another copy than this process has
        try:
            forkserver.ensure_running()
        finally:
            os.environ.pop("PYTHONPATH")
            if before is not None:
                os.environ["PYTHONPATH"] = before


class Worker(Generic[T, R]):
    """One process and what is known of it."""

    def __init__(self, make: Callable[[], Work[T, R]]) -> None:
        context: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()  # else its end would not be noticed
        self.ready = self.busy = False
        self.results: list[R] = []
        self.seconds = self.deadline = float("inf")

    def give(self, request: Request[T]) -> None:
        """Hand over a task; the process waits for it, so that this cannot block for long."""
        self.busy, self.results, self.seconds = True, [], request.seconds
        self.deadline = time.monotonic() + self.seconds
        try:
            self.pipe.send(request.task)
        except OSError:
            log.debug("a worker ended while it waited")  # found out at once by the reader

    def hear(self) -> Outcome[R] | None:
        """Take one message; the outcome if the task is over.

        Raises:
            EOFError, OSError: if the process is no more.
            RuntimeError: if it could not begin to work.
        """
        what, value = self.pipe.recv()
        self.deadline = time.monotonic() + self.seconds
        if what == "broken":
            raise RuntimeError(f"a worker process could not start: {value}")
        if what == "ready":
            self.ready = True
        elif what == "result":
            self.results.append(value)
        else:
            self.busy, self.deadline = False, float("inf")
            return Outcome(self.results, Fault(Kind.RAISED, value) if what == Kind.RAISED else None)
        return None

    def how_it_ended(self) -> str:
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"its process was ended by {name}" + ("; out of memory?" if name == "SIGKILL" else "")
        return f"its process ended with exit code {code}"

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, make: Callable[[], Work[T, R]]) -> None:
    """What a worker process does until the other end of the pipe is closed."""
    ignore()  # Ctrl-C goes to all; the main process ends the others
    try:
        work = make()
    except Exception as error:
        pipe.send(("broken", said(error)))
        return
    pipe.send(("ready", None))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            for result in work(task):
                pipe.send(("result", result))
        except BrokenPipeError:
            return
        except Exception as error:
            pipe.send((Kind.RAISED, said(error)))
        else:
            pipe.send(("end", None))
