"""What can be written under `featurizer:`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec


class AutoFeaturizer(Spec):
    """The featurizer that the model is best known with."""

    name: Literal["auto"] = "auto"


class ChempropV2Spec(Spec):
    """Atom and bond features of Chemprop v2 (Heid et al. 2024, doi:10.1021/acs.jcim.3c01250); its weights fit."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["chemprop_v2"] = "chemprop_v2"


class OgbSpec(Spec):
    """Atom and bond features of the Open Graph Benchmark (Hu et al. 2020, arXiv:2005.00687)."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["ogb"] = "ogb"


class MorganSpec(Spec):
    """Morgan (ECFP-like) count fingerprint (Rogers & Hahn 2010, doi:10.1021/ci100050t)."""

    gives: ClassVar[FeatureKind] = "fingerprint"
    name: Literal["morgan"] = "morgan"
    radius: Annotated[int, Field(ge=0, le=10)] = 2
    """Bonds around each atom; 2 is ECFP4."""
    bits: Annotated[int, Field(ge=16, le=65536)] = 2048
    """Length of the folded fingerprint."""
    chirality: bool = False
    """Whether stereocentres change the fingerprint."""


class CountsSpec(Spec):
    """Counts of Morgan environments, atom pairs and topological torsions, side by side."""

    gives: ClassVar[FeatureKind] = "fingerprint"
    name: Literal["counts"] = "counts"
    radius: Annotated[int, Field(ge=0, le=10)] = 2
    """Bonds around each atom of a Morgan environment."""
    bits: Annotated[int, Field(ge=16, le=65536)] = 2048
    """Length of each of the three folded fingerprints."""
    chirality: bool = True
    """Whether stereocentres change the fingerprints."""


FeaturizerSpec = Annotated[
    AutoFeaturizer | ChempropV2Spec | OgbSpec | MorganSpec | CountsSpec, Field(discriminator="name")
]
