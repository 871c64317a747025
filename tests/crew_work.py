"""Work that raises, kills and hangs, for worker processes, which import this file and nothing heavy."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from drugml.data.isolate import Task
from drugml.data.status import Reject, Status

REJECTS = {
    "exit": Reject(Status.CRASH, "its process ended with exit code 3"),
    "segfault": Reject(Status.CRASH, "its process was ended by SIGSEGV"),
    "kill": Reject(Status.CRASH, "its process was ended by SIGKILL; out of memory?"),
    "raise": Reject(Status.FAULT, "ValueError: no luck"),
    "hang": Reject(Status.TIMEOUT, "took more than 0.5 s"),
}
Answer = list[str | Reject]


def act(item: str) -> str:
    what, _, flag = item.partition(":")
    if flag:  # only the first time
        if Path(flag).exists():
            return item.upper()
        Path(flag).touch()
    if what == "exit":
        os._exit(3)
    if what == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "raise":
        raise ValueError("no luck\nat all")
    if what == "hang":
        time.sleep(60)
    return item.upper()


def work(task: Task[str]) -> Iterator[Answer]:
    if task.singly:
        for item in task.items:
            yield [act(item)]
    else:
        if "together" in task.items:
            raise MemoryError
        yield [task.known.get(i) or act(item) for i, item in enumerate(task.items)]


def make() -> object:
    return work


def ending() -> object:
    os._exit(7)


def raising() -> object:
    raise FileNotFoundError("the bundle")
