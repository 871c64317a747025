"""Boosting libraries that can stand under `model:`; each is an extra of its name, `pip install 'drugml[xgboost]'`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.featurizers import MorganSpec

Trees = Annotated[int, Field(ge=1, le=10000)]
Rate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Depth = Annotated[int, Field(ge=1, le=16)]
Penalty = Annotated[float, Field(ge=0, le=1e6)]


class XgboostSpec(Spec):
    """Gradient boosted trees of XGBoost (Chen & Guestrin 2016, doi:10.1145/2939672.2939785)."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec()
    name: Literal["xgboost"] = "xgboost"
    trees: Trees = 500
    """Number of trees, one after the other."""
    learning_rate: Rate = 0.05
    """Share of each tree that is added."""
    depth: Depth = 7
    """Most branchings from root to leaf."""
    min_weight: Penalty = 3.0
    """Least second derivative of the loss in a leaf; for numbers that is the number of training molecules."""
    max_features: Share = 0.33
    """Share of the columns that a tree may use."""
    subsample: Share = 0.7
    """Share of the training molecules that a tree learns from."""
    l2: Penalty = 1.0
    """Shrinks leaves of few molecules."""

    @property
    def seeded(self) -> bool:
        """The seed draws columns and molecules, where not all are taken."""
        return self.max_features < 1 or self.subsample < 1


class LightgbmSpec(Spec):
    """Gradient boosted trees of LightGBM (Ke et al. 2017, NIPS 30), grown leaf by leaf."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec()
    name: Literal["lightgbm"] = "lightgbm"
    trees: Trees = 500
    """Number of trees, one after the other."""
    learning_rate: Rate = 0.05
    """Share of each tree that is added."""
    max_leaves: Annotated[int, Field(ge=2, le=1024)] = 31
    """Most leaves of a tree."""
    min_leaf: Annotated[int, Field(ge=1)] = 5
    """Least number of training molecules in a leaf."""
    max_features: Share = 0.33
    """Share of the columns that a tree may use."""
    subsample: Share = 0.7
    """Share of the training molecules that a tree learns from."""
    l2: Penalty = 0.0
    """Shrinks leaves of few molecules."""

    @property
    def seeded(self) -> bool:
        """The seed draws columns and molecules, where not all are taken."""
        return self.max_features < 1 or self.subsample < 1


class CatboostSpec(Spec):
    """Gradient boosted trees of CatBoost (Prokhorenkova et al. 2018, arXiv:1706.09516), alike on each side."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec()
    name: Literal["catboost"] = "catboost"
    trees: Trees = 1000
    """Number of trees, one after the other."""
    learning_rate: Literal["auto"] | Rate = "auto"
    """Share of each tree that is added; `auto` is CatBoost's own choice: by the numbers of trees and molecules, or 0.03
    where l2 is not 3 or the loss is mae."""
    depth: Depth = 6
    """Branchings from root to leaf; those of one level are the same."""
    max_features: Share = 1.0
    """Share of the columns tried at each level."""
    l2: Penalty = 3.0
    """Shrinks leaves of few molecules."""
    loss: Literal["mse", "mae"] = "mse"
    """Of numbers; classes have the log loss."""
    random_strength: Penalty = 1.0
    """Noise on the scores by which branchings are chosen; the more, the less they fit the training molecules."""
