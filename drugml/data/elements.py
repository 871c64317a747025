"""Which elements a molecule holds, as bits.

Shape letters: M molecules.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

ELEMENTS = "elements"
"""The field of a packed store."""
BYTES = 16
"""One bit for each atomic number, the lowest first."""
Bits = NDArray[np.uint8]
"""(M, 16), or (16,) of one molecule or of all together."""
SYMBOL = re.compile("[A-Z][a-z]?")
"""In a formula, which takes a fifth of the time of a walk over the atoms."""


def atomic_numbers(mol: Chem.Mol) -> set[int]:
    """Of its elements but hydrogen."""
    number = Chem.GetPeriodicTable().GetAtomicNumber
    return {number(s) for s in SYMBOL.findall(rdMolDescriptors.CalcMolFormula(mol))} - {1}


def bits(numbers: Iterable[int]) -> tuple[int, ...]:
    """Sixteen bytes for different atomic numbers."""
    return tuple(sum(1 << n for n in numbers).to_bytes(BYTES, "little"))


def bits_of(mols: Iterable[Chem.Mol]) -> Bits:
    """Of each molecule, (M, 16)."""
    return np.array([bits(atomic_numbers(m)) for m in mols], np.uint8).reshape(-1, BYTES)


def bits_by_atom(number: NDArray[np.int64], owner: NDArray[np.int64], molecules: int) -> Bits:
    """The same, (M, 16), from the atomic number and the molecule of each atom."""
    held = np.zeros((molecules, 8 * BYTES), bool)
    held[owner, number] = True
    held[:, 1] = False
    return np.packbits(held, axis=1, bitorder="little")


def symbols(held: Bits) -> list[str]:
    """Of the elements whose bits are set, (16,), by atomic number."""
    symbol = Chem.GetPeriodicTable().GetElementSymbol
    return [symbol(int(n)) for n in np.flatnonzero(np.unpackbits(held, bitorder="little"))]


def together(held: Bits) -> list[str]:
    """Symbols of what any of the molecules holds, (M, 16)."""
    return symbols(np.bitwise_or.reduce(held, axis=0)) if len(held) else []


def bits_of_symbols(names: Iterable[str]) -> Bits:
    """The other way round, (16,)."""
    return np.array(bits(map(Chem.GetPeriodicTable().GetAtomicNumber, names)), np.uint8)
