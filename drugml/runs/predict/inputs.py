"""The molecule files of one prediction, one after the other as one table."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from drugml.data.columns import find_smiles
from drugml.data.formats import PARQUET, SDF, SMI
from drugml.data.formats.files import BLOCK, DAMAGE, open_bytes, without_packing
from drugml.data.formats.row import Row
from drugml.data.table import Table, files_of, locate
from drugml.errors import UserError

log = logging.getLogger(__name__)
FILE = ("file", "input_file")
"""Names of the column that says which file a row is from; the first that no file has."""


class Inputs:
    """Rows of all files in order. Several files have the union of their columns, one column for the structure, and one
    more that says the file.

    Args:
        sources: files, patterns, or embedded tables.
        smiles: column of the structure in every file; found where left out.

    Raises:
        UserError: for a file that cannot be read, has no structures, or is given twice.
    """

    def __init__(self, sources: Sequence[str], smiles: str | None) -> None:
        self.files = [file for source in sources for file in files_of(locate(source))]
        if twice := [f for f, n in Counter(self.files).items() if n > 1]:
            raise UserError(f"{twice[0]}: is given twice; name each input once")
        self._before = [_stamp(f) for f in self.files]
        self._tables = [Table(f) for f in self.files]
        found = [find_smiles(t, smiles) for t in self._tables]
        self._structures = [at for at, _ in found]
        _tell([(f.name, how) for f, (_, how) in zip(self.files, found, strict=True)])
        self.at: int = self._structures[0]
        """Position of the structure."""
        self.columns: list[str] = list(self._tables[0].columns)
        if len(self.files) > 1:
            self._names = [self._named(t, at) for t, at in zip(self._tables, self._structures, strict=True)]
            self.columns = list(dict.fromkeys(name for names in self._names for name in names))
            self._say_missing()
            free = (n for n in (*FILE, *(f"{FILE[-1]}_{i}" for i in range(2, len(self.columns) + 3))))
            self.columns.append(next(n for n in free if n not in self.columns))

    def __iter__(self) -> Iterator[Row]:
        if len(self.files) == 1:
            yield from self._tables[0]
            return
        for file, table, names in zip(self.files, self._tables, self._names, strict=True):
            place = {c: i for i, c in enumerate(names)}
            order = [place.get(c, -1) for c in self.columns[:-1]]
            for row in table:
                cells = [*row.cells, ""]  # the last stands in for a column that this file does not have
                yield row._replace(file=str(file), cells=[*(cells[i] for i in order), str(file)])

    def with_positions(self) -> None:
        """From now on SMILES made of an SDF hold its 3D coordinates."""
        self._tables = [Table(f, positions=True) for f in self.files]

    def about(self) -> dict[str, str]:
        """Content of each file."""
        return {f"input {file}": _content(file) for file in self.files}

    def count(self) -> int:
        """About how many rows there are, without reading them as such: records of more than one line count double."""
        return sum(map(_count, self.files))

    def check_unchanged(self) -> None:
        """Make sure that all rows came from the files that were there at the beginning.

        Raises:
            UserError: otherwise.
        """
        for file, before in zip(self.files, self._before, strict=True):
            if _stamp(file) != before:
                raise UserError(f"{file}: was changed while it was read; predict it again")

    def _named(self, table: Table, at: int) -> list[str]:
        """The columns of a table, its structure called as that of the first."""
        name = self._tables[0].columns[self._structures[0]]
        if name in table.columns and table.columns.index(name) != at:
            raise UserError(
                f"{table.path}: its structures are in column {table.columns[at]!r} and those of {self.files[0]} in "
                f"{name!r}, a name that another column has here; rename it, or predict the file apart"
            )
        return [name if i == at else c for i, c in enumerate(table.columns)]

    def _say_missing(self) -> None:
        for file, names in zip(self.files, self._names, strict=True):
            if missing := [c for c in self.columns if c not in names]:
                log.info("%s: has no column %s: left empty", file, ", ".join(map(repr, missing)))


def _tell(found: Sequence[tuple[str, str]]) -> None:
    """How structures were found, alike files together."""
    files: dict[str, list[str]] = {}
    for name, how in found:
        files.setdefault(how, []).append(name)
    for how, names in files.items():
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        log.info("%s%s: %s", names[0], more, how)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    return found.st_size, found.st_mtime_ns


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return f"SHA-256 {hashlib.file_digest(opened, 'sha256').hexdigest()}"
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None


def _count(file: Path) -> int:
    ending = Path(without_packing(file)).suffix.lower()
    if ending in PARQUET:
        from pyarrow import parquet

        return int(parquet.read_metadata(file).num_rows)
    mark = b"\n$$$$" if ending in SDF else b"\n"
    count, last = 0 if ending in (*SDF, *SMI) else -1, b""  # of a header no row
    try:
        with open_bytes(file) as opened:
            while block := opened.read(BLOCK):
                count += (last + block).count(mark)
                last = block[-len(mark) + 1 :] if len(mark) > 1 else b""
    except DAMAGE:
        pass  # the reader will say where
    return max(count, 0)
