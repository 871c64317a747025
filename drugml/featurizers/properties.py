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
    "conjugated": Chem.Bond.GetIsConjugated,
    "ring": Chem.Bond.IsInRing,
    "stereo": Chem.Bond.GetStereo,
    "begin": Chem.Bond.GetBeginAtomIdx,
    "end": Chem.Bond.GetEndAtomIdx,
}

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


def _all_matches() -> Any:
    parameters = Chem.SubstructMatchParameters()
    parameters.maxMatches = np.iinfo(np.int32).max
    parameters.uniquify = False
    return parameters


MARKED = _marked()
EVERY = _all_matches()
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
    """Read the bonds whole, and of the atoms these properties of ATOM and RARE; `degree` counts hydrogens."""
    wanted = {*names}
    atom = _Columns({n: r for n, r in ATOM.items() if n in {*wanted, "atomic_number", "hydrogens"}})
    rare = _Columns({n: r for n, r in RARE.items() if n in wanted})
    bond = _Columns(BOND)
    counts: tuple[list[int], list[int]] = ([], [])
    at: list[int] = []
    first = 0
    for mol in mols:
        atoms = [*map(mol.GetAtomWithIdx, range(mol.GetNumAtoms()))]
        bonds = [*map(mol.GetBondWithIdx, range(mol.GetNumBonds()))]
        atom.add(atoms)
        bond.add(bonds)
        if marked := [i for (i,) in mol.GetSubstructMatches(MARKED, EVERY)]:
            rare.add([atoms[i] for i in marked])
            at += [first + i for i in marked]
        first += len(atoms)
        counts[0].append(len(atoms))
        counts[1].append(len(bonds))
    found = Properties(atom.arrays(), bond.arrays(), *counts)
    for name, values in rare.arrays().items():
        column = MASS[found.atom["atomic_number"]] if name == "mass" else np.zeros(first, np.int64)
        column[at] = values
        found.atom[name] = column
    found.atom["degree"] = found.atom["hydrogens"] + _neighbours(found)
    return found


class _Columns:
    """One list of values per property, longer by each molecule."""

    def __init__(self, read: Mapping[str, Read]) -> None:
        self._lists: dict[str, list[Any]] = {name: [] for name in read}
        self._grow = [(self._lists[name].extend, get) for name, get in read.items()]

    def add(self, things: list[Any]) -> None:
        for extend, get in self._grow:
            extend(map(get, things))

    def arrays(self) -> dict[str, Array]:
        return {name: np.array(values, TYPES.get(name, np.int64)) for name, values in self._lists.items()}


def _neighbours(found: Properties) -> Array:
    """(N,), bonds of each atom."""
    first = np.cumsum([0, *found.atoms])
    of_bond = np.repeat(first[:-1], found.bonds)
    ends = np.concatenate([of_bond + found.bond["begin"], of_bond + found.bond["end"]])
    return np.bincount(ends, minlength=int(first[-1]))
