"""The featurizer of atoms in space, and the networks that read it."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import FeatureKind, Spec
from drugml.config.descriptors import DescribedSpec


class GeometrySpec(DescribedSpec):
    """Atoms in space, by ETKDGv3 (Wang et al. 2020, doi:10.1021/acs.jcim.0c00025) or from the file; no bonds.

    Riniker & Landrum 2015, doi:10.1021/acs.jcim.5b00654.
    """

    gives: ClassVar[FeatureKind] = "geometry"
    slow: ClassVar[bool] = True
    """Whether a molecule takes so long that it is worth a process of its own before any other."""
    name: Literal["geometry"] = "geometry"
    source: Literal["generate", "file"] = "generate"
    """Conformers made here, or the 3D coordinates that a molecule came with: an SDF, or CXSMILES."""
    conformers: Annotated[int, Field(ge=1, le=100)] = 1
    """Conformers per molecule; epochs take them in turn, a prediction is the mean over all."""
    hydrogens: bool = True
    """Whether hydrogens are atoms of their own; conformers are made with them in any case."""
    optimize: Literal["none", "mmff"] = "none"
    """What improves a conformer: nothing, or the force field MMFF94 (Halgren 1996)."""
    seed: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Of the conformers; the same molecule has the same ones."""
    time_limit: Annotated[int, Field(ge=1, le=86400)] = 30
    """Seconds after which a molecule whose conformers are not made is given up, a reject."""

    @model_validator(mode="after")
    def _as_it_is(self) -> Self:
        if self.source == "file" and (self.conformers > 1 or self.optimize != "none"):
            raise ValueError(
                "source 'file' takes the positions as they are; leave `conformers` and `optimize` out, "
                "or set source: generate"
            )
        return self


def from_file(featurizer: Spec | None) -> bool:
    """Whether a featurizer reads the coordinates that molecules come with."""
    return isinstance(featurizer, GeometrySpec) and featurizer.source == "file"
