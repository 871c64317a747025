"""Worker processes that are started once, and what becomes of a task that ends one of them.

A `Case` decides, in the main process, which task is tried next.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Generic, TypeVar

from drugml.data.worker import Fault, Kind, Outcome, Request, Work, Worker, said, warm_up
from drugml.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")

AHEAD = 2
"""Cases begun per worker and not yet given back; bounds memory."""
STARTS = 3
"""Processes that may end one after the other before they have begun to work."""


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
        self._members: list[Worker[T, R]] = []
        self._failed_starts = 0

    def __enter__(self) -> "Crew[T, R]":
        self._members = [Worker(self._make) for _ in range(self._count)]
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

    def _outcomes(self) -> list[tuple[Worker[T, R], Outcome[R]]]:
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

    def _replace(self, place: int, fault: Fault) -> list[tuple[Worker[T, R], Outcome[R]]]:
        old = self._members[place]
        old.end()
        self._failed_starts = 0 if old.ready else self._failed_starts + 1
        if self._failed_starts == STARTS:
            raise UserError(
                f"worker processes end as they start ({fault.text}); is there memory for {self._count} of them? "
                "Try fewer"
            )
        self._members[place] = Worker(self._make)
        return [(old, Outcome(old.results, fault))] if old.busy else []


class _Desk(Generic[T, R, A]):
    """The cases that were begun: tasks to hand out, and tasks that are worked on."""

    def __init__(self, cases: Iterator[Case[T, R, A]], most: int) -> None:
        self._cases, self._most = cases, most
        self._waiting: deque[tuple[int, Case[T, R, A], Request[T]]] = deque()
        self._begun, self._more = 0, True
        self.running: dict[Worker[T, R], tuple[int, Case[T, R, A]]] = {}

    @property
    def empty(self) -> bool:
        return not (self._more or self._waiting or self.running)

    def put_first(self, number: int, case: Case[T, R, A], request: Request[T]) -> None:
        """A further task of a case; the cases behind it wait for its answer."""
        self._waiting.appendleft((number, case, request))

    def hand_out(self, members: Sequence[Worker[T, R]], given: int) -> None:
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
