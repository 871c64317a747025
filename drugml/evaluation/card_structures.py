"""Structures in a data card: conflicts between labels of one molecule, and the largest scaffolds."""

from drugml.data.audit.identity import conflicts, scaffold_sizes
from drugml.data.audit.table import Examined
from drugml.evaluation.card_molecules import Tile, tiles

CONFLICTS = 8
SCAFFOLDS = 10


def conflicts_section(table: Examined) -> str:
    """The molecules whose labels are furthest apart, in multiples of the limit over all targets."""
    found = []
    total = 0
    for t in range(len(table.record.targets)):
        groups, gap = conflicts(table, t)
        total += len(groups)
        found += [(g / table.conflict(t), t, m) for m, g in zip(groups.tolist(), gap.tolist(), strict=True)][:CONFLICTS]
    if not found:
        return ""
    found.sort(key=lambda f: -f[0])
    items = []
    for _, t, molecule in found[:CONFLICTS]:
        first = table.replicates(table.rows_of[molecule], t)
        items.append(Tile(first.text, (table.record.targets[t], first.detail), scaffold=False))
    said = f"The {len(items)} widest of {total:,}." if total > len(items) else ""
    return f'<p class="soft">Rows that are one molecule by InChIKey but have labels far apart. {said}</p>{tiles(items)}'


def scaffolds_section(table: Examined) -> str:
    """Murcko scaffolds of the most molecules."""
    sizes = [(s, n) for s, n in scaffold_sizes(table).items() if s][:SCAFFOLDS]
    if not sizes or sizes[0][1] < 2:
        return ""
    first: dict[bytes, int] = {}
    for i, s in enumerate(table.record.scaffolds.tolist()):
        first.setdefault(s, i)
    items = [
        Tile(table.record.smiles[first[s]], (f"{n:,} molecules ({n / table.molecules:.1%})",), scaffold=True)
        for s, n in sizes
    ]
    return tiles(items)
