"""Rows that are predicted in pieces, and processes that are killed on the way."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SMILES, write_csv

POOL = [*SMILES, "", "junk", "c1ccccc1(C)(C)C", "*CC", "NCC(=O)" * 100 + "O", "[Na+].[Cl-]", "C"]


def table_of_many(path: Path) -> Path:
    """300 rows of good and bad molecules in five pieces."""
    return write_csv(path, ["id", "SMILES"], [(i, POOL[i * 7 % len(POOL)]) for i in range(300)])


def killed(action: Callable[[], object]) -> None:
    """Run something in a copy of this process that kills itself on the way."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(99)  # it was to be killed before
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
