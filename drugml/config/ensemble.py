"""What can be written under `ensemble:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec


class EnsembleSpec(Spec):
    """Several models of one kind as one, whose prediction is the mean of theirs."""

    members: Annotated[int, Field(ge=1, le=1000)] = 1
    """Models; 1 is no ensemble."""
    by: Literal["seed", "bagging", "fold"] = "seed"
    """What makes members differ. `seed`: weights and order of batches (Lakshminarayanan et al. 2017, arXiv:1612.01474);
    `bagging`: also training molecules, drawn with replacement (Breiman 1996, doi:10.1007/BF00058655); `fold`: each
    validates on another part of training and validation molecules together (Krogh & Vedelsby 1995)."""
    validation: Literal["fold", "out_of_bag"] = "fold"
    """Of bagging only. `fold`: all members validate on the validation fold; `out_of_bag`: training and validation
    molecules are drawn from together, and each member validates on those that it did not draw."""
    member: Annotated[int, Field(ge=1)] | None = None
    """Train this member alone, counted from 1, as a run of its own; null trains all and joins them."""

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if self.members == 1 and (self.by, self.validation, self.member) != ("seed", "fold", None):
            raise ValueError(
                "ensemble.members = 1 is no ensemble, so that nothing else of it acts; set it to 2 or more"
            )
        if self.validation != "fold" and self.by != "bagging":
            raise ValueError(
                f"ensemble.validation = {self.validation!r} is of ensemble.by=bagging; with {self.by!r} no molecule is "
                "out of a bag"
            )
        if self.member is not None and self.member > self.members:
            raise ValueError(f"ensemble.member = {self.member}: there are {self.members} members")
        return self

    @property
    def whole(self) -> bool:
        """Whether several models are to be trained and joined."""
        return self.members > 1 and self.member is None
