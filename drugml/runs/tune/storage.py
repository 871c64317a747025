"""Where a study is kept: a journal file, SQLite, or PostgreSQL for many hosts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from drugml.errors import UserError
from drugml.runs.tune.locks import FileLocks, Locks, SessionLocks

SQLITE, POSTGRES, JOURNAL = "sqlite:///", "postgresql://", ".journal"
DRIVER = "postgresql+psycopg2://"
"""That of the extra `postgres`; which one SQLAlchemy takes by itself depends on its version."""
PATIENCE = 60
"""Seconds that SQLite waits for another process to finish writing."""


class Kept(NamedTuple):
    """An open storage with the locks of one study."""

    storage: BaseStorage
    locks: Locks
    shown: str
    """Its address without a password."""


@contextmanager
def kept(url: str, study: str) -> Iterator[Kept]:
    """Open the storage of a study, made ready where it is new.

    Args:
        url: a file `….journal`, sqlite:///FILE, or postgresql://….
        study: its name.

    Raises:
        UserError: if it is none of these, or cannot be reached or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shown = _shown(url)
    if url.startswith(POSTGRES):
        url = url.replace(POSTGRES, DRIVER, 1)
    try:
        with ExitStack() as keep:
            locks = _locks(url, study, keep)
            with locks.alone():  # tables that several processes make at once would be made twice
                storage = _storage(url)
            yield Kept(storage, locks, shown)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        raise UserError(f"--storage {shown}: {str(cause).splitlines()[0]}") from error
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(_path(url) or "\0")):
            raise
        raise UserError(f"--storage {shown}: cannot be written: {error.strerror or error}") from None


def _locks(url: str, study: str, keep: ExitStack) -> Locks:
    if (path := _path(url)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLocks(Path(f"{path}.locks") / study, keep)
    if url.startswith(DRIVER):
        if find_spec("psycopg2") is None:
            raise UserError(f"--storage {_shown(url)}: the driver is missing; pip install 'drugml[postgres]'")
        return SessionLocks(url, study, keep)
    raise UserError(f"--storage {_shown(url)!r}: expected FILE{JOURNAL}, {SQLITE}FILE or {POSTGRES}USER@HOST/DATABASE")


def _storage(url: str) -> BaseStorage:
    path = _path(url)
    if path is None:
        return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    if url.startswith(SQLITE):
        return RDBStorage(f"{SQLITE}{path}", engine_kwargs={"connect_args": {"timeout": PATIENCE}})
    return JournalStorage(JournalFileBackend(str(path)))


def _path(url: str) -> Path | None:
    """The file of a storage that is one."""
    if url.startswith(SQLITE):
        return Path(url.removeprefix(SQLITE)).absolute()
    return Path(url).absolute() if url.endswith(JOURNAL) and "://" not in url else None


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True) if "://" in url else url
    except ArgumentError:
        return url
