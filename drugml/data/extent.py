"""Over which sizes and elements molecules reach."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from drugml.data.molecule import parse

MOST = 20_000
"""Molecules that are read, a few seconds; of more a random part."""
SEED = 0
ELEMENT = re.compile("[A-Z][a-z]?")
"""In a formula, which takes a fifth of the time of a walk over the atoms."""


class Extent(NamedTuple):
    """Of molecules as they are written."""

    looked_at: int
    """Molecules that were read: all, or a random part."""
    of: int
    atoms: tuple[int, int, int] | None
    """Heavy atoms of the smallest, the median (rounded down) and the largest one; None without any."""
    elements: Mapping[str, int]
    """Symbol to the number of molecules that hold it, the most frequent first; hydrogen is not counted."""


def extent(smiles: Sequence[str], max_atoms: int) -> Extent:
    """Read structures, of which each is a good one.

    Args:
        smiles: as in a table.
        max_atoms: larger molecules are none.
    """
    at = np.arange(len(smiles))
    if len(at) > MOST:
        at = np.sort(np.random.default_rng(SEED).choice(at, MOST, replace=False))
    atoms, elements = list[int](), Counter[str]()
    for i in at.tolist():
        mol = parse(smiles[i], max_atoms)
        if isinstance(mol, Chem.Mol):
            atoms.append(mol.GetNumHeavyAtoms())
            elements.update({*ELEMENT.findall(rdMolDescriptors.CalcMolFormula(mol))} - {"H"})
    sizes = (min(atoms), int(np.median(atoms)), max(atoms)) if atoms else None
    by_number = dict(sorted(elements.items(), key=lambda e: (-e[1], e[0])))
    return Extent(len(atoms), len(smiles), sizes, by_number)
