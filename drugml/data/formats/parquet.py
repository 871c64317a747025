"""Parquet, read batch by batch; cells become the text that a csv of the same table would hold."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drugml.data.formats.row import Row
from drugml.errors import UserError

log = logging.getLogger(__name__)
Text = Callable[[Any], list[str]]
BATCH = 8192
"""Rows in memory at a time."""


class ParquetReader:
    """A Parquet file. Columns of lists, structs or bytes are left out, which is said; naming one is an error."""

    structure: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            schema = file.schema_arrow
            self._texts = [_text_of(field.type) for field in schema]
            self.left_out = {f.name: str(f.type) for f, t in zip(schema, self._texts, strict=True) if t is None}
            self.columns = [f.name for f, t in zip(schema, self._texts, strict=True) if t is not None]
            if not file.metadata.num_rows and not self.columns:
                raise UserError(f"{path}: the file is empty; expected one row per molecule")
        if self.left_out:
            shown = ", ".join(f"{name!r} ({kind})" for name, kind in self.left_out.items())
            log.warning("%s: columns without a text form are left out: %s", path, shown)

    def __iter__(self) -> Iterator[Row]:
        import pyarrow as pa

        line = 2
        with self._opened() as file:
            try:
                for batch in file.iter_batches(BATCH, use_threads=False):  # threads hold more columns at once
                    columns = [t(c) for t, c in zip(self._texts, batch.columns, strict=True) if t is not None]
                    for cells in zip(*columns, strict=True):
                        yield Row(line, list(cells), None)
                        line += 1
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise UserError(
                    f"{self.path}: cannot be read to its end, after row {line - 2:,}: {error}; is it damaged?"
                ) from None

    def _opened(self) -> Any:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self.path, buffer_size=1 << 16, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            said = str(error).partition("\n")[0]
            raise UserError(
                f"{self.path}: cannot be read as Parquet: {said}; is it damaged, or of another format?"
            ) from None


def _text_of(kind: Any) -> Text | None:
    """What turns an Arrow array of this type into texts; None where it has no text form."""
    from pyarrow import types as t

    if t.is_dictionary(kind):
        return _text_of(kind.value_type)  # its Python values are those of the type
    forms: list[tuple[bool, Callable[[Any], str]]] = [
        (t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind), str),
        (t.is_boolean(kind), lambda v: "true" if v else "false"),
        (t.is_float64(kind), repr),
        (t.is_float32(kind), lambda v: str(np.float32(v))),  # shortest at its own precision
        (t.is_float16(kind), lambda v: str(np.float16(v))),
        (t.is_integer(kind) or t.is_temporal(kind) or t.is_decimal(kind) or t.is_null(kind), str),
    ]
    form = next((f for fits, f in forms if fits), None)
    if form is None:
        return None
    return lambda array: ["" if v is None else form(v) for v in array.to_pylist()]
