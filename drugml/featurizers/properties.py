"""What RDKit knows of the atoms and bonds of many molecules, as flat arrays.

Molecules are read one after the other: hundreds of RDKit's Python objects alive at once cost more than reading them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdqueries

Read = Callable[[Any], Any]
Array = NDArray[Any]

ATOM: Mapping[str, Read] = {
    "atomic_number": Chem.Atom.GetAtomicNum,
    "hydrogens": Chem.Atom.GetTotalNumHs,
    "hybridization": Chem.Atom.GetHybridization,
    "aromatic": Chem.Atom.GetIsAromatic,
    "ring": Chem.Atom.IsInRing,
}
"""Read from every atom."""
RARE: Mapping[str, Read] = {
    "charge": Chem.Atom.GetFormalCharge,
    "chirality": Chem.Atom.GetChiralTag,
    "radicals": Chem.Atom.GetNumRadicalElectrons,
    "mass": Chem.Atom.GetMass,
}
"""Read from the few atoms that `MARKED` finds; 0, and the mass of the element, in all others."""
BOND: Mapping[str, Read] = {
    "type": Chem.Bond.GetBondType,
    "begin": Chem.Bond.GetBeginAtomIdx,
    "end": Chem.Bond.GetEndAtomIdx,
}
"""Read from every bond."""
OTHER: Mapping[str, Read] = {
    "conjugated": Chem.Bond.GetIsConjugated,
    "ring": Chem.Bond.IsInRing,
    "stereo": Chem.Bond.GetStereo,
}
"""Read from bonds that are not aromatic: sanitized, an aromatic one is conjugated, in a ring and without stereo."""
TYPES: Mapping[str, type[np.generic]] = {"mass": np.float64, "begin": np.uint16, "end": np.uint16}
"""Of the others int64. A molecule of more than 65,536 atoms is an OverflowError."""


def _marked() -> Chem.Mol:
    """Query for one atom with a charge, a chiral tag, an isotope or a radical."""
    atom = rdqueries.HasChiralTagQueryAtom()
    for other in (
        Chem.AtomFromSmarts("[!+0]"),
        Chem.AtomFromSmarts("[!0*]"),
        rdqueries.NumRadicalElectronsGreaterQueryAtom(0),
    ):
        atom.ExpandQuery(other, Chem.CompositeQueryType.COMPOSITE_OR)
    query = Chem.RWMol()
    query.AddAtom(atom)
    return query.GetMol()


AROMATIC = Chem.BondType.AROMATIC
MARKED = _marked()
EVERY = 2**31 - 1
MASS = np.array([Chem.GetPeriodicTable().GetAtomicWeight(z) for z in range(119)])
"""Dalton, by atomic number."""


class Properties(NamedTuple):
    """Of M molecules with N atoms and P bonds."""

    atom: dict[str, Array]
    """Name to (N,), integers; `mass` in dalton, float64."""
    bond: dict[str, Array]
    """Name to (P,), integers."""
    atoms: list[int]
    """(M,), atoms of each molecule."""
    bonds: list[int]
    """(M,), bonds of each molecule."""


def properties(mols: Sequence[Chem.Mol], names: Iterable[str]) -> Properties:
    """Read all of the bonds, and of the atoms these properties of ATOM and RARE; `degree` counts hydrogens.

    The molecules come sanitized.
    """
    wanted = {*names}
    atom = _Columns({n: r for n, r in ATOM.items() if n in {*wanted, "atomic_number", "hydrogens"}})
    rare = _Columns({n: r for n, r in RARE.items() if n in wanted})
    bond, other = _Columns(BOND), _Columns(OTHER)
    counts: tuple[list[int], list[int]] = ([], [])
    at: list[int] = []
    first = 0
    for mol in mols:
        atoms = [*map(mol.GetAtomWithIdx, range(mol.GetNumAtoms()))]
        bonds = [*map(mol.GetBondWithIdx, range(mol.GetNumBonds()))]
        atom.add(atoms)
        bond.add(bonds)
        types = bond.lists["type"][-len(bonds) :] if bonds else []
        other.add([b for b, kind in zip(bonds, types, strict=True) if kind != AROMATIC])
        if marked := [i for (i,) in mol.GetSubstructMatches(MARKED, uniquify=False, maxMatches=EVERY)]:
            rare.add([atoms[i] for i in marked])
            at += [first + i for i in marked]
        first += len(atoms)
        counts[0].append(len(atoms))
        counts[1].append(len(bonds))
    found = Properties(atom.arrays(), bond.arrays(), *counts)
    for name, values in rare.arrays().items():
        found.atom[name] = MASS[found.atom["atomic_number"]] if name == "mass" else np.zeros(first, np.int64)
        found.atom[name][at] = values
    rest = found.bond["type"] != int(AROMATIC)
    for name, values in other.arrays().items():
        found.bond[name] = np.full(len(rest), name != "stereo", np.int64)
        found.bond[name][rest] = values
    found.atom["degree"] = found.atom["hydrogens"] + _neighbours(found)
    return found


class _Columns:
    """One list of values per property, longer by each molecule."""

    def __init__(self, read: Mapping[str, Read]) -> None:
        self.lists: dict[str, list[Any]] = {name: [] for name in read}
        self._grow = [(self.lists[name].extend, get) for name, get in read.items()]

    def add(self, things: list[Any]) -> None:
        for extend, get in self._grow:
            extend(map(get, things))

    def arrays(self) -> dict[str, Array]:
        return {name: np.array(values, TYPES.get(name, np.int64)) for name, values in self.lists.items()}


def _neighbours(found: Properties) -> Array:
    """(N,), bonds of each atom."""
    first = np.cumsum([0, *found.atoms])
    of_bond = np.repeat(first[:-1], found.bonds)
    ends = np.concatenate([of_bond + found.bond["begin"], of_bond + found.bond["end"]])
    return np.bincount(ends, minlength=int(first[-1]))
