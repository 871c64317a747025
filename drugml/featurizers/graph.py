"""Molecules as graphs of integer codes, in the vocabularies of Chemprop v2 and OGB."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from drugml.config.featurizers import ChempropV2Spec, OgbSpec
from drugml.data.store import GraphLayout, OneHotLayout, PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.vocabulary import Vocabulary, category, flag, last_is_other, partial, yes_no

Read = Callable[[Any], Any]

ATOM: dict[str, Read] = {
    "atomic_number": Chem.Atom.GetAtomicNum,
    "degree": Chem.Atom.GetTotalDegree,
    "charge": Chem.Atom.GetFormalCharge,
    "chirality": Chem.Atom.GetChiralTag,
    "hydrogens": Chem.Atom.GetTotalNumHs,
    "hybridization": Chem.Atom.GetHybridization,
    "aromatic": Chem.Atom.GetIsAromatic,
    "radicals": Chem.Atom.GetNumRadicalElectrons,
    "ring": Chem.Atom.IsInRing,
}
ATOM_FLOATS: dict[str, Read] = {"mass_100": lambda atom: atom.GetMass() * 0.01}
"""Mass in 100 dalton; an isotope has its own."""
BOND: dict[str, Read] = {
    "type": Chem.Bond.GetBondType,
    "conjugated": Chem.Bond.GetIsConjugated,
    "ring": Chem.Bond.IsInRing,
    "stereo": Chem.Bond.GetStereo,
}


def _values(enum: Any, names: str) -> tuple[int, ...]:
    return tuple(int(enum.names[n]) for n in names.split())


_COMMON_BONDS = _values(Chem.BondType, "SINGLE DOUBLE TRIPLE AROMATIC")


class CodedGraph:
    """Atoms and bonds as `uint8` codes of a vocabulary; a molecule without bonds is as good as any.

    Fields: atom `codes` (N, A) and `floats` (N, F); bond `codes` (P, K) and `ends` (P, 2), uint16.
    """

    atoms: Vocabulary
    bonds: Vocabulary

    def layout(self) -> GraphLayout:
        """Where the codes stand in one-hot rows."""
        atoms, bonds = self.atoms, self.bonds
        return GraphLayout(
            OneHotLayout(atoms.column_of(), atoms.columns), OneHotLayout(bonds.column_of(), bonds.columns)
        )

    def describe(self) -> dict[str, Any]:
        return {"kind": "graph", "atoms": self.atoms.describe(), "bonds": self.bonds.describe()}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        atoms = [a for m in mols for a in m.GetAtoms()]
        bonds = [b for m in mols for b in m.GetBonds()]
        floats = [list(map(ATOM_FLOATS[name], atoms)) for name in self.atoms.floats]
        ends = [list(map(get, bonds)) for get in (Chem.Bond.GetBeginAtomIdx, Chem.Bond.GetEndAtomIdx)]
        return PackedStore(
            molecule={},
            atom={
                "codes": _codes(self.atoms, ATOM, atoms),
                "floats": np.array(floats, np.float32).reshape(len(floats), len(atoms)).T.copy(),
            },
            bond={
                "codes": _codes(self.bonds, BOND, bonds),
                "ends": np.array(ends, np.uint16).reshape(2, len(bonds)).T.copy(),
            },
            atom_start=_starts(m.GetNumAtoms() for m in mols),
            bond_start=_starts(m.GetNumBonds() for m in mols),
        )


@FEATURIZERS.register(ChempropV2Spec)
class ChempropV2(CodedGraph):
    """72 atom and 14 bond columns in the order of Chemprop v2 (doi:10.1021/acs.jcim.3c01250).

    Differs from Chemprop: nothing in value; the column of the null bond, never set there either, is kept.
    """

    atoms = Vocabulary(
        (
            category("atomic_number", (*range(1, 37), 53)),
            category("degree", tuple(range(6))),
            category("charge", (-1, -2, 1, 2, 0)),
            category("chirality", tuple(range(4))),
            category("hydrogens", tuple(range(5))),
            category("hybridization", _values(Chem.HybridizationType, "S SP SP2 SP2D SP3 SP3D SP3D2")),
            flag("aromatic"),
        ),
        floats=("mass_100",),
    )
    bonds = Vocabulary(
        (
            partial("type", _COMMON_BONDS),
            flag("conjugated"),
            flag("ring"),
            category("stereo", tuple(range(6))),
        ),
        offset=1,
    )


@FEATURIZERS.register(OgbSpec)
class Ogb(CodedGraph):
    """The nine atom and three bond features of OGB (arXiv:2005.00687), as in `ogb.utils.features`.

    Differs from OGB: an atropisomeric bond counts as STEREOANY, where OGB stops with an error.
    """

    atoms = Vocabulary(
        (
            category("atomic_number", tuple(range(1, 119))),
            category("chirality", tuple(range(4))),
            category("degree", tuple(range(11))),
            category("charge", tuple(range(-5, 6))),
            category("hydrogens", tuple(range(9))),
            category("radicals", tuple(range(5))),
            category("hybridization", _values(Chem.HybridizationType, "SP SP2 SP3 SP3D SP3D2")),
            yes_no("aromatic"),
            yes_no("ring"),
        )
    )
    bonds = Vocabulary(
        (
            category("type", _COMMON_BONDS),
            last_is_other(
                "stereo",
                _values(Chem.BondStereo, "STEREONONE STEREOZ STEREOE STEREOCIS STEREOTRANS STEREOANY"),
            ),
            yes_no("conjugated"),
        )
    )


def _codes(vocabulary: Vocabulary, read: dict[str, Read], things: list[Any]) -> NDArray[np.uint8]:
    columns = [f.codes(np.fromiter(map(read[f.name], things), np.int64, len(things))) for f in vocabulary.features]
    return np.stack(columns, axis=1)


def _starts(counts: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *counts], dtype=np.int64)
