"""Which column holds the SMILES, and what is said about it."""

from itertools import islice

from rdkit.rdBase import BlockLogs

from drugml.data.molecule import parse
from drugml.data.status import Reject
from drugml.data.table import Table
from drugml.errors import UserError

SURE = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "canonical smiles")
"""Names that are believed whatever the column holds."""
LIKELY = ("structure", "molecule", "mol", "drug", "compound", "cxsmiles")
"""Names that win a tie."""
SAMPLE = 100
ENOUGH = 0.8
"""Share of the sampled cells that must be SMILES for a column to be taken by its content."""


def find_smiles(table: Table, named: str | None) -> tuple[int, str]:
    """Position of the SMILES column and how it was found, a sentence for the user.

    Raises:
        UserError: if `named` does not exist, or nothing looks like SMILES.
    """
    if named is not None:
        return table.column(named, "SMILES"), f"SMILES column {named!r}"
    lower = [c.lower() for c in table.columns]
    for name in SURE:
        if name in lower:
            return lower.index(name), f"SMILES column {table.columns[lower.index(name)]!r}, found by its name"
    shares = _shares_of_smiles(table)
    best = max(range(len(shares)), key=lambda i: (shares[i], lower[i] in LIKELY, -i))
    if shares[best] < ENOUGH:
        data = [c for c in table.columns if not isinstance(parse(c, 1000), Reject) and len(c) > 3]
        hint = f" The first line looks like data ({data[0]!r}): add a header line." if data else ""
        raise UserError(
            f"{table.path}: no SMILES column among {', '.join(map(repr, table.columns))}: none is called SMILES, "
            f"and in none are {ENOUGH:.0%} of the first {SAMPLE} cells SMILES. Name it with data.smiles=COLUMN.{hint}"
        )
    return best, (
        f"SMILES column {table.columns[best]!r}, found by its content ({shares[best]:.0%} of the first "
        f"{SAMPLE} cells are SMILES)"
    )


def _shares_of_smiles(table: Table) -> list[float]:
    rows = [row.cells for row in islice(table, SAMPLE)]
    shares = []
    for i in range(len(table.columns)):
        cells = [r[i] for r in rows if r[i].strip()]
        with BlockLogs():
            good = sum(not isinstance(parse(c, 1000), Reject) for c in cells)
        shares.append(good / len(cells) if cells else 0.0)
    return shares
