"""Errors meant for the user: the CLI prints their message and exits with 2, without a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can fix: say where, what was found, what was expected, what to do."""


class Stopped(BaseException):
    """Told to stop by Ctrl-C or SIGTERM; as KeyboardInterrupt, no `except Exception` may swallow it."""

    def __init__(self, exit_code: int, again: str = "drugml train --resume last") -> None:
        super().__init__(exit_code, again)  # what it is made of, so that it comes back from other processes
        self.exit_code, self.again = exit_code, again

    def __str__(self) -> str:
        return f"stopped from outside (exit code {self.exit_code})"


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist."""
    names = list(known)
    lower = {n.lower(): n for n in reversed(names)}
    match = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    return f"did you mean {lower[match[0]]!r}?" if match else f"choose from: {', '.join(names)}"
