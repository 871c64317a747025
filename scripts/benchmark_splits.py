"""Time each splitter, and the fingerprints that most of them start from, and print the ratio.

    python scripts/benchmark_splits.py TABLE --molecules 10000 [--only leader kmeans]

TABLE is any table of molecules, such as MOSES. The ceiling is RDKit reading the SMILES and computing Morgan
fingerprints on all cores: nothing that looks at fingerprints can be faster. For `leader` and `max_min` RDKit's own
pickers are run too (--peers), which choose the same molecules.
"""

import argparse
import resource
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit import DataStructs
from rdkit.SimDivFilters.rdSimDivPickers import LeaderPicker, MaxMinPicker

from drugml.config.base import Spec
from drugml.config.splits import (
    ClusterSplit,
    GroupSplit,
    KennardStoneSplit,
    KMeansSplit,
    MaxMinSplit,
    PerimeterSplit,
    RandomSplit,
    ScaffoldSplit,
    StratifiedSplit,
    TimeSplit,
)
from drugml.data.columns import find_smiles
from drugml.data.molecule import digest, scaffold
from drugml.data.prints import BITS, fingerprints
from drugml.data.splits import Molecules, folds, split
from drugml.data.splits.leaks import report
from drugml.data.table import Table

SPLITS: dict[str, Spec] = {
    "random": RandomSplit(),
    "stratified": StratifiedSplit(),
    "scaffold": ScaffoldSplit(),
    "scaffold generic": ScaffoldSplit(framework="generic"),
    "time": TimeSplit(column="column"),
    "group": GroupSplit(column="column"),
    "kmeans": KMeansSplit(),
    "leader": ClusterSplit(),
    "butina": ClusterSplit(method="butina"),
    "max_min": MaxMinSplit(),
    "kennard_stone": KennardStoneSplit(),
    "perimeter": PerimeterSplit(),
}


class Seconds(NamedTuple):
    """Of one run, by the clock and of all cores."""

    wall: float
    cpu: float


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--molecules", type=int, default=10_000)
    parser.add_argument("--only", nargs="*", default=list(SPLITS), choices=[*SPLITS, "folds", "leaks"])
    parser.add_argument("--peers", action="store_true", help="also run RDKit's pickers")
    args = parser.parse_args()
    molecules = read(args.table, args.molecules, scaffolds=any("scaffold" in name for name in args.only))
    ceiling = timed(lambda: fingerprints(molecules.smiles))
    print(f"| {args.molecules:,} molecules | s | CPU s | × fingerprints |", "|---|---|---|---|", sep="\n")
    show("SMILES to fingerprints", ceiling, ceiling)
    for name in args.only:
        show(name, timed(job(name, molecules)), ceiling)
    if args.peers:
        peers(molecules, ceiling)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def job(name: str, molecules: Molecules) -> Callable[[], object]:
    """What is timed under a name."""
    if name == "folds":
        return lambda: folds(RandomSplit(), molecules, 5, 5)
    if name == "leaks":
        plan = split(RandomSplit(), molecules)
        return lambda: report(plan, ["y"])
    return lambda: split(SPLITS[name], molecules)


def read(path: Path, count: int, *, scaffolds: bool) -> Molecules:
    """Molecules with a random class, a random year, and a key that is no InChIKey: that would take minutes."""
    from rdkit import Chem

    table = Table(path)
    at, _ = find_smiles(table, None)
    smiles = [r.cells[at] for r in islice(table, count)]
    frames = [scaffold(Chem.MolFromSmiles(s)).encode() if scaffolds else b"" for s in smiles]
    rng = np.random.default_rng(0)
    return Molecules(
        [str(n) for n in range(2, count + 2)],
        np.array([digest(s).encode() for s in smiles]),
        np.array(frames, "S20"),
        [str(y) for y in rng.integers(1990, 2026, count)],
        smiles,
        rng.integers(0, 2, (count, 1)).astype(float),
    )


def peers(molecules: Molecules, ceiling: Seconds) -> None:
    """RDKit's pickers on the same fingerprints, without computing those."""
    prints = fingerprints(molecules.smiles)
    vectors = []
    for i in range(len(prints)):
        vector = DataStructs.ExplicitBitVect(BITS)
        vector.SetBitsFromList(prints.on(i).tolist())
        vectors.append(vector)
    n = len(vectors)
    show("RDKit LeaderPicker 0.65", timed(lambda: LeaderPicker().LazyBitVectorPick(vectors, n, 0.65)), ceiling)
    if n <= 20_000:
        picker = MaxMinPicker()
        show("RDKit MaxMinPicker 80%", timed(lambda: picker.LazyBitVectorPick(vectors, n, n * 8 // 10)), ceiling)


def timed(run: Callable[[], object]) -> Seconds:
    """Seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def show(name: str, run: Seconds, ceiling: Seconds) -> None:
    """One line of the table; the ratio is one of CPU seconds, so that a busy machine does not change it."""
    print(f"| {name} | {run.wall:.1f} | {run.cpu:.1f} | {run.cpu / ceiling.cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
