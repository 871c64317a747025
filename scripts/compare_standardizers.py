"""What the levels of standardisation do to real tables: where `fast` and `chembl` differ, and how fast each is.

    DRUGML_DATA=... python scripts/compare_standardizers.py [TABLE …] [--rows N]

Prints Markdown. Times are CPU of this process: the best of five rounds over every fifth molecule, slow steps over every
25th.
"""

import argparse
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from chembl_structure_pipeline import get_parent_mol, standardize_mol
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.rdBase import BlockLogs

from drugml.config.standardize import ChemblStandardization, FastStandardization
from drugml.data.columns import find_smiles
from drugml.data.molecule import identity, parse
from drugml.data.standardize import STANDARDIZERS, Standard
from drugml.data.status import Reject
from drugml.data.table import Table

TABLES = ("chembl_raw/SLC6A3_Ki_raw.csv.gz", "moleculenet/hiv_41127.csv.gz")
READING, DIRECT = "reading (`MolFromSmiles`), the ceiling", "ChEMBL's pipeline called directly"
ROUNDS = 5
KINDS = ("reject", "parent", "isotopes", "stereo", "charges", "other")
Outcomes = Sequence[Standard | Reject]


def main() -> None:
    """Read, standardise, compare and time each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--rows", type=int, default=3000, help="rows of each table that are looked at (the first ones)")
    given = parser.parse_args()
    data = Path(os.environ.get("DRUGML_DATA", "."))
    for path in given.tables or [data / t for t in TABLES]:
        smiles = read(path, given.rows)
        mols = [Chem.MolFromSmiles(s) for s in smiles]
        several = sum(len(Chem.GetMolFrags(m)) > 1 for m in mols)
        print(f"## {path.name}: {len(mols):,} molecules, {several:,} of several fragments\n")
        fast, chembl = (STANDARDIZERS.build(s()) for s in (FastStandardization, ChemblStandardization))
        differences(smiles, mols, fast.standardize(mols), chembl.standardize(mols))
        speed(smiles, mols, fast.standardize, chembl.standardize)


def read(path: Path, rows: int) -> list[str]:
    """The SMILES of a table that are molecules."""
    table = Table(path)
    at, _ = find_smiles(table, None)
    found = [r.cells[at] for r, _ in zip(table, range(rows), strict=False)]
    return [s for s in found if isinstance(parse(s, 1000), Chem.Mol)]


def differences(smiles: list[str], mols: list[Chem.Mol], fast: Outcomes, chembl: Outcomes) -> None:
    """Print what each level did, and where `fast` and `chembl` differ."""
    levels = {"none": [Standard(m, ()) for m in mols], "fast": fast, "chembl": chembl}
    print("| level | distinct molecules (InChIKey) | rows changed | rejected | what was done |\n|---|---|---|---|---|")
    for name, outcomes in levels.items():
        good = [o for o in outcomes if isinstance(o, Standard)]
        keys = {identity(o.mol) for o in good}
        done = Counter(kind(n) for o in good for n in {*o.notes})
        said = ", ".join(f"{k} {n:,}" for k, n in done.most_common())
        changed = sum(bool({kind(n) for n in o.notes} - {"fragments kept", "not standardized"}) for o in good)
        print(f"| {name} | {len(keys):,} | {changed:,} | {len(outcomes) - len(good):,} | {said} |")
    found: dict[str, list[str]] = defaultdict(list)
    for text, a, b in zip(smiles, fast, chembl, strict=True):
        if what := difference(a, b):
            found[what].append(f"`{text}` → `{shown(a)}` / `{shown(b)}`")
    print("\n| where they differ | molecules | examples: input → fast / chembl |\n|---|---|---|")
    for what in KINDS:
        examples = sorted(found[what], key=len)
        some = "<br>".join(examples[:: max(1, len(examples) // 6)][:5])
        print(f"| {what} | {len(examples):,} | {some.replace('|', chr(92) + '|')} |")
    print()


def kind(note: str) -> str:
    """A note without what it names."""
    for word in ("fragments kept", "not standardized"):
        if word in note:
            return word
    return note.partition(":")[0]


def shown(outcome: Standard | Reject) -> str:
    """Canonical SMILES, or the status of a reject."""
    return str(Chem.MolToSmiles(outcome.mol)) if isinstance(outcome, Standard) else outcome.status.value


def difference(a: Standard | Reject, b: Standard | Reject) -> str | None:
    """The first kind of difference between two outcomes."""
    if not isinstance(a, Standard) or not isinstance(b, Standard):
        return "reject" if type(a) is not type(b) else None
    if Chem.MolToSmiles(a.mol) == Chem.MolToSmiles(b.mol):
        return None
    tests: list[tuple[str, Callable[[Chem.Mol], object]]] = [
        ("parent", lambda m: sorted(x.GetAtomicNum() for x in m.GetAtoms() if x.GetAtomicNum() > 1)),
        ("isotopes", lambda m: sorted(x.GetIsotope() for x in m.GetAtoms())),
    ]
    for what, of in tests:
        if of(a.mol) != of(b.mol):
            return what
    if Chem.MolToSmiles(a.mol, isomericSmiles=False) == Chem.MolToSmiles(b.mol, isomericSmiles=False):
        return "stereo"
    return "charges" if skeleton(a.mol) == skeleton(b.mol) else "other"


def skeleton(mol: Chem.Mol) -> str:
    """Elements and which are bound, without charges, hydrogens and bond orders."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        bare.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in mol.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    for atom in bare.GetAtoms():
        atom.SetNoImplicit(True)
    return str(Chem.MolToSmiles(bare))


def authors(mols: Sequence[Chem.Mol]) -> None:
    """ChEMBL's pipeline as its authors call it."""
    with BlockLogs():
        for mol in mols:
            get_parent_mol(standardize_mol(mol))


def speed(smiles: list[str], mols: list[Chem.Mol], fast: Callable[..., object], chembl: Callable[..., object]) -> None:
    """Print what each step costs; the steps take turns, so that other work on the machine hits all of them."""
    some, few = slice(None, None, 5), mols[::25]
    steps: dict[str, tuple[Callable[[], object], int]] = {
        READING: (lambda: [Chem.MolFromSmiles(s) for s in smiles[some]], len(smiles[some])),
        "`fast`": (lambda: fast(mols[some]), len(mols[some])),
        "`chembl`": (lambda: chembl(few), len(few)),
        DIRECT: (lambda: authors(few), len(few)),
        "RDKit `CleanupInPlace` alone": (lambda: cleanup(few, 1), len(few)),
        "InChIKey, for comparison": (lambda: [identity(m) for m in few], len(few)),
    }
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, (work, count) in steps.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], (time.process_time() - start) / count)
    print("| step | µs per molecule | molecules/s and core | times ChEMBL's pipeline |\n|---|---|---|---|")
    for name, each in best.items():
        print(f"| {name} | {1e6 * each:,.0f} | {1 / each:,.0f} | {best[DIRECT] / each:.1f} |")
    print("\nBy the clock, reading included:\n")
    chunks = [smiles[i : i + 100] for i in range(0, len(smiles), 100)]
    for workers in (1, 2):
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(job, chunks[:workers]))  # started and imported
            start = time.perf_counter()
            list(pool.map(job, chunks))
            print(f"- `fast`, processes: {workers}: {len(smiles) / (time.perf_counter() - start):,.0f} molecules/s")
    print()


def cleanup(mols: Sequence[Chem.Mol], threads: int) -> None:
    """RDKit's own function over a list."""
    with BlockLogs():
        rdMolStandardize.CleanupInPlace([Chem.Mol(m) for m in mols], threads)


def job(smiles: list[str]) -> int:
    """Read and standardise in another process."""
    return len(STANDARDIZERS.build(FastStandardization()).standardize([Chem.MolFromSmiles(s) for s in smiles]))


if __name__ == "__main__":
    main()
