"""Calls to a store that may fail, with little patience: MLflow's own would let training wait for minutes."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

CALL, UPLOAD = 5, 60
"""Seconds that a server has for an answer to a call, and to a file."""
LOCKED = 3
"""Seconds to wait for a locked SQLite database."""
PATIENCE = "MLFLOW_HTTP_REQUEST_TIMEOUT"


class _Brief:
    depth = 0


@contextmanager
def brief(seconds: int) -> Iterator[None]:
    """Inside, a call to the store ends after `seconds` and is not repeated; what the user's environment says holds."""
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", PATIENCE: str(seconds)}
    added = {k: v for k, v in limits.items() if k not in os.environ}
    noisy = logging.getLogger("mlflow.store.db.utils")  # writes the traceback of each failure to the terminal
    level = noisy.level
    os.environ.update(added)
    noisy.setLevel(logging.CRITICAL + 1)
    _Brief.depth += 1
    try:
        yield
    finally:
        _Brief.depth -= 1
        noisy.setLevel(level)
        for name in added:
            os.environ.pop(name, None)


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _patience(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
    """MLflow waits for a lock for 20 s, as each of its sessions says anew."""
    if _Brief.depth and statement.startswith("PRAGMA busy_timeout"):
        statement = f"PRAGMA busy_timeout = {1000 * LOCKED};"
    return statement, parameters


def why(error: BaseException) -> str:
    """The reason of a failed call in a few words; those of MLflow's client are nested texts of other libraries."""
    text = " ".join(str(error).split())
    if "timeout exception" in text or "timed out" in text:
        return "it does not answer in time"
    for known in ("Connection refused", "database is locked", "database or disk is full", "Name or service not known"):
        if known in text:
            return known
    if match := re.search(r"Connection aborted|RemoteDisconnected|ConnectionResetError", text):
        return f"connection lost ({match[0]})"
    return text[:200] or type(error).__name__
