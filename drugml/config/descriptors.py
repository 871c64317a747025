"""What can be written under `featurizer.descriptors`: real numbers per molecule beside its graph or fingerprint."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from drugml.config.base import FeatureKind, Spec
from drugml.config.plugins import united


class DescriptorsSpec(Spec):
    """What all of them have."""

    width: ClassVar[int]
    """How many there are; written out, so that a list needs no RDKit."""
    name: str


class RdkitDescriptorsSpec(DescriptorsSpec):
    """217 descriptors of RDKit: sizes, charges, surfaces, topological indices, counts of fragments (rdkit.org)."""

    width: ClassVar[int] = 217
    name: Literal["rdkit"] = "rdkit"


class ErgSpec(DescriptorsSpec):
    """Extended reduced graph: distances between pairs of features (Stiefl et al. 2006, doi:10.1021/ci050457y)."""

    width: ClassVar[int] = 315
    name: Literal["erg"] = "erg"


class MordredSpec(DescriptorsSpec):
    """1,613 descriptors of Mordred, slow and broad (Moriwaki et al. 2018, doi:10.1186/s13321-018-0258-y); an extra."""

    width: ClassVar[int] = 1613
    name: Literal["mordred"] = "mordred"


class MorganBinarySpec(DescriptorsSpec):
    """2,048 bits of a Morgan fingerprint, radius 2, with stereo (Rogers & Hahn 2010, doi:10.1021/ci100050t)."""

    width: ClassVar[int] = 2048
    name: Literal["morgan_binary"] = "morgan_binary"


class MorganCountSpec(DescriptorsSpec):
    """2,048 counts of Morgan environments, radius 2, with stereo (Rogers & Hahn 2010, doi:10.1021/ci100050t)."""

    width: ClassVar[int] = 2048
    name: Literal["morgan_count"] = "morgan_count"


Shipped = RdkitDescriptorsSpec | ErgSpec | MorganBinarySpec | MorganCountSpec | MordredSpec
if TYPE_CHECKING:
    DescriptorSpec = Annotated[Shipped, Field(discriminator="name")]
else:
    DescriptorSpec = Annotated[united(Shipped, "drugml.descriptors"), Field(discriminator="name")]


def named(part: Any) -> Any:
    """`morgan` is short for `name: morgan`."""
    return {"name": part} if isinstance(part, str) else part


def _several(parts: Any) -> Any:
    """`rdkit` is short for `[rdkit]`, `none` for an empty list."""
    if isinstance(parts, str):
        parts = [] if parts == "none" else [parts]
    if not isinstance(parts, list | tuple):
        raise ValueError(f"expected a list such as [rdkit, erg], or none, found {parts!r}")
    names = [p["name"] if isinstance(p, dict) and "name" in p else getattr(p, "name", p) for p in parts]
    if twice := [n for i, n in enumerate(names) if n in names[:i]]:
        raise ValueError(f"{twice[0]!r} is named more than once; leave one out")
    return parts


Descriptors = Annotated[
    tuple[Annotated[DescriptorSpec, BeforeValidator(named, json_schema_input_type=DescriptorSpec | str)], ...],
    BeforeValidator(_several),
]


Scale = Literal["rank", "standard"]


class DescribedSpec(Spec):
    """What every featurizer has."""

    gives: ClassVar[FeatureKind]
    name: str
    descriptors: Descriptors = ()
    """Real numbers beside its features: a list such as [rdkit, erg], or none."""
    descriptor_scale: Scale = "rank"
    """How networks get them: by rank among the training molecules, or as standard scores of these."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the featurizer and all that it is made of."""
        return (self.name, *(part.name for part in self.descriptors))
