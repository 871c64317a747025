"""`drugml` in processes of their own, which a test may stop or kill.

They are forked from one that has imported everything once: importing takes longer than most of what is tested.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from drugml.data.worker import warm_up

EVERYTHING = ["tests.searches", "tests.pieces", "drugml.cli.main", "drugml.cli.progress", "drugml.cli.predicting",
              "drugml.runs.cv", "drugml.runs.train", "drugml.training.fit"]  # fmt: skip


def import_ahead() -> None:
    """Begin to import what processes need; it goes on beside the tests."""
    warm_up(EVERYTHING)


def forked(target: Callable[..., None], *args: object) -> BaseProcess:
    """A started process that calls a function; this one has threads and cannot be forked itself."""
    import_ahead()
    process: Any = multiprocessing.get_context("forkserver").Process(target=target, args=args)
    process.start()
    return process  # type: ignore[no-any-return]


class Drugml:
    """`drugml ARGS` in a process of its own, in its own group.

    Args:
        args: of the command line.
        cwd: where it stands.
        terminal: its standard input, output and errors; files otherwise.
        before: called in the process before the command.
    """

    def __init__(
        self, *args: object, cwd: Path, terminal: str | None = None, before: Callable[[], None] | None = None
    ) -> None:
        self._kept = tempfile.TemporaryDirectory()
        self._out, self._err = (Path(self._kept.name, name) for name in ("out", "err"))
        streams = (terminal,) * 3 if terminal else (os.devnull, str(self._out), str(self._err))
        self._process = forked(_command, [*map(str, args)], cwd, streams, dict(os.environ), before)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float = 600) -> int:
        """The exit code."""
        self._process.join(seconds)
        code = self.poll()
        assert code is not None, self.errors
        return code

    @property
    def errors(self) -> str:
        """What it has written to standard error by now."""
        return self._err.read_text() if self._err.exists() else ""

    @property
    def output(self) -> str:
        """What it has written to standard output by now."""
        return self._out.read_text() if self._out.exists() else ""

    def wait_for(self, text: str) -> None:
        """Until standard error holds a text."""
        while text not in self.errors:
            assert self.poll() is None or text in self.errors, self.errors
            time.sleep(0.01)

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the process, or to all of its group."""
        (os.killpg if group else os.kill)(self.pid, number)

    def kill(self) -> None:
        """End it with all of its group, as a machine does that loses its power."""
        self.signal(signal.SIGKILL, group=True)
        self.wait()


def _command(
    args: list[str], cwd: Path, streams: tuple[str, ...], env: dict[str, str], before: Callable[[], None] | None
) -> None:
    os.setsid()
    for number, name in enumerate(streams):
        file = os.open(name, os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    if before is not None:
        before()
    from drugml.cli.main import main

    sys.argv = ["drugml", *args]
    main()
