"""Rows that are predicted in pieces, and processes that kill themselves on the way."""

import multiprocessing
import os
import signal
from pathlib import Path

from drugml.data.worker import warm_up
from drugml.prediction.predictor import ON_CPU
from drugml.runs.predict import predict, stream
from drugml.runs.predict.inputs import Inputs
from drugml.runs.predict.job import Job
from tests.conftest import SMILES, write_csv

POOL = [*SMILES, "", "junk", "c1ccccc1(C)(C)C", "*CC", "NCC(=O)" * 100 + "O", "[Na+].[Cl-]", "C", "C[Hg]C"]


def table_of_many(path: Path) -> Path:
    """300 rows of good and bad molecules in five pieces."""
    return write_csv(path, ["id", "SMILES"], [(i, POOL[i * 7 % len(POOL)]) for i in range(300)])


def killed(bundle: Path, source: Path, out: Path, moment: str) -> None:
    """Predict in a process that kills itself at a moment: SIGKILL, after 128 rows or at the end."""
    # this process has threads and cannot be forked
    warm_up(["tests.pieces"])
    process = multiprocessing.get_context("forkserver").Process(target=_cut_short, args=(bundle, source, out, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _cut_short(bundle: Path, source: Path, out: Path, moment: str) -> None:
    stream.CHUNK = ON_CPU
    append = Job.append

    def wrapped(self: Job, piece: bytes, rows: int, report: dict) -> None:
        if rows == 192 and moment == "half a piece":
            self._file.write(piece[: len(piece) // 2])
            die()
        if rows == 192 and moment == "before the state":
            Path.replace = die  # type: ignore[method-assign,assignment]
        append(self, piece, rows, report)
        if rows == 128 and moment == "between":
            die()

    Job.append = wrapped  # type: ignore[method-assign]
    if moment == "before the end":
        Inputs.check_unchanged = die  # type: ignore[method-assign]
    if moment == "at the end":
        Job.discard = die  # type: ignore[method-assign]
    predict([str(bundle)], [str(source)], out)
