"""Molecule tables as they come: one file or several, of any format; every cell stays the text it was."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from drugml.data.formats import NAMES, SDF, reader
from drugml.data.formats.files import without_packing
from drugml.data.formats.row import Reader, Row
from drugml.errors import UserError, nearest

__all__ = ["Row", "Table", "files_of", "locate", "name_of"]
EMBEDDED = "drugml:"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"


class Table:
    """An open table: `columns` at once, the rows as they are read, so that any size fits in memory.

    Args:
        path: a file, or a pattern such as `plates/*.csv`: its files by name, one after the other. They must have the
            same columns, in whatever order; only SDF files may differ in their properties.
        blocks: whether rows of an SDF carry their mol block.
        positions: whether SMILES made of an SDF are to hold its 3D coordinates, as CXSMILES.

    Raises:
        UserError: for a file that cannot be read, or columns that are not the same or not unique.
    """

    def __init__(self, path: Path, *, blocks: bool = False, positions: bool = False) -> None:
        self.path = path
        self.files = files_of(path)
        self._readers = [reader(file, blocks=blocks, positions=positions) for file in self.files]
        for file, one in zip(self.files, self._readers, strict=True):
            _check_unique(file, one.columns)
        first = self._readers[0]
        self.columns: list[str] = list(first.columns)
        self.structure: str | None = first.structure
        """Column that holds the structure by the format itself: that made from the mol blocks of an SDF."""
        self._left_out = {name: kind for r in self._readers for name, kind in r.left_out.items()}
        for file, other in zip(self.files[1:], self._readers[1:], strict=True):
            self._join(file, other)

    def __iter__(self) -> Iterator[Row]:
        if len(self.files) == 1:
            yield from self._readers[0]
            return
        folder = Path(os.path.commonpath([f.parent for f in self.files]))
        for file, one in zip(self.files, self._readers, strict=True):
            name = str(file.relative_to(folder))
            place = {c: i for i, c in enumerate(one.columns)}
            order = [place.get(c, -1) for c in self.columns]
            for row in one:
                cells = [*row.cells, ""]  # the last stands in for a property that this file does not have
                yield row._replace(file=name, cells=[cells[i] for i in order])

    def column(self, name: str, what: str) -> int:
        """Position of a column.

        Raises:
            UserError: if there is none of that name; suggests the nearest.
        """
        if name in self._left_out:
            raise UserError(
                f"{self.path}: the {what} column {name!r} holds {self._left_out[name]}, expected text or numbers; "
                "write it as such, or name another column"
            )
        if name not in self.columns:
            raise UserError(
                f"{self.path}: no {what} column {name!r}; {nearest(name, self.columns)} "
                f"(columns: {', '.join(self.columns)})"
            )
        return self.columns.index(name)

    def _join(self, file: Path, other: Reader) -> None:
        """Take a further file into the columns."""
        more = [c for c in other.columns if c not in self.columns]
        less = [c for c in self.columns if c not in other.columns]
        optional = _is_sdf(self.files[0]) and _is_sdf(file) and other.structure == self.structure
        if (more or less) and not optional:
            said = [f"{c!r} is missing" for c in less] + [f"{c!r} is not in {self.files[0].name}" for c in more]
            raise UserError(
                f"{file}: not the columns of {self.files[0]}: {'; '.join(said)}. "
                "The files of one table have the same columns"
            )
        self.columns += more


def locate(path: str) -> Path:
    """The file or pattern of files behind `data.path`; `drugml:NAME` is an embedded table.

    Raises:
        UserError: if there is no such file.
    """
    if path.startswith(EMBEDDED):
        known = {f.name.removesuffix(".csv.gz"): f for f in sorted(EMBEDDED_FOLDER.glob("*.csv.gz"))}
        name = path.removeprefix(EMBEDDED)
        if name not in known:
            raise UserError(f"there is no embedded table {path!r}; {nearest(name, known)}")
        return known[name]
    found = Path(path)
    if _is_pattern(found):
        files_of(found)
        return found
    if not found.exists():
        folder = found.parent
        near = sorted(f.name for f in folder.iterdir() if f.is_file()) if folder.is_dir() else []
        hint = f"; {nearest(found.name, near)}" if 0 < len(near) < 20 else ""
        raise UserError(f"{found}: no such file{hint}")
    if not found.is_file():
        raise UserError(
            f"{found}: is a folder, expected a {NAMES}; for all files in it write {found}/*.csv, with their ending"
        )
    return found


def name_of(path: Path) -> str:
    """The file's name without its endings: `herg.csv.gz` is `herg`; of `plates/*.csv` it is `plates`."""
    name = without_packing(path).rsplit(".", 1)[0]
    if not _is_pattern(path):
        return name or path.name
    plain = re.sub(r"\[.*?\]|[*?]", "", name).strip("-_. ")
    parents = (p for p in reversed(path.absolute().parent.parts) if not glob.has_magic(p))
    return plain or next(parents).strip("/") or "table"


def _is_pattern(path: Path) -> bool:
    """Whether a path means several files; an existing file is meant itself, whatever its name."""
    return glob.has_magic(str(path)) and not path.exists()


def files_of(path: Path) -> list[Path]:
    """The file itself, or the files of a pattern by name.

    Raises:
        UserError: if no file has a name of the pattern.
    """
    if not _is_pattern(path):
        return [path]
    found = [Path(f) for f in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  `path` is absolute or not
    files = [f for f in found if f.is_file()]
    if not files:
        raise UserError(f"{path}: no file has a name of this pattern")
    return files


def _is_sdf(file: Path) -> bool:
    return Path(without_packing(file)).suffix.lower() in SDF


def _check_unique(file: Path, columns: list[str]) -> None:
    if twice := [c for c, n in Counter(columns).items() if n > 1]:
        raise UserError(
            f"{file}:1: duplicate column names: {', '.join(map(repr, twice))}; every column needs a name of "
            "its own, rename them"
        )
