"""A prediction on its way: what is done so far, in a folder beside the output, so that a killed one can go on.

`rows` holds all finished pieces one after the other, `state.json` how many rows and bytes of it count and what the job
is. Each piece is on disk before the state says so, and the state is replaced as a whole: whatever a kill leaves of a
later piece is cut off again.
"""

import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from drugml.errors import UserError

log = logging.getLogger(__name__)
BLOCK = 1 << 20


class Job:
    """The folder of a job; made, or taken up again.

    Args:
        out: the file to be written.
        about: all that the output depends on, each part in words.
        resume: whether to go on with what was left behind.

    Raises:
        UserError: if another process is at it, a job was left behind and `resume` is not set, that job was another
            one, or nothing can be written.
    """

    def __init__(self, out: Path, about: dict[str, str], *, resume: bool) -> None:
        self.out, self.folder = out, folder_of(out)
        self._about = about
        self._data, self._state = self.folder / "rows", self.folder / "state.json"
        self.rows = 0
        """Rows that are safe."""
        self.report: dict[str, Any] | None = None
        """What the report of these rows said."""
        self._bytes = self._crc = 0
        with self._writing():
            self.folder.mkdir(exist_ok=True)
            self._lock = FileLock(self.folder / ".lock")
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise UserError(f"{out}: another process is writing it now; wait for it, or stop it first") from None
        try:
            if self._state.exists():
                self._take_up(resume)
            elif resume:
                log.info("%s: no job was left behind, begins with the first row", out)
            with self._writing():
                # unbuffered: what could not be written must not be tried again when the file is closed
                self._file = self._data.open("r+b" if self.rows else "wb", buffering=0)
                self._file.truncate(self._bytes)
                self._file.seek(self._bytes)
        except BaseException:
            self._lock.release()
            raise

    def append(self, piece: bytes, rows: int, report: dict[str, Any]) -> None:
        """Make further rows safe.

        Raises:
            UserError: if they cannot be written.
        """
        with self._writing():
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
            crc = zlib.crc32(piece, self._crc)
            done = {"rows": rows, "bytes": self._bytes + len(piece), "crc32": crc}
            part = self._state.with_suffix(".part")
            part.write_text(json.dumps({"about": self._about, "done": done, "report": report}), encoding="utf-8")
            part.replace(self._state)
        self.rows, self._bytes, self._crc = rows, done["bytes"], crc

    def finish(self, make: Callable[[Path, Path], Path]) -> None:
        """Put the output in its place and remove the folder; `make` as `Form.finish`.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            self._file.close()
            made = make(self._data, self.folder / "whole")
            made.replace(self.out)
        self.discard()

    def close(self) -> None:
        """Leave the folder for a later `resume`; remove it if nothing is done."""
        self._file.close()
        if self.rows:
            self._lock.release()
        else:
            self.discard()

    def discard(self) -> None:
        """Remove the folder."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()

    def _take_up(self, resume: bool) -> None:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            about, done, self.report = state["about"], state["done"], state["report"]
            rows = int(done["rows"])
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self._state}: damaged; remove the folder {self.folder} to begin anew") from None
        if not rows or not self._data.exists():  # nothing is done, or the output is in its place
            self.report = None
            return
        if not resume:
            raise UserError(
                f"{self.out}: a job that was stopped after {rows:,} rows left {self.folder} behind; go on with it with "
                "--resume, or remove the folder to begin anew"
            )
        if changed := _differences(about, self._about):
            raise UserError(
                f"{self.out}: the job that left {self.folder} behind was another one: {'; '.join(changed)}. "
                "Run it as it was begun, or remove the folder to begin anew"
            )
        if _crc32(self._data, done["bytes"]) != done["crc32"]:
            raise UserError(f"{self._data}: damaged; remove the folder {self.folder} to begin anew")
        self.rows, self._bytes, self._crc = rows, done["bytes"], done["crc32"]
        log.info("%s: goes on after %s rows", self.out, f"{rows:,}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = "nothing was left behind"
            if self.rows:
                kept = f"{self.rows:,} rows are kept in {self.folder}; go on with --resume when it can be written"
            raise UserError(f"{self.out}: cannot be written: {error.strerror or error}; {kept}") from None


def folder_of(out: Path) -> Path:
    """Where an unfinished output is kept."""
    return out.with_name(f".{out.name}.parts")


def _differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    names = dict.fromkeys([*then, *now])
    return [
        f"{name}: {_short(then.get(name, 'absent'))} then, {_short(now.get(name, 'absent'))} now"
        for name in names
        if then.get(name) != now.get(name)
    ]


def _short(text: str) -> str:
    """A hash by its first digits."""
    return text if len(text) < 64 else text[:-52]


def _crc32(path: Path, size: int) -> int:
    """CRC-32 of the first bytes of a file; -1 if it is shorter."""
    crc, left = 0, size
    with path.open("rb") as file:
        while left:
            piece = file.read(min(left, BLOCK))
            if not piece:
                return -1
            crc, left = zlib.crc32(piece, crc), left - len(piece)
    return crc
