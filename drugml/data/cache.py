"""The folder of packed stores: how large it may get, what is in it, and what goes first."""

import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

from drugml.data.store import META
from drugml.data.use import claimed
from drugml.errors import UserError

LIMIT = "20GB"
"""What all stores together may take on disk, where `DRUGML_CACHE_SIZE` says nothing else."""
UNFINISHED = 86_400
"""Seconds after which a folder that nobody finished is left over from a killed writer."""
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


DAMAGED = "damaged"


class Entry(NamedTuple):
    """One store on disk."""

    folder: Path
    what: str
    """Featurizer and standardisation; `damaged` if it cannot be read."""
    molecules: int
    size: int
    """Bytes."""
    used: float
    """When it was last read or written, seconds since 1970."""


class Pruned(NamedTuple):
    """What became of the stores."""

    removed: list[Entry]
    in_use: list[Entry]
    """Should have gone, but a process has them open, or they cannot be removed."""
    left: list[Entry]
    """All that are still there."""


def cache_folder() -> Path:
    """`DRUGML_CACHE`, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("DRUGML_CACHE") or Path(base) / "drugml")


def stores_folder(cache: Path) -> Path:
    """Where the packed stores are within the cache."""
    return cache / "stores"


def lock_of(store: Path) -> Path:
    """The lock of those who would write a store; not beside it, where only stores are."""
    return store.parent.parent / "locks" / f"{store.name}.lock"


def size_limit() -> int:
    """Bytes that all stores may take: `DRUGML_CACHE_SIZE`, else `LIMIT`."""
    return size_in_bytes(os.environ.get("DRUGML_CACHE_SIZE") or LIMIT, "DRUGML_CACHE_SIZE")


def size_in_bytes(text: str, where: str) -> int:
    """`20GB`, `1.5 TB` or a number of bytes; units are powers of 1000.

    Raises:
        UserError: if it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)?", text.strip().upper())
    if not found:
        raise UserError(f"{where}: {text!r} is no size; write a number and B, KB, MB, GB or TB, such as {LIMIT}")
    return int(float(found[1]) * UNITS[found[2] or "B"])


def entries(cache: Path) -> list[Entry]:
    """All stores, the least recently used first."""
    folder = stores_folder(cache)
    names = [f for f in folder.iterdir() if not f.name.startswith(".")] if folder.is_dir() else []
    return sorted((_entry(f) for f in names if f.is_dir()), key=lambda e: (e.used, e.folder.name))


def touch(folder: Path) -> None:
    """Note that a store is used now."""
    with suppress(OSError):  # a cache that is shared to read only
        os.utime(folder / META)


def prune(
    cache: Path, *, max_bytes: int | None = None, older_than_days: float | None = None, everything: bool = False
) -> Pruned:
    """Remove stores, the least recently used first, damaged ones and leftovers of killed writers in any case.

    Args:
        cache: the cache folder.
        max_bytes: until all that are left take no more than this.
        older_than_days: those that were not used for so long.
        everything: all of them.
    """
    _sweep(cache, 0 if everything else UNFINISHED)
    found = entries(cache)
    total = sum(e.size for e in found)
    done = Pruned([], [], [])
    limit = float("inf") if max_bytes is None else max_bytes
    oldest = float("-inf") if older_than_days is None else time.time() - older_than_days * 86_400
    for entry in found:
        wanted = everything or entry.what == DAMAGED or entry.used < oldest or total > limit
        if wanted and remove(entry.folder):
            total -= entry.size
            done.removed.append(entry)
            continue
        if wanted:
            done.in_use.append(entry)
        done.left.append(entry)
    return done


def used_bytes(cache: Path) -> int:
    """Of everything in the cache, unfinished stores included."""
    return sum(map(_size, stores_folder(cache).glob("*")))


def remove(folder: Path) -> bool:
    """Remove a store unless a process has it open; nobody sees half of it."""
    doomed = folder.with_name(f".{folder.name}.removed.{os.getpid()}")
    try:
        with claimed(folder / META) if (folder / META).exists() else nullcontext():
            folder.rename(doomed)
    except OSError:
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return True


def size_text(size: int) -> str:
    """`1.2 GB`."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.1f} {unit}"
    return f"{size} B"


def total_text(stores: Sequence[Entry]) -> str:
    """`3 stores (1.2 GB)`."""
    size = size_text(sum(e.size for e in stores))
    return f"{len(stores)} store{'' if len(stores) == 1 else 's'} ({size})"


def age_text(used: float) -> str:
    """`3 days ago`."""
    seconds = max(0.0, time.time() - used)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def _entry(folder: Path) -> Entry:
    size = 0
    try:
        size = _size(folder)
        used = (folder / META).stat().st_mtime
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        return Entry(folder, str(meta.get("what", "unknown")), meta["arrays"]["start.atom"][0][0] - 1, size, used)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Entry(folder, DAMAGED, 0, size, 0.0)


def _size(folder: Path) -> int:
    sizes = []
    for file in folder.glob("*"):
        with suppress(OSError):  # removed meanwhile
            sizes.append(file.stat().st_size)
    return sum(sizes)


def _sweep(cache: Path, age: float) -> None:
    """Remove what killed writers left: hidden folders and locks that nobody has touched for `age` seconds."""
    for left in [*stores_folder(cache).glob(".*"), *(cache / "locks").glob("*")]:
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < age:
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
