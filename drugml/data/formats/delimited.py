"""Delimited text (csv, tsv, any delimiter, quoted cells) and smi; every cell stays the text it was."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from drugml.data.formats.files import first_text, text_lines
from drugml.data.formats.row import Row
from drugml.data.status import Reject, Status
from drugml.errors import UserError

DELIMITERS = ",;\t|"
HEAD = 1 << 17
"""Characters from which the delimiter is learned."""
LONGEST_CELL = 1 << 24
"""Characters; a longer cell is an open quote that swallows the file."""

DECLARED = re.compile(r'\ufeff?"?sep=([^\w"\s]|\t| )"?(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""The first line by which Excel is told the delimiter: `sep=;`."""

csv.field_size_limit(LONGEST_CELL)


class DelimitedReader:
    """Delimited text with a header.

    A record with too few or too many fields is kept, marked as malformed, and quotes its surplus. A first line such as
    `sep=;` names the delimiter and is no record, but counts as a line.
    """

    structure: str | None = None
    left_out: dict[str, str] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        text = first_text(path, HEAD)
        declared = DECLARED.match(text)
        self._skipped = 1 if declared else 0
        self.delimiter = self._declared(declared[1], text[declared.end() :]) if declared else _delimiter(text)
        self._header, header = next(r for r in self._records() if any(c.strip() for c in r[1]))
        self.columns = [c.strip() for c in header]

    def __iter__(self) -> Iterator[Row]:
        width = len(self.columns)
        first = True
        for line, cells in self._records():
            if line <= self._header:
                continue
            if len(cells) == width:
                yield Row(line, cells, None)
            elif len(cells) > 1 or cells[0].strip():
                yield self._odd(line, cells, first)
            else:  # blanks only are no record
                continue
            first = False

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The line where each record begins, and its cells; blank lines are no records."""
        lines = _Lines(islice(text_lines(self.path), self._skipped, None))
        reader = csv.reader(lines, delimiter=self.delimiter)
        before = self._skipped
        try:
            for cells in reader:
                end = reader.line_num + self._skipped
                if lines.ended:  # csv.reader closes an open quote by itself
                    raise self._open_quote(end, cells[-1])
                if cells:
                    if end - before > 3:
                        self._check_swallowed(before + 1, end, cells)
                    yield before + 1, cells
                before = end
        except csv.Error as error:
            raise UserError(
                f'{self.path}:{before + 1}: the record of this line cannot be read: {error}; is a quote (") missing?'
            ) from None

    def _declared(self, delimiter: str, text: str) -> str:
        """The delimiter of a `sep=` line, if the header is cut by it."""
        if not text.strip():
            raise UserError(
                f"{self.path}: a `sep=` line only; expected a header line and one row per molecule after it"
            )
        other = _delimiter(text)
        header = next(line for line in text.splitlines() if line.strip())
        if _width(header, delimiter) == 1 < _width(header, other):
            raise UserError(
                f"{self.path}:1: says sep={delimiter}, but the header is cut by {other!r}; correct or remove this line"
            )
        return delimiter

    def _odd(self, line: int, cells: list[str], first: bool) -> Row:
        """A record of another number of fields than the header."""
        width = len(self.columns)
        text = self.delimiter.join(cells)
        reason = f"{len(cells)} fields, expected {width}: {text[:500]!r}"
        other = [d for d in DELIMITERS if d != self.delimiter and _width(text, d) == width]
        if other and width > 1:
            said = f"the header is cut by {self.delimiter!r}, this line by {other[0]!r}"
            if first:
                raise UserError(f"{self.path}:{line}: {said}; use one delimiter in the whole file")
            reason += f"; {said}"
        elif len(cells) > width and any(_begins_extension(c) for c in cells):
            reason += "; a CXSMILES with the delimiter in it needs quotes"
        padded = (cells + [""] * width)[:width]
        return Row(line, padded, Reject(Status.MALFORMED, reason))

    def _open_quote(self, last: int, cell: str) -> UserError:
        opened = last - max(sum(1 for _ in io.StringIO(cell, newline="")), 1) + 1
        return UserError(
            f'{self.path}:{opened}: a quote (") is opened on this line and never closed, so that all that follows '
            'would be one cell; close it, or write a quote that is meant as text as "" in a quoted cell'
        )

    def _check_swallowed(self, begin: int, end: int, cells: list[str]) -> None:
        """Refuse a cell of many lines each of which looks like a record: an open quote closed by the next stray one."""
        width = len(self.columns) if hasattr(self, "columns") else len(cells)
        inner = [text for c in cells for text in c.splitlines()[1:-1]]
        if width > 2 and len(inner) > 1 and all(t.count(self.delimiter) == width - 1 for t in inner):
            raise UserError(
                f"{self.path}:{begin}: the record of this line runs to line {end} and swallows lines that look like "
                'records; is a quote (") missing or too many?'
            )


class SmiReader:
    """SMILES, a blank or tab, and a name; with or without a header."""

    structure: str | None = None
    left_out: dict[str, str] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        head = first_text(path, HEAD).splitlines()[0].lower().split()
        self.columns = ["smiles", "name"]
        self._has_header = "smiles" in head or "smi" in head

    def __iter__(self) -> Iterator[Row]:
        for number, line in enumerate(text_lines(self.path), 1):
            text = line.strip()
            if not text or (number == 1 and self._has_header):
                continue
            smiles, _, name = text.partition("\t" if "\t" in text else " ")
            if name.lstrip().startswith("|"):  # the CXSMILES extension belongs to the SMILES
                extension, bar, rest = name.lstrip()[1:].partition("|")
                smiles, name = f"{smiles} |{extension}{bar}", rest
            yield Row(number, [smiles, name.strip()], None)


class _Lines:
    """Lines that say when they have ended."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        yield from self._lines
        self.ended = True


def _width(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter)))


def _begins_extension(cell: str) -> bool:
    """Whether a cell holds the first part of a CXSMILES extension only."""
    return " |" in cell and cell.count("|") == 1


def _delimiter(text: str) -> str:
    """The delimiter by which most lines are as wide as the header; of equals, the one that cuts the header most."""
    header = next(line for line in text.splitlines() if line.strip())
    outside = "".join(header.split('"')[::2]) or header
    known = [d for d in DELIMITERS if d in outside]
    return max(known, key=lambda d: (_agreement(text, d), outside.count(d)), default=",")


def _agreement(text: str, delimiter: str) -> float:
    """Share of the first records that are as wide as the first."""
    lines = io.StringIO(text, newline="")
    widths = [len(r) for _, r in zip(range(50), csv.reader(lines, delimiter=delimiter), strict=False) if r]
    return widths.count(widths[0]) / len(widths)
