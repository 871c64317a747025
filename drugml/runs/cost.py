"""What a training costs: memory at its peak, and energy where the machine tells it."""

import re
import sys
import threading
from pathlib import Path

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

POWERCAP = Path("/sys/class/powercap")
"""Where Linux counts the energy of processors (https://docs.kernel.org/power/powercap/powercap.html)."""
PACKAGE = re.compile(r"intel-rapl:\d+")
"""One processor; its parts have longer names. AMD's are called so too."""
EVERY = 30.0
"""Seconds between readings: counters begin anew, those of 262 kJ after four minutes at 1 kW."""


class Meter:
    """Energy of the processors while inside, of whatever ran on them.

    `kwh` is None where the machine does not tell, as most virtual ones, and as those where only root may read it.
    """

    def __init__(self, folder: Path = POWERCAP, every: float = EVERY) -> None:
        self._zones = [z for z in sorted(folder.glob("intel-rapl:*")) if PACKAGE.fullmatch(z.name)]
        self._every, self._done = every, threading.Event()
        self._joules = 0.0
        self.kwh: float | None = None

    def __enter__(self) -> "Meter":
        try:
            self._last = [_number(z / "energy_uj") for z in self._zones]
            self._range = [_number(z / "max_energy_range_uj") for z in self._zones]
        except (OSError, ValueError):
            self._zones = []
        if self._zones:
            self._thread = threading.Thread(target=self._watch, name="energy", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._zones:
            self._done.set()
            self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._done.wait(self._every):
                self._read()
            self._read()
        except (OSError, ValueError):  # a total with a gap is none
            return
        self.kwh = self._joules / 3.6e6

    def _read(self) -> None:
        now = [_number(z / "energy_uj") for z in self._zones]
        for a, b, most in zip(self._last, now, self._range, strict=True):
            self._joules += (b - a if b >= a else b - a + most) / 1e6
        self._last = now


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def peak_memory() -> dict[str, float]:
    """MiB at the peak of this process since it began, imports included, and of its tensors on a GPU; by metric."""
    out: dict[str, float] = {}
    if resource is not None:
        units = 1 if sys.platform == "darwin" else 1024
        out["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * units / 2**20
    if torch.cuda.is_available():
        out["gpu_peak_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return out
