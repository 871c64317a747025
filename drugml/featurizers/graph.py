"""Molecules as graphs of integer codes, in the vocabularies of Chemprop v2 and OGB."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from drugml.config.featurizers import ChempropV2Spec, OgbSpec
from drugml.data.store import Layout, OneHotLayout, PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.properties import properties
from drugml.featurizers.vocabulary import Vocabulary, category, flag, last_is_other, partial, yes_no

FLOATS: dict[str, tuple[str, float]] = {
    "mass_100": ("mass", 0.01),
    "charge": ("charge", 1.0),
    "radicals": ("radicals", 1.0),
}
"""Real-valued columns: a property and its factor. Mass is in 100 dalton; an isotope has its own."""


def values(enum: Any, names: str) -> tuple[int, ...]:
    """Of names with spaces between them, such as "SP SP2"."""
    return tuple(int(enum.names[n]) for n in names.split())


COMMON_BONDS = values(Chem.BondType, "SINGLE DOUBLE TRIPLE AROMATIC")


class CodedGraph:
    """Atoms and bonds as `uint8` codes of a vocabulary; a molecule without bonds is as good as any.

    Fields: atom `codes` (N, A) and `floats` (N, F); bond `codes` (P, K) and `ends` (P, 2), uint16.
    """

    atoms: Vocabulary
    bonds: Vocabulary

    def layout(self) -> Layout:
        """Where the codes stand in one-hot rows."""
        atoms, bonds = self.atoms, self.bonds
        return Layout(OneHotLayout(atoms.column_of(), atoms.columns), OneHotLayout(bonds.column_of(), bonds.columns))

    def describe(self) -> dict[str, Any]:
        return {"kind": "graph", "atoms": self.atoms.describe(), "bonds": self.bonds.describe()}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        floats = [FLOATS[name] for name in self.atoms.floats]
        read = properties(mols, [*(f.name for f in self.atoms.features), *(name for name, _ in floats)])
        scaled = [read.atom[name] * factor for name, factor in floats]
        return PackedStore(
            molecule={},
            atom={
                "codes": self.atoms.codes(read.atom),
                "floats": np.array(scaled, np.float32).reshape(len(floats), sum(read.atoms)).T.copy(),
            },
            bond={
                "codes": self.bonds.codes(read.bond),
                "ends": np.stack([read.bond["begin"], read.bond["end"]], axis=1),
            },
            atom_start=np.cumsum([0, *read.atoms], dtype=np.int64),
            bond_start=np.cumsum([0, *read.bonds], dtype=np.int64),
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
            category("hybridization", values(Chem.HybridizationType, "S SP SP2 SP2D SP3 SP3D SP3D2")),
            flag("aromatic"),
        ),
        floats=("mass_100",),
    )
    bonds = Vocabulary(
        (
            partial("type", COMMON_BONDS),
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
            category("hybridization", values(Chem.HybridizationType, "SP SP2 SP3 SP3D SP3D2")),
            yes_no("aromatic"),
            yes_no("ring"),
        )
    )
    bonds = Vocabulary(
        (
            category("type", COMMON_BONDS),
            last_is_other(
                "stereo",
                values(Chem.BondStereo, "STEREONONE STEREOZ STEREOE STEREOCIS STEREOTRANS STEREOANY"),
            ),
            yes_no("conjugated"),
        )
    )
