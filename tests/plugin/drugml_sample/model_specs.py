"""What can be written under `model:`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.encoders import GraphSpec
from drugml_sample.feature_specs import ElementsSpec


class DeepSetsSpec(GraphSpec):
    """Sum over atoms that see no neighbours (a sample plug-in; Zaheer et al. 2017, arXiv:1703.06114)."""

    implementation: ClassVar[str] = "drugml_sample.models"
    name: Literal["deepsets"] = "deepsets"


class RidgeSpec(Spec):
    """Ridge regression (a sample plug-in; Hoerl & Kennard 1970, doi:10.2307/1267351)."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = ElementsSpec()
    implementation: ClassVar[str] = "drugml_sample.models"
    seeded: ClassVar[bool] = False
    name: Literal["ridge"] = "ridge"
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Price of large coefficients."""


class TakenSpec(GraphSpec):
    """A network by the name of one that drugml has."""

    name: Literal["gcn"] = "gcn"
