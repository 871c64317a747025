"""Atom and bond features beside those of Chemprop v2 and OGB that can be written under `featurizer:`."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from drugml.config.base import FeatureKind
from drugml.config.descriptors import DescribedSpec
from drugml.errors import nearest


class ChempropV1Spec(DescribedSpec):
    """Atom and bond features of Chemprop v1 (Yang et al. 2019, doi:10.1021/acs.jcim.9b00237)."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["chemprop_v1"] = "chemprop_v1"


class ChempropOrganicSpec(DescribedSpec):
    """Chemprop's features for the elements of drugs (Heid et al. 2024, doi:10.1021/acs.jcim.3c01250), 44 per atom."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["chemprop_organic"] = "chemprop_organic"


class RigrSpec(DescribedSpec):
    """What all resonance forms of a molecule share (RIGR, Zalte et al. 2025, doi:10.1021/acs.jcim.5c00495)."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["rigr"] = "rigr"


class AttentiveFpFeaturesSpec(DescribedSpec):
    """Atom and bond features of Attentive FP (Xiong et al. 2020, doi:10.1021/acs.jmedchem.9b00959)."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["attentivefp"] = "attentivefp"


AtomFeature = Literal[
    "atomic_number",
    "chirality",
    "degree",
    "charge",
    "hydrogens",
    "radicals",
    "hybridization",
    "aromatic",
    "ring",
    "neighbours",
    "cip",
    "stereocentre",
    "mass",
]
BondFeature = Literal["type", "stereo", "conjugated", "ring"]


def _known(kind: Any, example: str) -> BeforeValidator:
    """Some of the names of `kind`, each once, at least one."""

    def check(names: Any) -> Any:
        if not isinstance(names, list | tuple) or not names:
            raise ValueError(f"expected a list such as [{example}], found {names!r}")
        for n, name in enumerate(names):
            if name not in get_args(kind):
                raise ValueError(f"there is no feature {name!r}; {nearest(str(name), get_args(kind))}")
            if name in names[:n]:
                raise ValueError(f"{name!r} is named more than once; leave one out")
        return names

    return BeforeValidator(check)


class FeaturesSpec(DescribedSpec):
    """A free choice of the atoms' and bonds' properties that RDKit knows (rdkit.org), in OGB's vocabularies."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["features"] = "features"
    atoms: Annotated[tuple[AtomFeature, ...], _known(AtomFeature, "atomic_number, degree")] = get_args(AtomFeature)[:9]
    """Of each atom, in order; besides these neighbours (degree without hydrogens), cip, stereocentre, mass."""
    bonds: Annotated[tuple[BondFeature, ...], _known(BondFeature, "type, ring")] = ("type", "stereo", "conjugated")
    """Of each bond, in order; besides these ring."""

    @model_validator(mode="after")
    def _more_than_mass(self) -> Self:
        if self.atoms == ("mass",):
            raise ValueError("atoms: mass alone is not enough; add atomic_number")
        return self
