"""The cells of some columns of a table, whole: what a table is judged by, in memory that holds millions of rows.

Shape letter: R rows.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from drugml.data.status import BadRow, Reject
from drugml.data.table import Table
from drugml.data.texts import BLOCK, Lines, Texts
from drugml.errors import UserError


@dataclass(frozen=True)
class Cells(Mapping[int, Texts]):
    """Position of a column in the table to its cells (R)."""

    columns: Mapping[int, Texts]
    lines: Lines
    """(R,)"""
    rejects: dict[int, Reject]
    """Position of a record that is broken in itself to the reason."""

    @property
    def rows(self) -> int:
        """R."""
        return len(self.lines)

    def __getitem__(self, column: int) -> Texts:
        return self.columns[column]

    def __iter__(self) -> Iterator[int]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def bad(self, structure: int, at: int, reject: Reject) -> BadRow:
        """One row as it is reported; `structure` is the column of its molecule."""
        return BadRow(self.lines[at], self[structure][at], reject)


def read_cells(table: Table, columns: Collection[int]) -> Cells:
    """Read some columns of a table, and nothing else of it.

    Raises:
        UserError: if the table has no rows, or as its reader.
    """
    wanted = sorted(set(columns))
    blocks: dict[int, list[Texts]] = {c: [] for c in wanted}
    rejects: dict[int, Reject] = {}

    def places() -> Iterator[tuple[str, int]]:
        rows, read = iter(table), 0
        while block := list(islice(rows, BLOCK)):
            for c in wanted:
                blocks[c].append(Texts.of(r.cells[c] for r in block))
            rejects.update({read + i: r.reject for i, r in enumerate(block) if r.reject})
            read += len(block)
            yield from ((r.file, r.line) for r in block)

    lines = Lines.of(places())
    if not lines:
        raise UserError(f"{table.path}: a header but no rows; expected one row per molecule")
    return Cells({c: Texts.joined(b) for c, b in blocks.items()}, lines, rejects)
