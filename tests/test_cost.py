"""Memory and energy of a training; the files of the kernel are laid out as its documentation says."""

import time
from pathlib import Path

import numpy as np
import pytest

from drugml.runs.cost import Meter, peak_memory


def zone(folder: Path, name: str, energy: int, most: int) -> Path:
    (folder / name).mkdir()
    (folder / name / "energy_uj").write_text(f"{energy}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{most}\n")
    return folder / name / "energy_uj"


def put(file: Path, text: str) -> None:
    """At once, as the kernel does."""
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)


def test_energy_is_that_of_all_processors_and_counters_may_begin_anew(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", 10_000_000, 262_000_000)
    second = zone(tmp_path, "intel-rapl:1", 261_000_000, 262_000_000)
    part = zone(tmp_path, "intel-rapl:0:0", 0, 262_000_000)
    with Meter(tmp_path, every=0.02) as meter:
        for _ in range(3):  # the second begins anew each time, which readings between them tell
            for energy in (100_000_000, 200_000_000, 0):
                put(second, f"{energy}\n")
                time.sleep(0.2)
        put(first, "46000000\n")
        put(part, "30000000\n")
    assert meter.kwh == pytest.approx((36 + 1 + 3 * 262) / 3.6e6)


def test_where_the_machine_does_not_tell_there_is_no_figure(tmp_path: Path) -> None:
    with Meter(tmp_path / "none") as meter:
        pass
    assert meter.kwh is None
    energy = zone(tmp_path, "intel-rapl:0", 10, 100)
    with Meter(tmp_path, every=0.02) as meter:
        put(energy, "lost\n")
    assert meter.kwh is None


def test_the_peak_holds_what_was_touched() -> None:
    size = peak_memory()["peak_memory_mib"] + 200
    held = np.ones(int(size * 2**20 / 8))
    assert peak_memory()["peak_memory_mib"] >= held.nbytes / 2**20
