"""Networks of atoms in space that can be written under `model:`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.encoders import Depth, PooledSpec, Width
from drugml.config.geometry import GeometrySpec

Cutoff = Annotated[float, Field(ge=1, le=100)]
Radial = Annotated[int, Field(ge=2, le=512)]


class GeometricSpec(PooledSpec):
    """A network of atoms in space."""

    takes: ClassVar[FeatureKind] = "geometry"
    featurizer: ClassVar[Spec] = GeometrySpec()
    compiles: ClassVar[bool] = False
    hidden_dim: Width = 128
    """Width of every atom embedding."""
    cutoff: Cutoff = 5.0
    """Atoms farther apart than so many Å do not see each other."""
    radial: Radial = 20
    """Functions of the distance."""


class SchNetSpec(GeometricSpec):
    """SchNet: convolutions with filters learned from the distance (Schütt et al. 2017, arXiv:1706.08566)."""

    name: Literal["schnet"] = "schnet"
    depth: Depth = 6
    """Rounds of message passing."""
    cutoff: Cutoff = 10.0
    """Atoms farther apart than so many Å do not see each other."""
    radial: Radial = 50
    """Gaussians of the distance."""
