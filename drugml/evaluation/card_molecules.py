"""Molecules of a data card, drawn as SVG."""

import sys
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.rdBase import BlockLogs

from drugml.data.molecule import parse
from drugml.data.status import Reject

WIDTH, HEIGHT = 230, 160
MOST_ATOMS = 100
"""Larger molecules are written, not drawn: nothing could be seen."""


class Tile(NamedTuple):
    """One drawn molecule and what is said below it."""

    smiles: str
    lines: Sequence[str]
    scaffold: bool
    """Whether only the Murcko scaffold is drawn."""


def tiles(items: Sequence[Tile]) -> str:
    """A row of molecules with captions."""
    return f'<div class="tiles">{"".join(map(_tile, items))}</div>'


def _tile(tile: Tile) -> str:
    caption = "<br>".join(escape(line) for line in tile.lines)
    return f"<figure>{_drawn(tile.smiles, scaffold=tile.scaffold)}<figcaption>{caption}</figcaption></figure>"


def _drawn(smiles: str, *, scaffold: bool) -> str:
    with BlockLogs():
        mol = parse(smiles, sys.maxsize)
        if not isinstance(mol, Reject) and scaffold:
            mol = MurckoScaffold.GetScaffoldForMol(mol)
        if isinstance(mol, Reject) or not 0 < mol.GetNumAtoms() <= MOST_ATOMS:
            return f'<div class="written">{escape(smiles[:200])}</div>'
        drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
        options: Any = drawer.drawOptions()
        options.clearBackground = False
        options.fixedBondLength = 24
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol)
        drawer.FinishDrawing()
    text = str(drawer.GetDrawingText())
    return text[text.index("<svg") :]
