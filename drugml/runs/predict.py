"""`predict`: any model reference and any molecule file in, the same rows in the same order out."""

import csv
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from drugml.data.columns import find_smiles
from drugml.data.status import Reject, Status
from drugml.data.table import Row, Table, locate
from drugml.errors import UserError
from drugml.featurizers.pack import cores
from drugml.prediction.bundle import SPEC, load
from drugml.prediction.predictor import Predictor

log = logging.getLogger(__name__)
CHUNK = 20_000
"""Rows in memory at a time."""


@dataclass
class Report:
    """What became of the rows."""

    path: Path
    columns: list[str]
    """Columns that were added."""
    counts: Counter[str] = field(default_factory=Counter)
    first_bad: list[tuple[str, str]] = field(default_factory=list)
    preview: list[list[str]] = field(default_factory=list)
    """The first rows of SMILES and added columns."""

    @property
    def bad(self) -> int:
        """Rows without a prediction."""
        return self.counts.total() - self.counts[Status.OK.value]

    def summary(self) -> str:
        """One line, and the first bad rows."""
        lines = [f"{self.path}: {self.counts[Status.OK.value]:,} of {self.counts.total():,} rows predicted"]
        lines += [f"  line {n}: {reason}" for n, reason in self.first_bad]
        if self.bad > len(self.first_bad):
            lines.append(f"  … and {self.bad - len(self.first_bad):,} more; see the columns status and reason")
        return "\n".join(lines)


def open_model(reference: str) -> Predictor:
    """Load a model from a bundle folder, a run folder, `models:/…`, or a run id.

    Raises:
        UserError: if there is none, or it fails its checks.
    """
    folder = Path(reference)
    if folder.is_dir():
        return load(folder if (folder / SPEC).exists() or not (folder / "bundle").is_dir() else folder / "bundle")
    try:
        from drugml.tracking.models import fetch  # MLflow, which bundles in folders do without
        from drugml.tracking.store import connect
    except ImportError as error:
        raise UserError(
            f"{reference}: no such folder, and MLflow is not installed to look it up ({error.name} is missing)"
        ) from None
    return load(fetch(connect(None), reference))


def predict(model: str, source: str, out: Path, smiles: str | None = None) -> Report:
    """Predict a file; every input row and column is kept, targets, `status` and `reason` are added.

    Args:
        model: reference as in `open_model`.
        source: csv, tsv, smi, sdf or parquet, also .gz and .zst; or a pattern of such files.
        out: .csv, .tsv or .parquet; written beside and renamed, so that it is whole or absent.
        smiles: SMILES column; found where left out.

    Raises:
        UserError: for a bad reference, input table or output file; never for a bad row.
    """
    table = Table(locate(source))
    if out.exists() and any(map(out.samefile, table.files)):
        raise UserError(f"{out}: is the input itself, which would be lost; name another output file")
    at, how = find_smiles(table, smiles)
    log.info("%s: %s", table.path.name, how)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    columns = list(table.columns)
    try:
        writer = _writer(part, out)
        predictor = open_model(model)
        added = [_free(name, columns) for name in predictor.spec.targets]
        texts = [_free(name, [*columns, *added]) for name in ("status", "reason")]
        for name, free in zip((*predictor.spec.targets, "status", "reason"), [*added, *texts], strict=True):
            if name != free:
                log.info("the input has a column %r: the prediction's is %r", name, free)
        report = Report(out, [*added, *texts])
        with writer as file:
            file.header(columns, added, texts)
            for chunk in _chunks(table):
                _predict_chunk(predictor, chunk, at, file, report)
        if part.exists():
            part.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}; nothing was left behind") from None
    finally:
        part.unlink(missing_ok=True)
    return report


class Output(Protocol):
    """A file that takes rows."""

    def header(self, columns: list[str], added: list[str], texts: list[str]) -> None: ...

    def rows(self, cells: list[list[str]], values: Any, texts: list[tuple[str, str]]) -> None: ...

    def __enter__(self) -> "Output": ...

    def __exit__(self, *_: object) -> None: ...


class CsvOutput:
    """Text; numbers in the shortest form that reads back the same."""

    def __init__(self, path: Path, delimiter: str) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, delimiter=delimiter, lineterminator="\n")

    def header(self, columns: list[str], added: list[str], texts: list[str]) -> None:
        self._writer.writerow([*columns, *added, *texts])

    def rows(self, cells: list[list[str]], values: Any, texts: list[tuple[str, str]]) -> None:
        for row, numbers, text in zip(cells, values, texts, strict=True):
            shown = ["" if np.isnan(v) else repr(float(v)) for v in numbers]
            self._writer.writerow([*row, *shown, *text])

    def __enter__(self) -> "CsvOutput":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class ParquetOutput:
    """Input columns as text, predictions as float64 with nulls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()  # an unwritable folder is found before the work
        self._writer: Any = None

    def header(self, columns: list[str], added: list[str], texts: list[str]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kinds = [(c, pa.string()) for c in columns] + [(c, pa.float64()) for c in added]
        self._schema = pa.schema([*kinds, *[(c, pa.string()) for c in texts]])
        self._writer = parquet.ParquetWriter(self._path, self._schema)

    def rows(self, cells: list[list[str]], values: Any, texts: list[tuple[str, str]]) -> None:
        import pyarrow as pa

        columns = [pa.array(c, pa.string()) for c in zip(*cells, strict=True)]
        numbers = [pa.array(v, mask=np.isnan(v)) for v in values.T]
        notes = [pa.array(c, pa.string()) for c in zip(*texts, strict=True)]
        self._writer.write_table(pa.Table.from_arrays([*columns, *numbers, *notes], schema=self._schema))

    def __enter__(self) -> "ParquetOutput":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _writer(part: Path, out: Path) -> Output:
    kinds = {".csv": ",", ".tsv": "\t"}
    if out.suffix in kinds:
        return CsvOutput(part, kinds[out.suffix])
    if out.suffix == ".parquet":
        return ParquetOutput(part)
    raise UserError(f"{out}: the ending {out.suffix!r} is no output format; use .csv, .tsv or .parquet")


def _predict_chunk(predictor: Predictor, chunk: list[Row], at: int, file: Output, report: Report) -> None:
    # a malformed row has no SMILES one could trust
    smiles = ["" if r.reject else r.cells[at] for r in chunk]
    values, found = predictor.predict(smiles, workers=cores())
    rejects: list[Reject | None] = [r.reject or found.get(i) for i, r in enumerate(chunk)]
    texts = [(r.status.value, r.reason) if r else (Status.OK.value, "") for r in rejects]
    file.rows([r.cells for r in chunk], values, texts)
    report.counts.update(status for status, _ in texts)
    bad = ((r.where, t[1]) for r, t in zip(chunk, texts, strict=True) if t[0] != Status.OK)
    report.first_bad += list(islice(bad, 5 - len(report.first_bad)))
    for row, numbers, text in zip(chunk, values, texts, strict=True):
        if len(report.preview) == 5:
            break
        report.preview.append([row.cells[at], *("" if np.isnan(v) else f"{v:.4g}" for v in numbers), *text])


def _chunks(table: Table) -> Iterator[list[Row]]:
    rows = iter(table)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _free(name: str, taken: list[str]) -> str:
    """A column name that the input does not have."""
    candidate, n = name, 1
    while candidate in taken:
        candidate = f"{name}_pred" if n == 1 else f"{name}_pred{n}"
        n += 1
    return candidate
