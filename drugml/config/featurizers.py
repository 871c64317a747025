"""What can be written under `featurizer:`."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.descriptors import DescribedSpec, Descriptors, Scale
from drugml.config.fingerprints import FIXED as FIXED
from drugml.config.fingerprints import FOLDED as FOLDED
from drugml.config.fingerprints import AtomPairSpec as AtomPairSpec
from drugml.config.fingerprints import AvalonSpec as AvalonSpec
from drugml.config.fingerprints import CountsSpec as CountsSpec
from drugml.config.fingerprints import FeatureMorganSpec as FeatureMorganSpec
from drugml.config.fingerprints import FingerprintSpec as FingerprintSpec
from drugml.config.fingerprints import FingerprintsSpec as FingerprintsSpec
from drugml.config.fingerprints import MaccsSpec as MaccsSpec
from drugml.config.fingerprints import MorganSpec as MorganSpec
from drugml.config.fingerprints import NoFingerprintSpec as NoFingerprintSpec
from drugml.config.fingerprints import PathSpec as PathSpec
from drugml.config.fingerprints import PatternSpec as PatternSpec
from drugml.config.fingerprints import SkfpSpec as SkfpSpec
from drugml.config.fingerprints import TorsionSpec as TorsionSpec
from drugml.config.geometry import GeometrySpec as GeometrySpec
from drugml.config.graph_features import AttentiveFpFeaturesSpec as AttentiveFpFeaturesSpec
from drugml.config.graph_features import ChempropOrganicSpec as ChempropOrganicSpec
from drugml.config.graph_features import ChempropV1Spec as ChempropV1Spec
from drugml.config.graph_features import FeaturesSpec as FeaturesSpec
from drugml.config.graph_features import RigrSpec as RigrSpec
from drugml.config.plugins import united


class AutoFeaturizer(Spec):
    """The featurizer that the model is best known with."""

    name: Literal["auto"] = "auto"
    descriptors: Descriptors | None = None
    """Real numbers beside its features, such as [rdkit]; None for those that the model is best known with."""
    descriptor_scale: Scale = "rank"
    """How networks get them: by rank among the training molecules, or as standard scores of these."""

    @property
    def names(self) -> tuple[str, ...]:
        """Nothing is known of its parts before it is replaced."""
        return (self.name,)


class ChempropV2Spec(DescribedSpec):
    """Atom and bond features of Chemprop v2 (Heid et al. 2024, doi:10.1021/acs.jcim.3c01250); its weights fit."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["chemprop_v2"] = "chemprop_v2"


class OgbSpec(DescribedSpec):
    """Atom and bond features of the Open Graph Benchmark (Hu et al. 2020, arXiv:2005.00687)."""

    gives: ClassVar[FeatureKind] = "graph"
    name: Literal["ogb"] = "ogb"


Shipped = (
    AutoFeaturizer
    | ChempropV2Spec
    | OgbSpec
    | ChempropV1Spec
    | ChempropOrganicSpec
    | RigrSpec
    | AttentiveFpFeaturesSpec
    | FeaturesSpec
    | GeometrySpec
    | MorganSpec
    | CountsSpec
    | FeatureMorganSpec
    | AtomPairSpec
    | TorsionSpec
    | PathSpec
    | AvalonSpec
    | MaccsSpec
    | PatternSpec
    | SkfpSpec
    | FingerprintsSpec
    | NoFingerprintSpec
)
if TYPE_CHECKING:
    FeaturizerSpec = Annotated[Shipped, Field(discriminator="name")]
else:
    FeaturizerSpec = Annotated[united(Shipped, "drugml.featurizers"), Field(discriminator="name")]
