"""Rows per second and memory of each table format, beside the usual reader of that format.

    python scripts/benchmark_tables.py --rows 200000 --sdf-rows 20000

SMILES come from $DRUGML_DATA/screening/moses_250k.csv.gz, repeated. Each measurement runs in a process of its own;
memory is the growth of its peak (`ru_maxrss`) between the imports and the end. "ratio" is our rate over the peer's.
"""

import argparse
import csv
import gzip
import importlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

CSV = ("t.csv", "t.csv.gz", "t.csv.zst", "t.smi")


def write(folder: Path, rows: int, sdf_rows: int) -> None:
    """The same rows in each format."""
    import pyarrow as pa
    import zstandard
    from pyarrow import parquet
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    with gzip.open(Path(os.environ["DRUGML_DATA"]) / "screening/moses_250k.csv.gz", "rt", newline="") as file:
        smiles = [r["SMILES"] for r in csv.DictReader(file)]
    table = [(s, f"M{i}", repr(i * 0.37), str(i % 2)) for i, s in enumerate(islice(cycle(smiles), rows))]
    names = ["smiles", "id", "y", "class"]
    with (folder / "t.csv").open("w", newline="") as out:
        csv.writer(out).writerows([names, *table])
    text = (folder / "t.csv").read_bytes()
    (folder / "t.csv.gz").write_bytes(gzip.compress(text, 6))
    (folder / "t.csv.zst").write_bytes(zstandard.compress(text))
    (folder / "t.smi").write_text("".join(f"{s} {i}\n" for s, i, *_ in table))
    columns = list(zip(*table, strict=True))
    typed = [columns[0], columns[1], list(map(float, columns[2])), list(map(int, columns[3]))]
    parquet.write_table(pa.table(list(map(pa.array, typed)), names=names), folder / "t.parquet")
    blocks: dict[str, str] = {}
    with (folder / "t.sdf").open("w") as out:
        for s, i, y, c in table[:sdf_rows]:
            if len(blocks) < 2000 and s not in blocks:
                mol = Chem.MolFromSmiles(s)
                rdDepictor.Compute2DCoords(mol)
                blocks[s] = Chem.MolToMolBlock(mol)
            block = blocks.get(s) or blocks[smiles[int(i[1:]) % 2000]]
            out.write(f"{i}{block}>  <y>\n{y}\n\n>  <class>\n{c}\n\n$$$$\n")


def ours(path: Path) -> Iterator[object]:
    """All rows of our reader."""
    from drugml.data.table import Table

    return iter(Table(path))


def pandas_csv(path: Path) -> Iterator[object]:
    """pandas, all text, the whole table at once, then row by row as lists."""
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False, sep="," if "csv" in path.name else " ")
    return iter(frame.to_numpy().tolist())


def arrow(path: Path) -> Iterator[object]:
    """pyarrow, the whole table at once, then row by row."""
    from pyarrow import parquet

    return zip(*[c.to_pylist() for c in parquet.read_table(path).columns], strict=True)


def rdkit_sdf(path: Path) -> Iterator[object]:
    """RDKit's supplier with SMILES and properties of each record."""
    from rdkit import Chem

    return ((Chem.MolToSmiles(m), m.GetPropsAsDict()) for m in Chem.ForwardSDMolSupplier(str(path)))


READERS: dict[str, Callable[[Path], Iterator[object]]] = {
    "ours": ours,
    "pandas": pandas_csv,
    "pyarrow": arrow,
    "rdkit": rdkit_sdf,
}


def measure(name: str, path: Path) -> None:
    """In a child: read once, print rows, seconds and peak growth in MiB."""
    for module in ("pandas", "pyarrow.parquet", "rdkit.Chem", "drugml.data.table"):
        importlib.import_module(module)  # imports are no part of the reading
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    rows = sum(1 for _ in READERS[name](path))
    seconds = time.perf_counter() - start
    print(rows, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def child(name: str, path: Path) -> tuple[int, float, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, str(path)]
    rows, seconds, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(rows), float(seconds), float(memory)


def main() -> None:
    """Write in a process of its own, whose memory no child inherits; then one line per format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--sdf-rows", type=int, default=20_000)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    if options.write:
        write(options.write, options.rows, options.sdf_rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = ["--rows", str(options.rows), "--sdf-rows", str(options.sdf_rows)]
        subprocess.run([sys.executable, __file__, "--write", folder, *sizes], check=True)
        print("file              MB      rows      rows/s     MiB   peer          rows/s     MiB   ratio")
        peers = dict.fromkeys(CSV, "pandas") | {"t.parquet": "pyarrow", "t.sdf": "rdkit"}
        for file, peer in peers.items():
            path = Path(folder) / file
            rows, seconds, memory = child("ours", path)
            _, other, others = child(peer, path)
            print(
                f"{file:12}{path.stat().st_size / 1e6:8.1f}{rows:10,}{rows / seconds:12,.0f}{memory:8.1f}   "
                f"{peer:8}{rows / other:12,.0f}{others:8.1f}{other / seconds:8.2f}"
            )


if __name__ == "__main__":
    main()
