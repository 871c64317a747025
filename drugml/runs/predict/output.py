"""How predictions are written: piece by piece as bytes of one growing file, at last as the file asked for."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from drugml.errors import UserError
from drugml.runs.predict.models import ModelColumns

ROW_GROUP = 1 << 16
"""Rows of a Parquet row group, however they came in."""


class Answer(NamedTuple):
    """What one model says of R rows."""

    values: NDArray[np.float64]
    """(R, C) in the columns of `ModelColumns.values`, NaN where there is none."""
    status: list[str]
    reason: list[str]


class Form(Protocol):
    """A file format."""

    def begin(self) -> bytes:
        """What stands before the first row."""
        ...

    def rows(self, cells: Sequence[list[str]], answers: Sequence[Answer]) -> bytes:
        """Rows: cells of the input, and what each model says."""
        ...

    def finish(self, data: Path, part: Path) -> Path:
        """Make the file from all bytes; returns where it is: `data` or `part`."""
        ...


def form(out: Path, columns: Sequence[str], models: Sequence[ModelColumns]) -> Form:
    """The format of the file's ending."""
    if out.suffix == ".parquet":
        return ParquetForm(columns, models)
    return TextForm(columns, models, DELIMITERS[out.suffix])


DELIMITERS = {".csv": ",", ".tsv": "\t"}


def check_ending(out: Path) -> None:
    """Refuse a file that could not be written, before the work.

    Raises:
        UserError: if its ending is no format, or it is a folder.
    """
    if out.suffix not in (*DELIMITERS, ".parquet"):
        raise UserError(f"{out}: the ending {out.suffix!r} is no output format; use .csv, .tsv or .parquet")
    if out.is_dir():
        raise UserError(f"{out}: is a folder; name a file")


class TextForm:
    """Delimited text; numbers in the shortest form that reads back the same."""

    def __init__(self, columns: Sequence[str], models: Sequence[ModelColumns], delimiter: str) -> None:
        self._header = [*columns, *(c for m in models for c in m.all)]
        self._delimiter = delimiter

    def begin(self) -> bytes:
        return self._text([self._header])

    def rows(self, cells: Sequence[list[str]], answers: Sequence[Answer]) -> bytes:
        added: list[list[str]] = [[] for _ in cells]
        for answer in answers:
            for row, values, status, reason in zip(added, answer.values.tolist(), *answer[1:], strict=True):
                row += ["" if v != v else repr(v) for v in values]  # noqa: PLR0124  NaN
                row += [status, reason]
        return self._text([*row, *more] for row, more in zip(cells, added, strict=True))

    def finish(self, data: Path, part: Path) -> Path:
        return data

    def _text(self, rows: Any) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()


class ParquetForm:
    """Input columns as text, predictions as float64 with nulls; pieces are kept as Arrow messages."""

    def __init__(self, columns: Sequence[str], models: Sequence[ModelColumns]) -> None:
        import pyarrow as pa

        fields = [(c, pa.string()) for c in columns]
        for m in models:
            fields += [*((c, pa.float64()) for c in m.values), (m.status, pa.string()), (m.reason, pa.string())]
        self._schema = pa.schema(fields)

    def begin(self) -> bytes:
        return b""

    def rows(self, cells: Sequence[list[str]], answers: Sequence[Answer]) -> bytes:
        import pyarrow as pa

        arrays = [pa.array(c, pa.string()) for c in zip(*cells, strict=True)]
        for a in answers:
            arrays += [pa.array(v, mask=np.isnan(v)) for v in a.values.T]
            arrays += [pa.array(a.status, pa.string()), pa.array(a.reason, pa.string())]
        return bytes(pa.RecordBatch.from_arrays(arrays, schema=self._schema).serialize())

    def finish(self, data: Path, part: Path) -> Path:
        import pyarrow as pa
        from pyarrow import parquet

        with parquet.ParquetWriter(part, self._schema) as writer:
            waiting: list[Any] = []
            for batch in self._batches(data):
                waiting.append(batch)
                while sum(map(len, waiting)) >= ROW_GROUP:
                    table = pa.Table.from_batches(waiting).combine_chunks()  # pages must not depend on the pieces
                    writer.write_table(table[:ROW_GROUP], row_group_size=ROW_GROUP)
                    waiting = table[ROW_GROUP:].to_batches()
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting).combine_chunks(), row_group_size=ROW_GROUP)
        return part

    def _batches(self, data: Path) -> Iterator[Any]:
        import pyarrow as pa

        with pa.OSFile(str(data)) as file:
            while True:
                try:
                    message = pa.ipc.read_message(file)
                except EOFError:
                    return
                yield pa.ipc.read_record_batch(message, self._schema)
