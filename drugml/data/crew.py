"""Worker processes that are started once, and what becomes of a task that ends one of them.

A task is worked on by a generator, each of whose results is sent as it is made, so that of a process that died or
hangs it is known how far it came. A `Case` decides, in the main process, which task is tried next.
"""

import logging
import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

from drugml.errors import UserError

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")

AHEAD = 2
"""Cases begun per worker and not yet given back; bounds memory."""
FORKS = sys.platform == "linux"
"""Whether new processes are forked from one that has no threads and has imported what they need: one that died is
replaced in no time. Elsewhere forking is not safe."""
STARTS = 3
"""Processes that may end one after the other before they have begun to work."""


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
Case = Generator[Request[T], Outcome[R], A]


def attempt(work: Work[T, R], task: T) -> Outcome[R]:
    """Work on a task in this process; only exceptions can be caught here."""
    results: list[R] = []
    try:
        results.extend(work(task))  # what came before an exception is kept
    except Exception as error:
        return Outcome(results, Fault(Kind.RAISED, said(error)))
    return Outcome(results, None)


def run_here(work: Work[T, R], cases: Iterator[Case[T, R, A]]) -> Iterator[A]:
    """Settle the cases one after the other in this process."""
    for case in cases:
        request = next(case)
        while True:
            try:
                request = case.send(attempt(work, request.task))
            except StopIteration as stop:
                yield stop.value
                break


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
        forkserver.ensure_running()


class Crew(Generic[T, R]):
    """`count` processes, each of which calls `make` once and then works on one task at a time.

    Args:
        make: a picklable function without arguments that gives the work.
        count: processes.
        modules: imported once and shared by all processes where the system can fork safely.
    """

    def __init__(self, make: Callable[[], Work[T, R]], count: int, modules: list[str]) -> None:
        self._make, self._count = make, count
        warm_up(modules)
        self._context: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
        self._members: list[_Member[T, R]] = []
        self._failed_starts = 0

    def __enter__(self) -> "Crew[T, R]":
        self._members = [self._member() for _ in range(self._count)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for member in self._members:
            member.end()

    def run(self, cases: Iterator[Case[T, R, A]]) -> Iterator[A]:
        """Settle the cases; answers in their order.

        Raises:
            UserError: if processes end as soon as they start.
        """
        desk = _Desk(cases, AHEAD * self._count + 1)
        settled: dict[int, A] = {}
        given = 0
        while True:
            desk.hand_out(self._members, given)
            while given in settled:
                given += 1
                desk.hand_out(self._members, given)  # before the answer is used, so that no process waits for it
                yield settled.pop(given - 1)
            if desk.empty:
                return
            for member, outcome in self._outcomes():
                number, case = desk.running.pop(member)
                try:
                    desk.put_first(number, case, case.send(outcome))
                except StopIteration as stop:
                    settled[number] = stop.value

    def _outcomes(self) -> list[tuple["_Member[T, R]", Outcome[R]]]:
        """Wait for news; what was finished, and processes that are no more are replaced."""
        deadline = min((m.deadline for m in self._members), default=float("inf"))
        seconds = max(deadline - time.monotonic(), 0) if deadline < float("inf") else None
        heard = wait([m.pipe for m in self._members], seconds)
        found = []
        for place, member in enumerate(self._members):
            fault: Fault | None = None
            if member.pipe in heard:
                try:
                    outcome = member.hear()
                except (EOFError, OSError):
                    fault = Fault(Kind.DIED, member.how_it_ended())
                else:
                    if outcome is not None:
                        found.append((member, outcome))
            elif time.monotonic() >= member.deadline:
                fault = Fault(Kind.HUNG, f"took more than {member.seconds:g} s")
            if fault is not None:
                found += self._replace(place, fault)
        return found

    def _replace(self, place: int, fault: Fault) -> list[tuple["_Member[T, R]", Outcome[R]]]:
        old = self._members[place]
        old.end()
        self._failed_starts = 0 if old.ready else self._failed_starts + 1
        if self._failed_starts == STARTS:
            raise UserError(
                f"worker processes end as they start ({fault.text}); is there memory for {self._count} of them? "
                "Try fewer"
            )
        self._members[place] = self._member()
        return [(old, Outcome(old.results, fault))] if old.busy else []

    def _member(self) -> "_Member[T, R]":
        return _Member(self._context, self._make)


class _Desk(Generic[T, R, A]):
    """The cases that were begun: tasks to hand out, and tasks that are worked on."""

    def __init__(self, cases: Iterator[Case[T, R, A]], most: int) -> None:
        self._cases, self._most = cases, most
        self._waiting: deque[tuple[int, Case[T, R, A], Request[T]]] = deque()
        self._begun, self._more = 0, True
        self.running: dict[_Member[T, R], tuple[int, Case[T, R, A]]] = {}

    @property
    def empty(self) -> bool:
        return not (self._more or self._waiting or self.running)

    def put_first(self, number: int, case: Case[T, R, A], request: Request[T]) -> None:
        """A further task of a case; the cases behind it wait for its answer."""
        self._waiting.appendleft((number, case, request))

    def hand_out(self, members: Sequence["_Member[T, R]"], given: int) -> None:
        """Give each idle process a task; `given` answers were given, which bounds how many cases are begun."""
        for member in members:
            if member.ready and not member.busy and (self._waiting or self._begin(given)):
                number, case, request = self._waiting.popleft()
                self.running[member] = number, case
                member.give(request)

    def _begin(self, given: int) -> bool:
        if not self._more or self._begun - given >= self._most:
            return False
        case = next(self._cases, None)
        if case is None:
            self._more = False
            return False
        self._waiting.append((self._begun, case, next(case)))
        self._begun += 1
        return True


class _Member(Generic[T, R]):
    """One process and what is known of it."""

    def __init__(self, context: Any, make: Callable[[], Work[T, R]]) -> None:
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the main process ends the others
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
