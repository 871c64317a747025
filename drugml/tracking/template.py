"""MLflow makes a new SQLite database in dozens of migrations, which takes seconds: made once, and copied.

The copy is kept in drugml's cache. It may be removed at any time, and what is wrong with it is noticed.
"""

import hashlib
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

import drugml.tracking as _  # noqa: F401  sets the environment before MLflow is imported
from drugml.data.cache import cache_folder

from mlflow import MlflowClient  # isort: skip

MADE_BY = ("mlflow", "sqlalchemy", "alembic")
"""Packages whose versions decide what the tables are."""


def begin(path: Path) -> None:
    """Make a database that MLflow finds ready; where it cannot be made, MLflow makes it itself.

    Args:
        path: a file that does not exist, in a folder that does; the caller keeps other processes of drugml away.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):  # a full disk, a cache that cannot be written, no hard links: all of that MLflow survives
        content = _kept() or _keep(_made())
        try:
            part.write_bytes(content)
            path.hardlink_to(part)  # whole or not at all, and never over what somebody else has made meanwhile
        finally:
            part.unlink(missing_ok=True)


def _kept() -> bytes | None:
    """The copy for the versions that are installed, if it is whole."""
    for file in _folder().glob(f"{_name()}-*.db"):
        content = file.read_bytes()
        if file.stem.endswith(f"-{_digest(content)}"):
            return content
        file.unlink(missing_ok=True)
    return None


def _keep(content: bytes) -> bytes:
    """Put a copy into the cache if that can be written."""
    folder = _folder()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{os.getpid()}"
        part.write_bytes(content)
        part.replace(folder / f"{_name()}-{_digest(content)}.db")
    return content


def _made() -> bytes:
    """An empty database, made by MLflow."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # MLflow keeps the file open
        path = Path(folder) / "mlflow.db"
        uri = f"sqlite:///{path}"
        MlflowClient(uri, uri).search_experiments(max_results=1)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("DELETE FROM experiments")  # the one called Default keeps its files in this folder
            database.execute("VACUUM")
        return path.read_bytes()


def _folder() -> Path:
    return cache_folder() / "mlflow"


def _name() -> str:
    return "-".join(f"{package}{version(package)}" for package in MADE_BY)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
