"""What can be written under `data.split:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec

Sizes = tuple[float, float, float]


class SizedSplit(Spec):
    """A split that draws train, validation and test fold by share."""

    sizes: Sizes = (0.8, 0.1, 0.1)
    """Shares of train, validation and test molecules; they add up to 1."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed gives another split; `train.seed` does not touch it."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if min(self.sizes) <= 0 or abs(sum(self.sizes) - 1) > 1e-6:
            raise ValueError(f"shares must be positive and add up to 1, found {list(self.sizes)}")
        return self


class RandomSplit(SizedSplit):
    """Molecules drawn at random; identical molecules (same InChIKey) stay together."""

    kind: Literal["random"] = "random"


class ScaffoldSplit(SizedSplit):
    """Bemis-Murcko scaffolds (1996, doi:10.1021/jm9602928) drawn at random; none is shared by two folds."""

    kind: Literal["scaffold"] = "scaffold"
    acyclic: Literal["apart", "together"] = "apart"
    """Molecules without a ring have no scaffold: each is a group of its own, or all are one group."""


class PredefinedSplit(Spec):
    """A column of the table says the fold of each row: train, val or test."""

    kind: Literal["predefined"] = "predefined"
    column: str = "split"
    """Column with train, val (or valid, validation) and test."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training rows drawn for validation where the column names none."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that draw."""
    leaks: Literal["error", "warn"] = "error"
    """What to do when one molecule (same InChIKey) stands in two folds."""


SplitSpec = Annotated[RandomSplit | ScaffoldSplit | PredefinedSplit, Field(discriminator="kind")]
