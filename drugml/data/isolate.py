"""A fault in a list of molecules is traced to those that cause it, so that it costs no other.

The list is tried twice, because a fault may have come from outside; then one by one, then without those that failed.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from drugml.data.crew import Case
from drugml.data.status import Reject, Status
from drugml.data.worker import Fault, Kind, Request
from drugml.errors import UserError

log = logging.getLogger(__name__)
I = TypeVar("I")  # noqa: E741  an item
R = TypeVar("R")

WHOLE = 10
"""A task of many items may take so many times the seconds that one may take."""
IN_A_ROW = 50
"""Items that may fail one after the other before something else must be wrong."""
STATUS = {Kind.RAISED: Status.FAULT, Kind.DIED: Status.CRASH, Kind.HUNG: Status.TIMEOUT}


class Task(NamedTuple, Generic[I]):
    """Items to work on."""

    items: Sequence[I]
    known: dict[int, Reject]
    """Positions that are not tried, and why; they are part of the result all the same."""
    singly: bool
    """A result for each item instead of one for all."""


Join = Callable[[Sequence[R], dict[int, Reject]], R]
"""Results of single items, in order, and where between them the rejected ones stand, as the result of all."""


def settle(items: Sequence[I], seconds: float, join: Join[R]) -> Case[Task[I], R, R]:
    """A result for all items, whatever one of them does.

    Args:
        items: molecules in whatever form.
        seconds: that one of them may take.
        join: used only where the items succeed one by one but not together, for want of memory.

    Raises:
        UserError, RuntimeError: if so many fail that it cannot be due to them.
    """
    whole = Request(Task(items, {}, singly=False), WHOLE * seconds)
    for _ in range(2):
        outcome = yield whole
        if outcome.fault is None:
            return outcome.results[0]
        log.info("a piece of %d molecules failed and is tried again: %s", len(items), outcome.fault.text)
        if outcome.fault.kind == Kind.HUNG:
            break
    good: list[R] = []
    known: dict[int, Reject] = {}
    in_a_row = 0
    while (at := len(good) + len(known)) < len(items):
        outcome = yield Request(Task(items[at:], {}, singly=True), seconds)
        good += outcome.results
        if outcome.fault is not None:
            known[len(good) + len(known)] = Reject(STATUS[outcome.fault.kind], outcome.fault.text)
            in_a_row = 1 if outcome.results else in_a_row + 1
            if in_a_row == IN_A_ROW:
                raise _hopeless(outcome.fault)
    outcome = yield Request(Task(items, known, singly=False), WHOLE * seconds)
    if outcome.fault is None:
        return outcome.results[0]
    if not good:
        raise _hopeless(outcome.fault)
    return join(good, known)


def _hopeless(fault: Fault) -> Exception:
    text = f"molecules fail one after the other, so that it cannot be due to them: {fault.text}"
    return RuntimeError(text) if fault.kind == Kind.RAISED else UserError(f"{text}. Is there too little memory?")
