"""From files to predictions in pieces: a few are read, prepared, predicted and written at any time, so that memory does
not grow with the input.

On a CPU each worker process does all of a piece, network included, with one thread: that keeps every core busy with
arrays that stay where they were made. With an accelerator the workers only prepare, and this process has the models.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from drugml.data.crew import Case, Crew, run_here
from drugml.data.formats.row import Row
from drugml.data.isolate import settle
from drugml.data.status import Status
from drugml.data.worker import warm_up
from drugml.errors import UserError
from drugml.featurizers.pack import WORTH_A_POOL, cores
from drugml.prediction.predictor import ON_CPU, Predictions
from drugml.prediction.versions import versions
from drugml.prediction.work import (
    Predict,
    join_packed,
    join_predictions,
    make_predict,
    make_prepare,
)
from drugml.runs.predict.inputs import Inputs
from drugml.runs.predict.job import Job, folder_of
from drugml.runs.predict.models import Model, name_columns, open_models
from drugml.runs.predict.output import Answer, check_ending, form
from drugml.runs.predict.report import Report

log = logging.getLogger(__name__)
CHUNK = 1024
"""Rows in a piece, rounded up to whole batches: what a worker takes at a time and a kill can cost."""
TIMEOUT = 60.0
"""Seconds that one molecule may take."""
MODULES = ["drugml.prediction.work"]
IRRELEVANT = ("lightning", "mlflow", "scikit-learn")
"""Packages that no prediction depends on."""

Progress = Callable[[int, int], None]
"""Takes rows done and about how many there are."""


def predict(
    models: Sequence[str],
    sources: Sequence[str],
    out: Path,
    *,
    smiles: str | None = None,
    resume: bool = False,
    workers: int | None = None,
    timeout: float = TIMEOUT,
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
        workers: processes; 0 works in this one. By default one per core, and none for a small table.
        timeout: seconds that a molecule may take before it is rejected.
        progress: told after each piece.

    Raises:
        UserError: for a bad reference, input table or output file; never for a bad row.
    """
    inputs = Inputs(sources, smiles)
    check_ending(out)
    if out.exists() and any(map(out.samefile, inputs.files)):
        raise UserError(f"{out}: is the input itself, which would be lost; name another output file")
    total = inputs.count()
    if workers is None:
        # a job left behind may have met a molecule that ended its process: only another process survives that
        workers = cores() if total >= WORTH_A_POOL or folder_of(out).exists() else 0
    if workers:
        warm_up(MODULES)  # while this process loads the models
    opened = open_models(models)
    columns = name_columns(opened, inputs.columns)
    report = Report(out, [c for m in columns for c in m.all], [m.label for m in opened])
    writer = form(out, inputs.columns, columns)
    job = Job(out, _about(inputs, smiles, opened, out), resume=resume)
    try:
        if job.report is None:
            job.append(writer.begin(), 0, report.state())
        else:
            report.restore(job.report)
        progress(report.rows, total)
        chunks = _chunks(inputs, job, _batch(opened))
        with _pipeline(opened, workers, timeout) as run:
            for rows, answers in _answered(run, chunks, inputs.at):
                report.add(rows, inputs.at, answers)
                job.append(writer.rows([r.cells for r in rows], answers), report.rows, report.state())
                progress(report.rows, max(total, report.rows))
        inputs.check_unchanged()
        job.finish(writer.finish)
    finally:
        job.close()
    return report


Run = Callable[[Iterator[list[str]]], Iterator[list[Predictions]]]
"""Structures of pieces to predictions of all models, in order."""


@contextmanager
def _pipeline(models: Sequence[Model], workers: int, timeout: float) -> Iterator[Run]:
    """Start what predicts."""
    predict = Predict([m.predictor for m in models])
    with ExitStack() as stack:
        if not workers:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)  # as in a worker process: the last digits depend on it
            yield lambda pieces: run_here(predict, _cases(pieces, timeout, join_predictions))
        elif _batch(models) > ON_CPU:
            specs = [m.predictor.spec.model_dump_json() for m in models]
            prepare = stack.enter_context(Crew(partial(make_prepare, specs), workers, MODULES))
            yield partial(_inferred, predict, prepare, timeout)
        else:
            bundles = [(m.folder.resolve(), m.predictor.spec.hash) for m in models]
            crew = stack.enter_context(Crew(partial(make_predict, bundles), workers, MODULES))
            yield lambda pieces: crew.run(_cases(pieces, timeout, join_predictions))


def _inferred(predict: Predict, crew: Any, timeout: float, pieces: Iterator[list[str]]) -> Iterator[list[Predictions]]:
    """Predictions made here of what the workers prepare."""
    sizes: deque[int] = deque()

    def counted() -> Iterator[list[str]]:
        for piece in pieces:
            sizes.append(len(piece))
            yield piece

    for packed in crew.run(_cases(counted(), timeout, join_packed)):
        yield predict.infer_safely(packed, sizes.popleft())


def _cases(pieces: Iterator[list[str]], timeout: float, join: Any) -> Iterator[Case[Any, Any, Any]]:
    return (settle(piece, timeout, join) for piece in pieces)


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
    return Answer(predicted.values, status, [r.reason if r else "" for r in rejects])


def _batch(models: Sequence[Model]) -> int:
    """Rows that make whole batches of every model."""
    return max(m.predictor.batch for m in models)  # one is a multiple of the other


def _chunks(inputs: Inputs, job: Job, batch: int) -> Iterator[list[Row]]:
    """The rows that are not done, in pieces of whole batches."""
    try:
        rows = iter(inputs)
        skipped = sum(1 for _ in islice(rows, job.rows))
        assert skipped == job.rows
        while chunk := list(islice(rows, -(-CHUNK // batch) * batch)):
            yield chunk
    except UserError:
        job.discard()  # the input must be changed, and then nothing can go on
        raise


def _about(inputs: Inputs, smiles: str | None, models: Sequence[Model], out: Path) -> dict[str, str]:
    """All that the bytes of the output depend on, to be compared when a job goes on."""
    device = str(torch.cuda.get_device_name()) if torch.cuda.is_available() else torch.backends.cpu.get_cpu_capability()
    found = {k: v for k, v in versions().items() if k not in IRRELEVANT}
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
