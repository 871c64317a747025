"""Which column holds the structure, as SMILES or InChI, and what is said about it; which ones could be targets."""

from itertools import islice, pairwise

from rdkit.rdBase import BlockLogs

from drugml.data.molecule import is_inchi, parse
from drugml.data.relations import relation
from drugml.data.status import Reject
from drugml.data.table import Table
from drugml.data.targets import is_missing, looks_binary, numbers
from drugml.errors import UserError

SURE = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "canonical smiles")
"""Names that are believed whatever the column holds."""
LIKELY = ("structure", "molecule", "mol", "drug", "compound", "cxsmiles")
"""Names that win a tie."""
SURE_INCHI = ("inchi", "standard_inchi", "standard inchi", "std_inchi")
"""The same for InChI, where there is no SMILES."""
SAMPLE = 100
ENOUGH = 0.8
"""Share of the sampled cells that must be SMILES for a column to be taken by its content."""


def find_smiles(table: Table, named: str | None) -> tuple[int, str]:
    """Position of the column of SMILES, or where there is none of InChI, and how it was found, a sentence for the user.

    Raises:
        UserError: if `named` does not exist, or nothing looks like SMILES or InChI.
    """
    if named is not None:
        return table.column(named, "SMILES"), f"SMILES column {named!r}"
    if table.structure is not None:
        return table.columns.index(table.structure), _made_from_blocks(table, table.structure)
    lower = [c.lower() for c in table.columns]
    for name in SURE:
        if name in lower:
            return lower.index(name), f"SMILES column {table.columns[lower.index(name)]!r}, found by its name"
    shares = _shares_of_structures(table)
    for kind, share in shares.items():
        for name in SURE_INCHI if kind == "InChI" else ():
            if name in lower:
                return lower.index(name), f"InChI column {table.columns[lower.index(name)]!r}, found by its name"
        best = max(range(len(share)), key=lambda i: (share[i], lower[i] in LIKELY, -i))
        if share[best] >= ENOUGH:
            return best, (
                f"{kind} column {table.columns[best]!r}, found by its content ({share[best]:.0%} of the first "
                f"{SAMPLE} cells are {kind})"
            )
    data = [c for c in table.columns if not isinstance(parse(c, 1000), Reject) and len(c) > 3]
    hint = f" The first line looks like data ({data[0]!r}): add a header line." if data else ""
    raise UserError(
        f"{table.path}: no SMILES column among {', '.join(map(repr, table.columns))}: none is called SMILES, "
        f"and in none are {ENOUGH:.0%} of the first {SAMPLE} cells SMILES or InChI. "
        f"Name it with data.smiles=COLUMN.{hint}"
    )


def _made_from_blocks(table: Table, name: str) -> str:
    others = [c for c in table.columns if c.lower() in SURE and c != name]
    more = f"; the property {others[0]!r} is not used, data.smiles={others[0]} would" if others else ""
    return f"SMILES column {name!r}, made from the mol blocks{more}"


def _shares_of_structures(table: Table) -> dict[str, list[float]]:
    """For SMILES and InChI the share of each column's sampled cells."""
    rows = [row.cells for row in islice(table, SAMPLE)]
    shares: dict[str, list[float]] = {"SMILES": [], "InChI": []}
    for i in range(len(table.columns)):
        cells = [r[i] for r in rows if r[i].strip()]
        with BlockLogs():
            good = [c for c in cells if not isinstance(parse(c, 1000), Reject)]
        inchi = sum(map(is_inchi, good))
        shares["InChI"].append(inchi / max(len(cells), 1))
        shares["SMILES"].append((len(good) - inchi) / max(len(cells), 1))
    return shares


def numeric_columns(table: Table, smiles: int) -> list[str]:
    """Columns that could be targets: mostly numbers or two classes."""
    rows = [r.cells for _, r in zip(range(1000), table, strict=False)]
    found = []
    for i, name in enumerate(table.columns):
        column = [r[i] for r in rows]
        known = [c for c in column if not is_missing(c)]
        if i == smiles or not known or _counts(known) or all(relation(c) is not None for c in known):
            continue
        if len(numbers(name, known).rejects) < 0.1 * len(known) or looks_binary(column):
            found.append(name)
    return found


def _counts(cells: list[str]) -> bool:
    """Whether cells only number the rows: whole numbers, each larger than the one before."""
    if len(cells) < 2 or not all(c.strip().isdecimal() for c in cells):
        return False
    return all(int(a) < int(b) for a, b in pairwise(cells))
