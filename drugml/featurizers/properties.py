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
    "aromatic": Chem.Atom.GetIsAromatic,
    "ring": Chem.Atom.IsInRing,
}
"""Read from every atom."""
RARE: Mapping[str, Read] = {
    "hybridization": Chem.Atom.GetHybridization,
    "charge": Chem.Atom.GetFormalCharge,
    "chirality": Chem.Atom.GetChiralTag,
    "radicals": Chem.Atom.GetNumRadicalElectrons,
    "mass": Chem.Atom.GetMass,
}
"""Read from the few atoms that `MARKED` finds. All others have none of these, the hybridization SP2 or SP3 and the mass
of the element."""
BOND: Mapping[str, Read] = {
    "aromatic": Chem.Bond.GetIsAromatic,
    "begin": Chem.Bond.GetBeginAtomIdx,
    "end": Chem.Bond.GetEndAtomIdx,
}
"""Read from every bond."""
OTHER: Mapping[str, Read] = {
    "type": Chem.Bond.GetBondType,
    "conjugated": Chem.Bond.GetIsConjugated,
    "ring": Chem.Bond.IsInRing,
    "stereo": Chem.Bond.GetStereo,
}
"""Read from bonds that are not aromatic. Of aromatic ones sanitisation leaves no choice."""
AROMATIC: Mapping[str, int] = {
    "type": int(Chem.BondType.AROMATIC),
    "conjugated": 1,
    "ring": 1,
    "stereo": int(Chem.BondStereo.STEREONONE),
}
CIP: Mapping[str, int] = {"R": 1, "S": 2}
"""What `cip` says of a labelled atom, 0 of others."""
STEREO = ("cip", "stereocentre")
"""Worked out for whole molecules: the label of an atom, and whether it could be a stereocentre, marked or not."""
TYPES: Mapping[str, type[np.generic]] = {"mass": np.float64, "begin": np.uint16, "end": np.uint16}
"""Of the others int64. A molecule of more than 65,536 atoms is an OverflowError."""


def _marked() -> Chem.Mol:
    """Query for one atom with a charge, chiral tag, isotope or radical, or neither SP2 nor SP3."""
    atom = rdqueries.HasChiralTagQueryAtom()
    for other in (
        Chem.AtomFromSmarts("[!+0]"),
        Chem.AtomFromSmarts("[!0*]"),
        Chem.AtomFromSmarts("[!^2;!^3]"),
        rdqueries.NumRadicalElectronsGreaterQueryAtom(0),
    ):
        atom.ExpandQuery(other, Chem.CompositeQueryType.COMPOSITE_OR)
    query = Chem.RWMol()
    query.AddAtom(atom)
    return query.GetMol()


MARKED = _marked()
SP2 = Chem.MolFromSmarts("[^2]")
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
    """Read all of the bonds, and of the atoms these properties of ATOM, RARE and STEREO.

    And always `degree`, which counts hydrogens, and `neighbours`, which does not. The molecules come sanitized.
    """
    wanted = {*names}
    atom = _Columns({n: r for n, r in ATOM.items() if n in {*wanted, "atomic_number", "hydrogens"}})
    rare = _Columns({n: r for n, r in RARE.items() if n in wanted})
    bond, other = _Columns(BOND), _Columns(OTHER)
    atom_count: list[int] = []
    bond_count: list[int] = []
    marked: list[int] = []
    sp2: list[int] = []
    first = 0
    for mol in mols:
        atoms = [*map(mol.GetAtomWithIdx, range(mol.GetNumAtoms()))]
        bonds = [*map(mol.GetBondWithIdx, range(mol.GetNumBonds()))]
        atom.add(atoms)
        bond.add(bonds)
        if at := [i for (i,) in mol.GetSubstructMatches(MARKED, uniquify=False, maxMatches=EVERY)]:
            rare.add([atoms[i] for i in at])
            marked += [first + i for i in at]
        sp2 += [first + i for (i,) in mol.GetSubstructMatches(SP2, uniquify=False, maxMatches=EVERY)]
        other.add(
            [b for b, is_aromatic in zip(bonds, bond.last("aromatic", len(bonds)), strict=True) if not is_aromatic]
        )
        first += len(atoms)
        atom_count.append(len(atoms))
        bond_count.append(len(bonds))
    found = Properties(atom.arrays(), bond.arrays(), atom_count, bond_count)
    for name, values in rare.arrays().items():
        column = _usual(name, found.atom["atomic_number"], sp2)
        column[marked] = values
        found.atom[name] = column
    rest = found.bond.pop("aromatic") == 0
    for name, values in other.arrays().items():
        found.bond[name] = np.full(len(rest), AROMATIC[name], np.int64)
        found.bond[name][rest] = values
    found.atom["neighbours"] = _neighbours(found)
    found.atom["degree"] = found.atom["hydrogens"] + found.atom["neighbours"]
    if wanted.intersection(STEREO):
        found.atom.update(_stereo(mols))
    return found


def _stereo(mols: Sequence[Chem.Mol]) -> dict[str, Array]:
    """The properties of STEREO as RDKit's SMILES parser would set them; what the molecules carry may be out of date."""
    labels: list[int] = []
    centers: list[int] = []
    for mol in mols:
        fresh = Chem.Mol(mol)
        Chem.AssignStereochemistry(fresh, cleanIt=True, force=True, flagPossibleStereoCenters=True)
        for atom in fresh.GetAtoms():
            labels.append(CIP.get(atom.GetProp("_CIPCode"), 0) if atom.HasProp("_CIPCode") else 0)
            centers.append(atom.HasProp("_ChiralityPossible"))
    return {"cip": np.array(labels, np.int64), "stereocentre": np.array(centers, np.int64)}


def _usual(name: str, atomic_number: Array, sp2: list[int]) -> Array:
    """A property of RARE as it is in atoms that are not marked."""
    if name == "mass":
        return MASS[atomic_number]
    column = np.zeros(len(atomic_number), np.int64)
    if name == "hybridization":
        column[:] = int(Chem.HybridizationType.SP3)
        column[sp2] = int(Chem.HybridizationType.SP2)
    return column


class _Columns:
    """One list of values per property, longer by each molecule."""

    def __init__(self, read: Mapping[str, Read]) -> None:
        self._lists: dict[str, list[Any]] = {name: [] for name in read}
        self._grow = [(self._lists[name].extend, get) for name, get in read.items()]

    def add(self, things: list[Any]) -> None:
        for extend, get in self._grow:
            extend(map(get, things))

    def last(self, name: str, count: int) -> list[Any]:
        values = self._lists[name]
        return values[len(values) - count :]

    def arrays(self) -> dict[str, Array]:
        return {name: np.array(values, TYPES.get(name, np.int64)) for name, values in self._lists.items()}


def _neighbours(found: Properties) -> Array:
    """(N,), bonds of each atom."""
    first = np.cumsum([0, *found.atoms])
    of_bond = np.repeat(first[:-1], found.bonds)
    ends = np.concatenate([of_bond + found.bond["begin"], of_bond + found.bond["end"]])
    return np.bincount(ends, minlength=int(first[-1]))
