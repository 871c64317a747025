"""Molecule tables as they come: csv, tsv, smi, any delimiter, plain or gzipped; every cell stays the text it was."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from drugml.data.status import Reject, Status
from drugml.errors import UserError, nearest

DELIMITERS = ",;\t|"
EMBEDDED = "drugml:"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"


class Row(NamedTuple):
    """One record of the file."""

    line: int
    """Line of the file on which the record ends; the header is line 1."""
    cells: list[str]
    """One text per column; what is missing in a short record is empty."""
    reject: Reject | None
    """Set when the record has another number of fields than the header."""


class Table:
    """An open table: `columns` at once, the rows as they are read, so that any size fits in memory.

    A record with too few or too many fields is kept, marked as malformed, and quotes its surplus.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = _first_text(path)
        self.is_smi = _stem_suffix(path) == ".smi"
        self.delimiter = _delimiter(text)
        if self.is_smi:
            head = text.splitlines()[0].lower().split()
            self.has_header = "smiles" in head or "smi" in head
            self.columns = ["smiles", "name"]
            return
        self.has_header = True
        self.columns = [c.strip() for c in next(csv.reader(io.StringIO(text), delimiter=self.delimiter))]
        twice = [c for c, n in Counter(self.columns).items() if n > 1]
        if twice:
            raise UserError(
                f"{path}:1: duplicate column names: {', '.join(map(repr, twice))}; every column needs a name of "
                "its own, rename them"
            )

    def __iter__(self) -> Iterator[Row]:
        with _opened(self.path) as file:
            try:
                yield from self._smi_rows(file) if self.is_smi else self._csv_rows(file)
            except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
                raise UserError(f"{self.path}: cannot be read to its end: {error}; is it damaged?") from None

    def column(self, name: str, what: str) -> int:
        """Position of a column.

        Raises:
            UserError: if there is none of that name; suggests the nearest.
        """
        if name not in self.columns:
            raise UserError(
                f"{self.path}: no {what} column {name!r}; {nearest(name, self.columns)} "
                f"(columns: {', '.join(self.columns)})"
            )
        return self.columns.index(name)

    def _csv_rows(self, file: IO[str]) -> Iterator[Row]:
        reader = csv.reader(file, delimiter=self.delimiter)
        next(reader)
        width = len(self.columns)
        for cells in reader:
            if len(cells) == width:
                yield Row(reader.line_num, cells, None)
            elif cells:  # a blank line is no record
                reason = f"{len(cells)} fields, expected {width}: {self.delimiter.join(cells)!r}"
                padded = (cells + [""] * width)[:width]
                yield Row(reader.line_num, padded, Reject(Status.MALFORMED, reason))

    def _smi_rows(self, file: IO[str]) -> Iterator[Row]:
        for number, text in enumerate(file, 1):
            if not text.strip() or (number == 1 and self.has_header):
                continue
            smiles, _, name = text.strip().partition("\t" if "\t" in text.strip() else " ")
            if name.lstrip().startswith("|"):  # the CXSMILES extension belongs to the SMILES
                extension, bar, rest = name.lstrip()[1:].partition("|")
                smiles, name = f"{smiles} |{extension}{bar}", rest
            yield Row(number, [smiles, name.strip()], None)


def locate(path: str) -> Path:
    """The file behind `data.path`; `drugml:NAME` is an embedded table.

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
    if not found.exists():
        folder = found.parent
        near = sorted(f.name for f in folder.iterdir() if f.is_file()) if folder.is_dir() else []
        hint = f"; {nearest(found.name, near)}" if 0 < len(near) < 20 else ""
        raise UserError(f"{found}: no such file{hint}")
    if not found.is_file():
        raise UserError(f"{found}: is a folder, expected a csv, tsv or smi file")
    return found


def name_of(path: Path) -> str:
    """The file's name without its endings: `herg.csv.gz` is `herg`."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name


def _stem_suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _opened(path: Path) -> IO[str]:
    try:
        file = path.open("rb")
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    opened = cast(IO[bytes], gzip.GzipFile(fileobj=file) if zipped else file)
    return io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")


def _first_text(path: Path) -> str:
    """The first 64 K characters.

    Raises:
        UserError: if the file is empty, binary, or not UTF-8.
    """
    with _opened(path) as file:
        try:
            text = file.read(65536)
        except (OSError, EOFError) as error:
            raise UserError(f"{path}: cannot be unpacked: {error}; is it damaged?") from None
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not a text file in UTF-8 ({error.reason}); save it as UTF-8 csv") from None
    if not text.strip():
        raise UserError(f"{path}: the file is empty; expected a header line and one row per molecule")
    if "\0" in text:
        raise UserError(f"{path}: not a text file; expected csv, tsv or smi")
    return text


def _delimiter(text: str) -> str:
    """The delimiter that cuts the header most; quoted parts do not count."""
    header = text.splitlines()[0]
    outside = "".join(header.split('"')[::2]) or header
    return max(DELIMITERS, key=outside.count) if any(d in outside for d in DELIMITERS) else ","
