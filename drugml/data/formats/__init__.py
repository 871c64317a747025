"""One reader per format of molecule tables; the ending of the file's name chooses."""

from pathlib import Path

from drugml.data.formats.delimited import DelimitedReader, SmiReader
from drugml.data.formats.files import without_packing
from drugml.data.formats.parquet import ParquetReader
from drugml.data.formats.row import Reader
from drugml.data.formats.sdf import SdfReader

NAMES = "csv, tsv, smi, sdf or parquet file"
SMI = (".smi", ".smiles")
SDF = (".sdf", ".sd", ".mol")
PARQUET = (".parquet", ".pq")


def reader(path: Path, *, blocks: bool, positions: bool = False) -> Reader:
    """Open a file in the format of its ending; any other ending is delimited text.

    Args:
        path: the file, .gz and .zst included.
        blocks: whether rows of an SDF carry their mol block.
        positions: whether its SMILES are to hold the 3D coordinates, as CXSMILES with all hydrogens of the block.

    Raises:
        UserError: if it is not what its ending says.
    """
    ending = Path(without_packing(path)).suffix.lower()
    if ending in SDF:
        return SdfReader(path, blocks=blocks, positions=positions)
    if ending in PARQUET:
        return ParquetReader(path)
    return SmiReader(path) if ending in SMI else DelimitedReader(path)
