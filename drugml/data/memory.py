"""Memory of the machine: how much is free, and how it is kept between steps."""

import ctypes
import os
from pathlib import Path

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""


def available(device: torch.device) -> int:
    """Bytes that can be had on a device without pushing anything out."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def keep_freed() -> bool:
    """Let this process keep blocks of up to 256 MiB that it frees; true where the C library can.

    glibc gives large blocks back to the kernel, which hands out zeroed pages at the next step again: a tenth of the
    time of a training step on a CPU, a third of that of a prediction. The process stays as large as its largest step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):  # musl, macOS, Windows
        return False
    large = mallopt(M_MMAP_THRESHOLD, 1 << 28) or mallopt(M_MMAP_THRESHOLD, 1 << 25)  # what older versions allow
    return bool(large and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def give_back() -> bool:
    """Give the kernel what this process has freed but kept; true where the C library can."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, TypeError, OSError):
        return False
