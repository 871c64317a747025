"""SDF, V2000 and V3000: each record a row of SMILES, title and properties.

Source: CTFile Formats, BIOVIA 2020, chapters "SDfiles" and "Molfiles".
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from drugml.data.formats.files import first_text, text_lines
from drugml.data.formats.molblock import smiles_of
from drugml.data.formats.row import Row
from drugml.data.status import Reject, Status
from drugml.errors import UserError

BATCH = 64
"""Records in memory at a time."""
END = "$$$$"
BLOCK_END = "M  END"
HEADER = re.compile(r"^>\s*(?:\d+\s+)?(?:\([^)]*\)\s*)?<(.+)>\s*(?:\(.*\)|DT\d+|\d+)?\s*$")
"""`> <logP>`, `>  25 <logP> (12)`; but not `>100`, a value."""


class Record(NamedTuple):
    """What stands between two `$$$$`."""

    line: int
    """Where it begins."""
    title: str
    block: list[str]
    """Lines of the mol block, to `M  END` where there is one."""
    properties: dict[str, str]
    fault: str
    """Why it cannot be trusted, empty for a good one."""


class SdfReader:
    """An SDF as a table: the structure as SMILES, the title where any record has one, and all properties.

    The file is gone through once for the names of its properties. A broken record costs no other:
    it ends at its `$$$$`.
    """

    left_out: dict[str, str] = {}

    def __init__(self, path: Path, *, blocks: bool, positions: bool) -> None:
        self.path = path
        self._blocks, self._positions = blocks, positions
        first_text(path, 1024)
        names: dict[str, None] = {}
        titled, records = False, 0
        for records, record in enumerate(_records(path), 1):  # noqa: B007  counted for the message
            names |= dict.fromkeys(record.properties)
            titled = titled or bool(record.title)
        if not records:
            raise UserError(f"{path}: no record; expected mol blocks, each ended by `$$$$`")
        self.structure: str | None = _free(("smiles", "sdf_smiles"), names)
        title = [_free(("name", "title", "sdf_title"), names)] if titled else []
        self.columns = [self.structure, *title, *names]
        self._title = bool(title)
        self._names, self._known = list(names), names.keys()

    def __iter__(self) -> Iterator[Row]:
        records = _records(self.path)
        while some := list(islice(records, BATCH)):
            for record, smiles in zip(some, smiles_of((r.block for r in some), positions=self._positions), strict=True):
                yield self._row(record, smiles)

    def _row(self, record: Record, smiles: str | Reject) -> Row:
        reject = smiles if isinstance(smiles, Reject) else None
        if record.fault:
            reject = Reject(Status.MALFORMED, record.fault)
        cells = ["" if isinstance(smiles, Reject) else smiles]
        if self._title:
            cells.append(record.title)
        cells += [record.properties.get(name, "") for name in self._names]
        if not record.properties.keys() <= self._known:
            raise UserError(f"{self.path}:{record.line}: the file has changed while it was read; read it again")
        return Row(record.line, cells, reject, block="\n".join(record.block) + "\n" if self._blocks else None)


def _records(path: Path) -> Iterator[Record]:
    begin, lines = 1, list[str]()
    for number, line in enumerate(text_lines(path), 1):
        if line.startswith(END):
            yield _record(begin, lines, closed=True)
            begin, lines = number + 1, []
        else:
            lines.append(line.rstrip("\r\n"))
    if any(map(str.strip, lines)):
        yield _record(begin, lines, closed=False)


def _record(begin: int, lines: list[str], *, closed: bool) -> Record:
    ends = [i for i, text in enumerate(lines) if text.startswith(BLOCK_END)]
    # a block without its end goes to the first property
    stop = ends[0] + 1 if ends else next((i for i, t in enumerate(lines) if i > 3 and HEADER.match(t)), len(lines))
    properties, fault = _properties(begin + stop, lines[stop:])
    if len(ends) > 1:
        fault = f"line {begin + ends[1]}: a second mol block in one record; is a `$$$$` line missing before it?"
    elif not closed and (not ends or stop < len(lines)):
        fault = "the file ends within this record, without `$$$$`; is it cut off?"
    elif not ends:
        fault = f"line {begin + stop}: the mol block has no `M  END`; is it cut off?"
    return Record(begin, lines[0].strip() if lines else "", lines[:stop], properties, fault)


def _properties(begin: int, lines: list[str]) -> tuple[dict[str, str], str]:
    """Names and values, and what is wrong with them.

    A value goes to the next header, without blank lines at its end.
    """
    found: dict[str, list[str]] = {}
    values: list[str] | None = None
    fault = ""
    for number, text in enumerate(lines, begin):
        if match := HEADER.match(text):
            name = match[1].strip()
            if name in found:
                fault = fault or f"line {number}: the property {name!r} stands twice in this record"
            found[name] = values = []
        elif values is not None:
            values.append(text)
        elif text.strip():
            fault = (
                fault
                or f"line {number}: {text[:80]!r} after the mol block is no property; expected `> <NAME>` or `$$$$`"
            )
    return {name: "\n".join(v).rstrip("\n") for name, v in found.items()}, fault


def _free(wished: tuple[str, ...], names: dict[str, None]) -> str:
    """The first name that no property has, in whatever case."""
    taken = {n.lower() for n in names}
    more = (f"{wished[-1]}_{n}" for n in range(2, len(taken) + 3))
    return next(n for n in (*wished, *more) if n not in taken)
