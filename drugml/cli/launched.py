"""The command as one of several processes that torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def launched() -> Iterator[bool]:
    """Yield whether this process only takes part in what the first one does, and nothing is left to do."""
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        yield False
        return
    from drugml.runs.joint import joined  # torch, which `drugml --help` must not wait for

    with joined() as other:
        yield other
