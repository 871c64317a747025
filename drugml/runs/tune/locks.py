"""Who may claim a trial, and which processes are alive, told by locks that end with the process that holds them.

There is no clock and no heartbeat: a lock of the operating system (or of a database session) is let go the moment its
process ends, however it ends.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy
from filelock import FileLock, Timeout

PAUSE = 0.1
"""Seconds between two looks at a lock that another process holds."""


class Locks(Protocol):
    """Of one study."""

    owner: str
    """This process."""

    def alone(self) -> AbstractContextManager[None]:
        """No other process of the study is in here."""
        ...

    def alive(self, owner: str) -> bool:
        """Whether a process has not ended."""
        ...


class FileLocks:
    """Files in a folder beside the study; works for several hosts where their file system locks across hosts."""

    def __init__(self, folder: Path, keep: ExitStack) -> None:
        self.folder, self.owner = folder, uuid.uuid4().hex
        folder.mkdir(parents=True, exist_ok=True)
        mine = self._path(self.owner)
        keep.callback(mine.unlink, missing_ok=True)
        keep.enter_context(FileLock(mine))

    @contextmanager
    def alone(self) -> Iterator[None]:
        with FileLock(self.folder / "claims.lock", poll_interval=PAUSE):
            yield

    def alive(self, owner: str) -> bool:
        path = self._path(owner)
        if owner == self.owner or not path.exists():
            return owner == self.owner
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)  # nobody comes back by this name
                return False
        except Timeout:
            return True

    def _path(self, owner: str) -> Path:
        return self.folder / f"{owner}.owner"


class SessionLocks:
    """Advisory locks of a PostgreSQL session; needs a connection to the server, not to a pooler of transactions."""

    def __init__(self, url: str, study: str, keep: ExitStack) -> None:
        self.study, self.owner = study, uuid.uuid4().hex
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT")
        self._session = keep.enter_context(engine.connect())
        # a host that lost its power is noticed by the server after two minutes, not two hours
        for setting, value in (("idle", 60), ("interval", 10), ("count", 6)):
            self._session.execute(sqlalchemy.text(f"SET tcp_keepalives_{setting} = {value}"))
        self._take(self.owner)

    @contextmanager
    def alone(self) -> Iterator[None]:
        while not self._take(f"claims of {self.study}"):
            time.sleep(PAUSE)
        try:
            yield
        finally:
            self._release(f"claims of {self.study}")

    def alive(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        if not self._take(owner):
            return True
        self._release(owner)
        return False

    def _take(self, name: str) -> bool:
        return bool(self._call("pg_try_advisory_lock", name))

    def _release(self, name: str) -> None:
        self._call("pg_advisory_unlock", name)

    def _call(self, function: str, name: str) -> object:
        number = int.from_bytes(hashlib.sha256(f"drugml {name}".encode()).digest()[:8], signed=True)
        return self._session.execute(sqlalchemy.text(f"SELECT {function}(:number)"), {"number": number}).scalar()
