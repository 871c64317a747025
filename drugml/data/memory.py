"""Memory of the machine: how much is free, and how it is kept between steps."""

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch  # takes seconds, which commands that have no use for it do not wait

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""
LARGE = 4 << 20
"""Bytes of a block that is worth a call of the kernel."""


def available(device: "torch.device") -> int:
    """Bytes that can be had on a device without pushing anything out."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def keep_freed() -> bool:
    """Let this process keep blocks of up to 256 MiB that it frees; true where the C library can.

    glibc gives large blocks back to the kernel, which hands out zeroed pages at the next step again: a tenth of the
    time of a training step on a CPU, a third of that of a prediction. The process stays as large as its largest step
    until `give_back`.
    """
    libc = _glibc()
    if libc is None:
        return False
    large = libc.mallopt(M_MMAP_THRESHOLD, 1 << 28) or libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)  # of older versions
    return bool(large and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def give_back() -> bool:
    """Give the kernel what this process has freed but kept, and from now on large blocks at once; true where it can.

    Left alone, glibc learns from the largest block that was freed, and keeps up to twice as much for each thread. Room
    between blocks that are in use is filled again and stays.
    """
    libc = _glibc()
    if libc is None:
        return False
    at_once = libc.mallopt(M_MMAP_THRESHOLD, LARGE) and libc.mallopt(M_TRIM_THRESHOLD, LARGE)
    return bool(libc.malloc_trim(0) and at_once)


@cache
def _glibc() -> ctypes.CDLL | None:
    """None on musl, macOS and Windows."""
    try:
        libc = ctypes.CDLL(None)
        return libc if libc.mallopt and libc.malloc_trim else None
    except (AttributeError, TypeError, OSError):
        return None
