"""Time SMILES to packed store against RDKit's parser alone, and against Chemprop's featurizers.

    python scripts/benchmark_featurize.py TABLE [--molecules 10000] [--chemprop PYTHON] [--skip-two]

TABLE is any table of molecules, such as MOSES. The ceiling is `Chem.MolFromSmiles` of every SMILES and nothing else:
no featurizer that reads SMILES can be faster. PYTHON is the interpreter of an environment with Chemprop, which is
run on the same SMILES beside a ceiling of its own. What runs in one process is timed by its CPU seconds, block by
block in turns, the best of some turns each, so that a busy machine changes the ratios little. Two processes can only
be timed by the clock, on a machine with two idle cores; the ratio is also given without the start of the workers,
which is paid once.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from rdkit import Chem

from drugml.config.base import Spec
from drugml.config.featurizers import ChempropV2Spec, MorganSpec, OgbSpec
from drugml.config.standardize import NoStandardization
from drugml.data.chunks import mapped
from drugml.data.columns import find_smiles
from drugml.data.table import Table
from drugml.featurizers import cuik
from drugml.featurizers.pack import Packed, pack

Job = Callable[[list[str]], object]
BLOCK = 1000

TURNS = """
def turns(jobs, blocks, count):
    import time
    best = {name: [float("inf")] * len(blocks) for name in jobs}
    for _ in range(count):
        for i, block in enumerate(blocks):
            for name, job in jobs.items():
                start = time.process_time()
                job(block)
                best[name][i] = min(best[name][i], time.process_time() - start)
    return {name: sum(map(len, blocks)) / sum(seconds) for name, seconds in best.items()}
"""
"""Molecules per CPU second of each job; as text, since Chemprop's interpreter runs it too."""

CHEMPROP = (
    TURNS
    + """
import json, sys
from rdkit import Chem
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
smiles, block, count = json.load(sys.stdin)
plain = SimpleMoleculeMolGraphFeaturizer()
def parse(part):
    for s in part:
        Chem.MolFromSmiles(s)
def chemprop(part):
    return [plain(Chem.MolFromSmiles(s)) for s in part]
jobs = {"ceiling": parse, "chemprop": chemprop}
try:
    from chemprop.featurizers import CuikmolmakerMolGraphFeaturizer
    fast = CuikmolmakerMolGraphFeaturizer()
    jobs["chemprop, cuik-molmaker, batches of 64"] = lambda p: [fast(p[i:i + 64]) for i in range(0, len(p), 64)]
except ImportError:
    pass
print(json.dumps(turns(jobs, [smiles[i:i + block] for i in range(0, len(smiles), block)], count)))
"""
)


def main() -> None:
    """Run and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--molecules", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--chemprop", metavar="PYTHON", help="interpreter of an environment with Chemprop")
    parser.add_argument("--skip-two", action="store_true", help="leave two processes out")
    args = parser.parse_args()
    smiles = read(args.table, args.molecules)
    print(f"{len(smiles):,} molecules of {args.table.name}\n")
    one_process(smiles, args.turns, args.chemprop)
    if not args.skip_two:
        two_processes(smiles)


def read(path: Path, count: int) -> list[str]:
    """The first good SMILES of a table."""
    table = Table(path)
    at, _ = find_smiles(table, None)
    return list(islice((s for r in table if Chem.MolFromSmiles(s := r.cells[at])), count))


def one_process(smiles: list[str], count: int, chemprop: str | None) -> None:
    """The main table."""
    scope: dict[str, Callable[..., dict[str, float]]] = {}
    exec(TURNS, scope)
    blocks = [smiles[i : i + BLOCK] for i in range(0, len(smiles), BLOCK)]
    jobs: dict[str, Job] = {
        "Chem.MolFromSmiles alone": parse,
        "chemprop_v2": partial(packed, ChempropV2Spec(), accelerate=False),
        "ogb": partial(packed, OgbSpec(), accelerate=False),
        "morgan": partial(packed, MorganSpec(), accelerate=False),
    }
    if cuik.extension():
        jobs["chemprop_v2, cuik-molmaker"] = partial(packed, ChempropV2Spec(), accelerate=True)
    rates = scope["turns"](jobs, blocks, count)
    ceiling = rates["Chem.MolFromSmiles alone"]
    print("| one process | molecules per CPU second | of the ceiling |", "|---|---|---|", sep="\n")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} | {rate / ceiling:.0%} |")
    if chemprop:
        told = json.dumps([smiles, BLOCK, count])
        done = subprocess.run([chemprop, "-c", CHEMPROP], input=told, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
        own = theirs.pop("ceiling")
        for name, rate in theirs.items():
            print(f"| {name} | {rate:,.0f} | {rate / own:.0%} (of {own:,.0f}) |")
    sizes = [(s.name, packed(s, smiles).store) for s in (ChempropV2Spec(), OgbSpec())]
    print("\nbytes per molecule:", ", ".join(f"{name} {s.nbytes / len(s):.0f}" for name, s in sizes if s), "\n")


def two_processes(smiles: list[str]) -> None:
    """By the clock."""
    start = timed(lambda: list(mapped(len, [smiles[:1]] * 2, 2)))
    jobs: dict[str, Job] = {"chemprop_v2": partial(packed, ChempropV2Spec(), accelerate=False)}
    if cuik.extension():
        jobs["chemprop_v2, cuik-molmaker"] = partial(packed, ChempropV2Spec(), accelerate=True)
    print(
        "| two processes | one, molecules/s | two, molecules/s | ratio | without start |",
        "|---|---|---|---|---|",
        sep="\n",
    )
    for name, job in jobs.items():
        one, two = (timed(partial(job, smiles, workers=n)) for n in (1, 2))
        rates = " | ".join(f"{len(smiles) / t:,.0f}" for t in (one, two))
        print(f"| {name} | {rates} | {one / two:.2f} | {one / (two - start):.2f} |")
    alone = timed(lambda: parse(smiles))
    blocks = [smiles[i : i + BLOCK] for i in range(0, len(smiles), BLOCK)]
    both = timed(lambda: list(mapped(parse, blocks, 2)))
    rates = " | ".join(f"{len(smiles) / t:,.0f}" for t in (alone, both))
    print(f"| Chem.MolFromSmiles alone | {rates} | {alone / both:.2f} | {alone / (both - start):.2f} |")
    print(f"start of two workers: {start:.1f} s")


def parse(smiles: list[str]) -> None:
    """The ceiling."""
    for s in smiles:
        Chem.MolFromSmiles(s)


def packed(spec: Spec, smiles: list[str], *, accelerate: bool = True, workers: int = 1) -> Packed:
    """SMILES to store."""
    options = {"standardize": NoStandardization(), "max_atoms": 1000}
    return pack(smiles, spec, **options, accelerate=accelerate, workers=workers)


def timed(run: Callable[[], object]) -> float:
    """Seconds by the clock."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
