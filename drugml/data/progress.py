"""How far long work has come, for people who wait."""

import logging
import time

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two messages, at least."""


class Progress:
    """Logs `12,000 of 41,127 molecules prepared`, at most every `EVERY` seconds and never at the end."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what = total, what
        self._last = time.monotonic()

    def done(self, count: int) -> None:
        """`count` of the total are done."""
        if count < self._total and time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            log.info("%s of %s %s", f"{count:,}", f"{self._total:,}", self._what)
