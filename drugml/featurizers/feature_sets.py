"""More vocabularies of atoms and bonds: Chemprop v1 and organic, RIGR, Attentive FP, and free choices."""

from collections.abc import Mapping, Sequence

from rdkit import Chem

from drugml.config.featurizers import (
    AttentiveFpFeaturesSpec,
    ChempropOrganicSpec,
    ChempropV1Spec,
    FeaturesSpec,
    RigrSpec,
)
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.graph import COMMON_BONDS, ChempropV2, CodedGraph, Ogb, values
from drugml.featurizers.vocabulary import Feature, Vocabulary, category, flag, last_is_other, partial, yes_no


def _chemprop(elements: tuple[int, ...], hybridizations: str) -> Vocabulary:
    """Chemprop v2's atoms with other elements and hybridizations."""
    first, *between, _, last = ChempropV2.atoms.features
    hybridization = category("hybridization", values(Chem.HybridizationType, hybridizations))
    return Vocabulary((category(first.name, elements), *between, hybridization, last), ChempropV2.atoms.floats)


@FEATURIZERS.register(ChempropV1Spec)
class ChempropV1(CodedGraph):
    """133 atom and 14 bond columns in the order of Chemprop's `MultiHotAtomFeaturizer.v1`, equal in value."""

    atoms = _chemprop(tuple(range(1, 101)), "SP SP2 SP3 SP3D SP3D2")
    bonds = ChempropV2.bonds


@FEATURIZERS.register(ChempropOrganicSpec)
class ChempropOrganic(CodedGraph):
    """44 atom and 14 bond columns in the order of Chemprop's `MultiHotAtomFeaturizer.organic`, equal in value."""

    atoms = _chemprop((1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53), "S SP SP2 SP3")
    bonds = ChempropV2.bonds


@FEATURIZERS.register(RigrSpec)
class Rigr(CodedGraph):
    """52 atom and 2 bond columns in the order of Chemprop's `RIGRAtomFeaturizer`, equal in value.

    Elements, numbers of bonds and hydrogens, masses and rings, which no choice of a resonance form changes. The first
    column of bonds is that of the null bond, never set.
    """

    atoms = Vocabulary(
        (
            category("atomic_number", (*range(1, 37), 53)),
            category("degree", tuple(range(6))),
            category("hydrogens", tuple(range(5))),
        ),
        floats=("mass_100",),
    )
    bonds = Vocabulary((flag("ring"),), offset=1)


@FEATURIZERS.register(AttentiveFpFeaturesSpec)
class AttentiveFpFeatures(CodedGraph):
    """The 39 atom and 10 bond features of the authors' `Featurizer.py` (doi:10.1021/acs.jmedchem.9b00959).

    Differs from the authors' code: charge and radical electrons come last; more than five neighbours count as five,
    where it stops with an error (PyG's example does the same); labels other than R and S, and stereo of bonds other
    than none, any, Z and E, set no column, where it takes them for S and E.
    """

    atoms = Vocabulary(
        (
            category("atomic_number", (5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53, 85)),
            last_is_other("neighbours", tuple(range(6))),
            category("hybridization", values(Chem.HybridizationType, "SP SP2 SP3 SP3D SP3D2")),
            flag("aromatic"),
            last_is_other("hydrogens", tuple(range(5))),
            partial("cip", (1, 2)),
            flag("stereocentre"),
        ),
        floats=("charge", "radicals"),
    )
    bonds = Vocabulary(
        (
            partial("type", COMMON_BONDS),
            flag("conjugated"),
            flag("ring"),
            partial("stereo", values(Chem.BondStereo, "STEREONONE STEREOANY STEREOZ STEREOE")),
        )
    )


ATOMS: Mapping[str, Feature] = {
    **{f.name: f for f in Ogb.atoms.features},
    "neighbours": category("neighbours", tuple(range(11))),
    "cip": partial("cip", (1, 2)),
    "stereocentre": yes_no("stereocentre"),
}
"""What a free choice has of atoms, besides mass."""
BONDS: Mapping[str, Feature] = {**{f.name: f for f in Ogb.bonds.features}, "ring": yes_no("ring")}


@FEATURIZERS.register(FeaturesSpec)
class Features(CodedGraph):
    """The chosen properties in the order given, each one-hot as in OGB; mass, in 100 dalton, comes last."""

    def __init__(self, *, atoms: Sequence[str], bonds: Sequence[str]) -> None:
        masses = ("mass_100",) if "mass" in atoms else ()
        self.atoms = Vocabulary(tuple(ATOMS[name] for name in atoms if name != "mass"), masses)
        self.bonds = Vocabulary(tuple(BONDS[name] for name in bonds))
