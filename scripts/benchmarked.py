"""What the speed benchmarks share: real molecules packed once, the measured ceiling, and fair timing."""

import csv
import gzip
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from drugml.config.featurizers import ChempropV2Spec
from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.config.standardize import NoStandardization
from drugml.data.splits import SplitPlan
from drugml.data.splits.plan import Molecules
from drugml.data.store import PackedStore
from drugml.featurizers.cached import pack_cached
from drugml.training.data import TrainingData

TABLE = Path(os.environ.get("DRUGML_DATA", ".")) / "moleculenet/hiv_41127.csv.gz"
CACHE = Path(tempfile.gettempdir()) / "drugml-benchmark"
WIDTH = 300


class Rate(NamedTuple):
    """Molecules per second, medians over the rounds."""

    wall: float
    cpu: float
    """By the processor time of this process: right on a busy machine too, for one thread."""


def molecules(count: int, path: Path = TABLE) -> tuple[list[str], PackedStore]:
    """The first molecules of a table that RDKit reads, and their graphs; packed at the first call only."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        column = "smiles" if "smiles" in file.readline() else "SMILES"
        file.seek(0)
        smiles = [row[column] for row in itertools.islice(csv.DictReader(file), count)]
    packed = pack_cached(
        smiles, ChempropV2Spec(), standardize=NoStandardization(), max_atoms=1000, cache=CACHE, workers=1
    )
    assert packed.store is not None
    return [s for i, s in enumerate(smiles) if i not in packed.rejects], packed.store


def run_spec(model: str = "dmpnn", **train: object) -> RunSpec:
    """D-MPNN (300, depth 3) or another model at its default size, batch 64, everything else as it comes."""
    config = {
        "data": {"path": "x.csv", "targets": ["y"]},
        "task": {"kind": "regression"},
        "featurizer": {"name": "chemprop_v2"},
        "model": {"name": model},
    }
    return check(RunSpec, {**config, "train": {"accelerator": "cpu", "batch_size": 64, **train}}, {(): "benchmark"})


def training_data(store: PackedStore, val: int = 64) -> TrainingData:
    """The store with the number of atoms as label, the last molecules for validation."""
    labels = np.diff(store.atom_start).astype(float)[:, None]
    fold = np.zeros(len(store), np.int8)
    fold[-val:] = 1
    nameless = Molecules((), np.array([], bytes), np.array([], bytes), None, (), labels)
    return TrainingData(store, ("y",), labels, labels, np.ones_like(labels), SplitPlan(nameless, fold))


def interleaved(jobs: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, Rate]:
    """Run all jobs in turn, so that a busy machine slows all of them; each returns how many molecules it did."""
    wall: dict[str, list[float]] = {name: [] for name in jobs}
    cpu: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter(), time.process_time()
            count = job()
            wall[name].append(count / (time.perf_counter() - start[0]))
            cpu[name].append(count / (time.process_time() - start[1]))
    return {name: Rate(statistics.median(wall[name]), statistics.median(cpu[name])) for name in jobs}


def gemm_rate(rows: int, width: int = WIDTH, repeats: int = 30) -> tuple[float, float]:
    """GFLOP/s of float32 `torch.mm` of (rows, width) by (width, width): as it is, and the best for rows filled up.

    The second is the ceiling: MKL is slow where rows of the result do not start on a boundary of 32 bytes.
    """
    rates = []
    for columns in (width, -(-width // 16) * 16):
        a, b, out = torch.randn(rows, columns), torch.randn(columns, columns), torch.empty(rows, columns)
        seconds = []
        for _ in range(repeats):
            start = time.process_time()
            torch.mm(a, b, out=out)
            seconds.append((time.process_time() - start) / torch.get_num_threads())
        rates.append(2 * rows * columns * columns / statistics.median(seconds) / 1e9)
    return rates[0], max(rates)


def step_flop(store: PackedStore, width: int = WIDTH, batch_size: int = 64) -> float:
    """Floating-point operations of matrix products per molecule and training step of D-MPNN with depth 3.

    Forward once, backward twice, but for the gradients of one-hot rows, which nobody needs.
    """
    atoms, bonds = len(store.atom["codes"]) / len(store), len(store.bond["codes"]) / len(store)
    first = atoms * 72 * width + bonds * 14 * width
    rest = 2 * 2 * bonds * width * width + atoms * width * width + width * width + width
    seen = atoms * 72 * width
    return 2.0 * (2 * first + 3 * rest + 2 * seen)


def machine() -> str:
    """Processor, threads and versions in one line."""
    info = Path("/proc/cpuinfo")
    names = [x.split(":")[1].strip() for x in info.read_text().splitlines() if x.startswith("model name")]
    kind = torch.backends.cpu.get_cpu_capability()
    return f"{names[0]}, {len(names)} cores, {kind}; torch {torch.__version__}, {torch.get_num_threads()} thread(s)"
