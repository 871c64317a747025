"""From files to predictions in pieces: a few are read, prepared, predicted and written at any time, so that memory does
not grow with the input.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from drugml.config.geometry import from_file
from drugml.data.formats.row import Row
from drugml.data.status import Status
from drugml.errors import UserError
from drugml.prediction.predictor import Predictions
from drugml.prediction.versions import relevant
from drugml.runs.predict.engines import Engine, Local, Run, batch
from drugml.runs.predict.inputs import Inputs
from drugml.runs.predict.job import Job, folder_of
from drugml.runs.predict.models import Model, name_columns, open_models
from drugml.runs.predict.output import Answer, check_ending, form
from drugml.runs.predict.report import Report

log = logging.getLogger(__name__)
CHUNK = 1024
"""Rows in a piece, rounded up to whole batches: what a worker takes at a time and a kill can cost."""
Progress = Callable[[int, int], None]
"""Takes rows done and about how many there are."""


def predict(
    models: Sequence[str],
    sources: Sequence[str],
    out: Path,
    *,
    smiles: str | None = None,
    resume: bool = False,
    engine: Engine | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Predict files; every input row and column is kept; of each model targets, `status` and `reason` are added.

    Args:
        models: references as in `open_model`, each as it is or as NAME=REFERENCE.
        sources: csv, tsv, smi, sdf or parquet, also .gz and .zst; or patterns of such files. Several files give one
            output with a column that says the file.
        out: .csv, .tsv or .parquet; whole or absent.
        smiles: SMILES column; found where left out.
        resume: go on with a job that was killed.
        engine: what predicts; this machine by default.
        progress: told after each piece.

    Raises:
        UserError: for a bad reference, input table or output file; never for a bad row.
    """
    inputs = Inputs(sources, smiles)
    check_ending(out)
    if out.exists() and any(map(out.samefile, inputs.files)):
        raise UserError(f"{out}: is the input itself, which would be lost; name another output file")
    total = inputs.count()
    engine = engine or Local()
    engine.expect(total, folder_of(out).exists())
    opened = open_models(models)
    if any(from_file(m.predictor.spec.featurizer) for m in opened):
        inputs.with_positions()
    columns = name_columns(opened, inputs.columns)
    report = Report(out, [c for m in columns for c in m.all], [m.label for m in opened])
    writer = form(out, inputs.columns, columns)
    job = Job(out, _about(inputs, smiles, opened, out, engine.device()), resume=resume)
    try:
        if job.report is None:
            job.append(writer.begin(), 0, report.state())
        else:
            report.restore(job.report)
        progress(report.rows, total)
        chunks = _chunks(inputs, job, batch(opened))
        with engine.start(opened) as run:
            for rows, answers in _answered(run, chunks, inputs.at):
                report.add(rows, inputs.at, answers)
                job.append(writer.rows([r.cells for r in rows], answers), report.rows, report.state())
                progress(report.rows, max(total, report.rows))
        inputs.check_unchanged()
        job.finish(writer.finish)
    finally:
        job.close()
    return report


def _answered(run: Run, chunks: Iterator[list[Row]], at: int) -> Iterator[tuple[list[Row], list[Answer]]]:
    """Rows and what each model says of them."""
    waiting: deque[list[Row]] = deque()

    def pieces() -> Iterator[list[str]]:
        for chunk in chunks:
            waiting.append(chunk)
            # a malformed row has no SMILES one could trust
            yield ["" if r.reject else r.cells[at] for r in chunk]

    for predicted in run(pieces()):
        rows = waiting.popleft()
        yield rows, [_answer(rows, p) for p in predicted]


def _answer(rows: Sequence[Row], predicted: Predictions) -> Answer:
    rejects = [r.reject or predicted.rejects.get(i) for i, r in enumerate(rows)]
    status = [r.status.value if r else Status.OK.value for r in rejects]
    reasons = [r.reason if r else predicted.notes.get(i, "") for i, r in enumerate(rejects)]
    return Answer(predicted.columns, status, reasons)


def _chunks(inputs: Inputs, job: Job, whole: int) -> Iterator[list[Row]]:
    """The rows that are not done, in pieces of whole batches."""
    try:
        rows = iter(inputs)
        skipped = sum(1 for _ in islice(rows, job.rows))
        assert skipped == job.rows
        while chunk := list(islice(rows, -(-CHUNK // whole) * whole)):
            yield chunk
    except UserError:
        job.discard()  # the input must be changed, and then nothing can go on
        raise


def _about(inputs: Inputs, smiles: str | None, models: Sequence[Model], out: Path, device: str) -> dict[str, str]:
    """All that the bytes of the output depend on, to be compared when a job goes on."""
    found = relevant({name for m in models for name in m.predictor.spec.names})
    if out.suffix == ".parquet":
        import pyarrow

        found["pyarrow"] = pyarrow.__version__
    return {
        **inputs.about(),
        "--smiles": smiles or "none",
        **{f"model {m.label}": m.predictor.spec.hash for m in models},
        "device": device,
        **found,
    }
