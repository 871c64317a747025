"""One fingerprint per molecule, as stored."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from drugml.data.store import PackedStore


def rows(mols: Sequence[Chem.Mol], width: int, read: Callable[[Chem.Mol], NDArray[Any]]) -> PackedStore:
    """Molecule field `fingerprint` (M, width), uint8: counts above 255 are written as 255."""
    out = np.empty((len(mols), width), np.uint8)
    for row, mol in zip(out, mols, strict=True):
        row[:] = read(mol).clip(max=255)
    return store_of(out)


def store_of(fingerprints: NDArray[np.uint8]) -> PackedStore:
    """A store of fingerprints (M, width) and no atoms."""
    zeros = np.zeros(len(fingerprints) + 1, np.int64)
    return PackedStore({"fingerprint": fingerprints}, {}, {}, zeros, zeros)


def canonical(mol: Chem.Mol) -> Chem.Mol:
    """The same molecule with its atoms in RDKit's canonical order."""
    ranks = [*Chem.CanonicalRankAtoms(mol)]
    return Chem.RenumberAtoms(mol, sorted(range(len(ranks)), key=ranks.__getitem__))


def label(mols: Iterable[Chem.Mol]) -> None:
    """Give stereocentres their CIP labels: atom pairs and torsions read them, and a molecule need not carry them.

    The Morgan generator sees to it by itself.
    """
    for mol in mols:
        Chem.AssignStereochemistry(mol)
