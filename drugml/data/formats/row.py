"""One record of a molecule table, and what reads a file of them."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from drugml.data.status import Reject


class Row(NamedTuple):
    """One record of a table."""

    line: int
    """Line of the file on which the record begins; a header is line 1. Parquet counts rows as if it had one."""
    cells: list[str]
    """One text per column; what is missing in a short record is empty."""
    reject: Reject | None
    """Set when the record itself is broken, whatever its molecule."""
    file: str = ""
    """Which file of a table of several; empty where there is one."""
    block: str | None = None
    """The mol block as it stands in an SDF, coordinates and all; only where the table was opened for it."""

    @property
    def where(self) -> str:
        """What a person needs to find the record: the line, with its file where there are several."""
        return f"{self.file}:{self.line}" if self.file else str(self.line)


class Reader(Protocol):
    """An open file of one format: the columns at once, the rows as they are read."""

    columns: list[str]
    structure: str | None
    """Column that the format itself makes the structure: SMILES of mol blocks."""
    left_out: dict[str, str]
    """Columns that cannot be shown as text, and of which type they are."""

    def __iter__(self) -> Iterator[Row]: ...
