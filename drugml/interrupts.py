"""Ctrl-C for Python, although RDKit takes it.

Many functions of RDKit, each substructure search among them, put a handler of their own in the place of Python's
SIGINT handler and leave it there (rdkit issue 9381). The next Ctrl-C then does nothing, or ends an inner loop early;
the one after it kills the process where it stands. So RDKit never gets to see the signal.
"""

import os
import signal
import threading
from multiprocessing import resource_tracker
from types import FrameType

_routed: set[int] = set()
"""Processes in which it is done; a set, since a child that was forked has a copy."""


def route() -> None:
    """Have SIGINT call its Python handler in the main thread, whatever handler a library puts in its place.

    The signal is blocked in this thread and all that it will start, so call it before there are others; one of them
    waits for it and sends SIGUSR2 instead. Processes that are started later have it blocked: they end with this one.
    """
    if not hasattr(signal, "pthread_sigmask") or os.getpid() in _routed:
        return
    _routed.add(os.getpid())
    resource_tracker.ensure_running()  # as multiprocessing will; it unblocks SIGINT behind that
    signal.signal(signal.SIGUSR2, _pass_on)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_wait, name="interrupts", daemon=True).start()


def ignore() -> None:
    """Leave SIGINT to another process; blocked as well, since a library may take what is only ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _wait() -> None:
    main = threading.main_thread().ident
    assert main is not None
    while True:
        signal.sigwait({signal.SIGINT})
        signal.pthread_kill(main, signal.SIGUSR2)  # a real signal, so that a wait of the main thread ends


def _pass_on(_: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
