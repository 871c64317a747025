"""What can be written under `featurizer.descriptors`; drugml's featurizers already need it."""

from typing import ClassVar, Literal

from drugml.config.base import Spec


class LengthsSpec(Spec):
    """Atoms and bonds of a molecule (a sample plug-in)."""

    implementation: ClassVar[str] = "drugml_sample.featurizers"
    width: ClassVar[int] = 2
    name: Literal["lengths"] = "lengths"
