"""What can be written under `model:` and `head:`. Light on purpose: importing this file never imports torch."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.boosters import CatboostSpec as CatboostSpec
from drugml.config.boosters import LightgbmSpec as LightgbmSpec
from drugml.config.boosters import XgboostSpec as XgboostSpec
from drugml.config.encoders import AttentiveFpSpec as AttentiveFpSpec
from drugml.config.encoders import CmpnnSpec as CmpnnSpec
from drugml.config.encoders import DmpnnSpec as DmpnnSpec
from drugml.config.encoders import Dropout, Width
from drugml.config.encoders import GatedGcnSpec as GatedGcnSpec
from drugml.config.encoders import GatSpec as GatSpec
from drugml.config.encoders import Gatv2Spec as Gatv2Spec
from drugml.config.encoders import GcnSpec as GcnSpec
from drugml.config.encoders import GineSpec as GineSpec
from drugml.config.encoders import GinSpec as GinSpec
from drugml.config.encoders import GpsSpec as GpsSpec
from drugml.config.encoders import GraphormerSpec as GraphormerSpec
from drugml.config.encoders import GraphSageSpec as GraphSageSpec
from drugml.config.encoders import MlpSpec as MlpSpec
from drugml.config.encoders import MpnnSpec as MpnnSpec
from drugml.config.encoders import PnaSpec as PnaSpec
from drugml.config.featurizers import CountsSpec, MorganSpec
from drugml.config.geometric import DimeNetSpec as DimeNetSpec
from drugml.config.geometric import PaiNNSpec as PaiNNSpec
from drugml.config.geometric import SchNetSpec as SchNetSpec
from drugml.config.geometric import ViSNetSpec as ViSNetSpec
from drugml.config.plugins import united


class MeanSpec(Spec):
    """The mean of the training labels, whatever the molecule: what any model must beat."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    takes_descriptors: ClassVar[bool] = False
    featurizer: ClassVar[Spec] = MorganSpec()
    seeded: ClassVar[bool] = False
    name: Literal["mean"] = "mean"


class ForestSpec(Spec):
    """Random forest on a fingerprint (Svetnik et al. 2003, doi:10.1021/ci034160g): the baseline to beat."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec()
    name: Literal["forest"] = "forest"
    trees: Annotated[int, Field(ge=1, le=10000)] = 500
    """Number of trees."""
    max_features: Annotated[float, Field(gt=0, le=1)] = 0.33
    """Share of the fingerprint tried at each branching."""
    min_leaf: Annotated[int, Field(ge=1)] = 1
    """Least number of training molecules in a leaf."""


class KnnSpec(Spec):
    """Nearest neighbours by Tanimoto similarity of counts (Cover & Hart 1967, doi:10.1109/TIT.1967.1053964).

    The bundle holds the fingerprints and labels of the training molecules.
    """

    takes: ClassVar[FeatureKind] = "fingerprint"
    takes_descriptors: ClassVar[bool] = False
    featurizer: ClassVar[Spec] = MorganSpec()
    seeded: ClassVar[bool] = False
    name: Literal["knn"] = "knn"
    k: Annotated[int, Field(ge=1, le=1000)] = 5
    """Neighbours; all that are as similar as the last one count."""
    weighting: Literal["similarity", "uniform"] = "similarity"
    """Mean label weighted by similarity, or plain mean."""


class GpSpec(Spec):
    """Gaussian process with a Tanimoto kernel (Ralaivola et al. 2005, doi:10.1016/j.neunet.2005.07.009).

    Exact up to `max_molecules`, near it beyond; scale and noise by marginal likelihood. The bundle holds the
    fingerprints of the training molecules.
    """

    takes: ClassVar[FeatureKind] = "fingerprint"
    takes_descriptors: ClassVar[bool] = False
    featurizer: ClassVar[Spec] = CountsSpec()
    seeded: ClassVar[bool] = False
    name: Literal["gp"] = "gp"
    max_molecules: Annotated[int, Field(ge=2, le=50000)] = 8000
    """Most training molecules of a target that are solved for at once; more are learned block by block."""


class SvmSpec(Spec):
    """Support vector machine with a Tanimoto kernel (Cortes & Vapnik 1995, doi:10.1007/BF00994018).

    The bundle holds the fingerprints of the training molecules that are support vectors.
    """

    takes: ClassVar[FeatureKind] = "fingerprint"
    takes_descriptors: ClassVar[bool] = False
    featurizer: ClassVar[Spec] = CountsSpec()
    seeded: ClassVar[bool] = False
    name: Literal["svm"] = "svm"
    c: Annotated[float, Field(gt=0, le=1e6)] = 5.0
    """Price of an error; the greater, the closer to the training labels."""
    epsilon: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Error that costs nothing, in standard deviations of the labels; numbers only."""
    max_molecules: Annotated[int, Field(ge=2, le=50000)] = 8000
    """Most training molecules of a target; of more, as many are drawn at random."""


class BoostingSpec(Spec):
    """Gradient boosted trees (Friedman 2001, doi:10.1214/aos/1013203451), by scikit-learn's histograms."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec()
    name: Literal["boosting"] = "boosting"
    trees: Annotated[int, Field(ge=1, le=10000)] = 500
    """Number of trees, one after the other."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Share of each tree that is added."""
    max_leaves: Annotated[int, Field(ge=2, le=1024)] = 31
    """Most leaves of a tree."""
    min_leaf: Annotated[int, Field(ge=1)] = 10
    """Least number of training molecules in a leaf."""
    max_features: Annotated[float, Field(gt=0, le=1)] = 0.33
    """Share of the fingerprint tried at each branching."""
    bins: Annotated[int, Field(ge=2, le=255)] = 32
    """Most different counts of a column that are told apart; time grows with it."""

    @property
    def seeded(self) -> bool:
        """The seed draws the columns that are tried, where not all are."""
        return self.max_features < 1


Shipped = (
    DmpnnSpec
    | AttentiveFpSpec
    | CmpnnSpec
    | GatSpec
    | Gatv2Spec
    | GatedGcnSpec
    | GcnSpec
    | GinSpec
    | GineSpec
    | GpsSpec
    | GraphormerSpec
    | GraphSageSpec
    | MlpSpec
    | MpnnSpec
    | PnaSpec
    | SchNetSpec
    | PaiNNSpec
    | DimeNetSpec
    | ViSNetSpec
    | MeanSpec
    | ForestSpec
    | KnnSpec
    | GpSpec
    | SvmSpec
    | BoostingSpec
    | XgboostSpec
    | LightgbmSpec
    | CatboostSpec
)
if TYPE_CHECKING:
    ModelSpec = Annotated[Shipped, Field(discriminator="name")]
else:
    ModelSpec = Annotated[united(Shipped, "drugml.models"), Field(discriminator="name")]


class HeadSpec(Spec):
    """The feed-forward network from molecule embedding to targets; baselines have none."""

    hidden_dim: Width = 300
    """Width of each hidden layer."""
    layers: Annotated[int, Field(ge=0, le=10)] = 1
    """Hidden layers; 0 is a linear model on the embedding."""
    dropout: Dropout = 0.0
    """Probability of zeroing a hidden activation."""
