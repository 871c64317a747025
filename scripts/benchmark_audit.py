"""Time of an audit on one core, part by part, beside its floor: reading the SMILES with RDKit.

python scripts/benchmark_audit.py TABLE [TARGET …]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.config.audit import AuditSpec
from drugml.data.audit.audit import audit
from drugml.data.columns import find_smiles
from drugml.data.facts import inspect
from drugml.data.table import Table, locate
from drugml.evaluation.card import write_card
from drugml.runs.check import check_table

T = TypeVar("T")


def main(path: str, targets: list[str]) -> None:
    """Print seconds of CPU time and the ratio to parsing."""
    table = Table(locate(path))
    at, _ = find_smiles(table, None)
    smiles = [r.cells[at] for r in table]
    floor = 0.0

    def timed(what: str, job: Callable[[], T]) -> T:
        nonlocal floor
        start = time.process_time()
        result = job()
        seconds = time.process_time() - start
        floor = floor or seconds
        print(f"{what:40s} {seconds:8.1f} s {seconds / len(smiles) * 1e6:8.0f} µs/row {seconds / floor:6.2f} × parsing")
        return result

    def parse() -> None:
        with BlockLogs():
            for s in smiles:
                Chem.MolFromSmiles(s)

    print(f"{path}: {len(smiles):,} rows, one core")
    timed("parsing (RDKit)", parse)
    timed("facts, without identities", lambda: inspect(smiles, max_atoms=1000, identities=False, workers=1))
    timed("facts, InChIKey, scaffold", lambda: inspect(smiles, max_atoms=1000, identities=True, workers=1))
    found = check_table(path, targets, None, None)
    timed("audit of the arrays", lambda: audit(found.record, found.facts, AuditSpec()))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "card.html"
        timed(
            "data card",
            lambda: write_card(
                out, found.record, found.facts, found.audit, spec=AuditSpec(), about={}, positive={}, fold=None
            ),
        )
        print(f"card: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
