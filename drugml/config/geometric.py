"""Networks of atoms in space that can be written under `model:`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.encoders import Depth, Dropout, EncoderSpec, Heads, Pooling, Width
from drugml.config.geometry import GeometrySpec

Cutoff = Annotated[float, Field(ge=1, le=20)]
Radial = Annotated[int, Field(ge=2, le=512)]


class GeometricSpec(EncoderSpec):
    """A network of atoms in space."""

    takes: ClassVar[FeatureKind] = "geometry"
    featurizer: ClassVar[Spec] = GeometrySpec()
    compiles: ClassVar[bool] = False
    hidden_dim: Width = 128
    """Width of every atom embedding."""
    depth: Depth = 4
    """Rounds of message passing."""
    dropout: Dropout = 0.0
    """Probability of zeroing an activation after each round."""
    pooling: Pooling = "norm"
    """Atoms to molecule: sum, mean, max, sum divided by 100 (norm), or learned (attention, sum_max, set2set)."""
    cutoff: Cutoff = 5.0
    """Atoms farther apart than so many Å do not see each other."""
    radial: Radial = 20
    """Functions of the distance."""


class SchNetSpec(GeometricSpec):
    """SchNet: convolutions with filters learned from the distance (Schütt et al. 2017, arXiv:1706.08566)."""

    size: ClassVar[int] = 458_176
    name: Literal["schnet"] = "schnet"
    depth: Depth = 6
    """Rounds of message passing."""
    cutoff: Cutoff = 10.0
    """Atoms farther apart than so many Å do not see each other."""
    radial: Radial = 50
    """Gaussians of the distance."""


class PaiNNSpec(GeometricSpec):
    """PaiNN: messages of scalars and of vectors that turn with the molecule (Schütt et al. 2021, arXiv:2102.03150)."""

    size: ClassVar[int] = 591_424
    name: Literal["painn"] = "painn"
    depth: Depth = 3
    """Rounds of message passing."""


class DimeNetSpec(GeometricSpec):
    """DimeNet++: messages of pairs that know their angles (Gasteiger et al. 2020, arXiv:2011.14115)."""

    size: ClassVar[int] = 2_051_462
    name: Literal["dimenet"] = "dimenet"
    depth: Depth = 4
    """Rounds of message passing."""
    radial: Radial = 6
    """Bessel functions of the distance."""
    angular: Annotated[int, Field(ge=1, le=12)] = 7
    """Spherical harmonics of the angle."""


class ViSNetSpec(GeometricSpec):
    """ViSNet: attention by scalars, vectors and their products (Wang et al. 2024, doi:10.1038/s41467-023-43720-2)."""

    size: ClassVar[int] = 1_564_736
    name: Literal["visnet"] = "visnet"
    depth: Depth = 6
    """Rounds of message passing."""
    radial: Radial = 32
    """Exponentials of the distance."""
    heads: Heads = 8
    """Attention heads, which share `hidden_dim`."""
    degree: Annotated[int, Field(ge=1, le=2)] = 1
    """Highest spherical harmonics of a direction: 1 has vectors, 2 also tensors of five components."""
    vector_norm: Literal["max_min", "none"] = "max_min"
    """Before each round: the longest of an atom's vectors has length 1, the shortest 0; or they stay as they are."""
