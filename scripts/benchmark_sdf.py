"""Time reading an SDF by one process and by all cores, and preparing its molecules, and print the ratios.

    python scripts/benchmark_sdf.py TABLE --molecules 20000

TABLE is any table of molecules, such as MOSES; an SDF is written from it, with 2D coordinates and two properties. The
ceiling is RDKit reading the same mol blocks in one process, without rows.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdDepictor

from drugml.config.featurizers import ChempropV2Spec
from drugml.config.standardize import NoStandardization
from drugml.data.chunks import cores
from drugml.data.columns import find_smiles
from drugml.data.formats import sdf
from drugml.data.table import Table
from drugml.featurizers.pack import pack


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--molecules", type=int, default=20_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sdf"
        write(args.table, args.molecules, path)
        print(f"| {args.molecules:,} molecules, {cores()} cores | s | × RDKit |", "|---|---|---|", sep="\n")
        ceiling = timed(lambda: [Chem.MolToSmiles(m) for m in Chem.ForwardSDMolSupplier(str(path))])
        show("RDKit to SMILES, one process", ceiling, ceiling)
        table = Table(path)
        show("names of the properties", timed(lambda: Table(path)), ceiling)
        alone = sdf.ALONE
        sdf.ALONE = args.molecules
        show("rows, one process", timed(lambda: list(table)), ceiling)
        sdf.ALONE = alone
        show("rows, all cores", timed(lambda: list(table)), ceiling)
        smiles = [r.cells[0] for r in table]
        for workers in sorted({1, cores()}):
            run = timed(lambda n=workers: prepared(smiles, n))
            show(f"preparing (Chemprop features, identities), {workers} processes", run, ceiling)


def prepared(smiles: list[str], workers: int) -> object:
    """As training does without a cache."""
    spec = NoStandardization()
    return pack(smiles, ChempropV2Spec(), standardize=spec, max_atoms=1000, identities=True, workers=workers)


def write(table: Path, count: int, path: Path) -> None:
    """An SDF of the first molecules."""
    opened = Table(table)
    at, _ = find_smiles(opened, None)
    with path.open("w") as out:
        for row in islice(opened, count):
            mol = Chem.MolFromSmiles(row.cells[at])
            rdDepictor.Compute2DCoords(mol)
            out.write(f"{Chem.MolToMolBlock(mol)}>  <id>\nM{row.line}\n\n>  <y>\n{mol.GetNumAtoms()}\n\n$$$$\n")


def timed(run: Callable[[], object]) -> float:
    """Seconds by the clock."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def show(name: str, seconds: float, ceiling: float) -> None:
    """One line of the table."""
    print(f"| {name} | {seconds:.1f} | {seconds / ceiling:.2f} |", flush=True)


if __name__ == "__main__":
    main()
