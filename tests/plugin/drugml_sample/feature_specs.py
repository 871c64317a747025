"""What can be written under `featurizer:`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drugml.config.featurizers import FingerprintSpec


class ElementsSpec(FingerprintSpec):
    """Counts of elements (a sample plug-in)."""

    implementation: ClassVar[str] = "drugml_sample.featurizers"
    name: Literal["elements"] = "elements"
    largest: Annotated[int, Field(ge=1, le=118)] = 53
    """Greatest atomic number that has a column."""

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.largest,)
