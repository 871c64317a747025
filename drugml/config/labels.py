"""What can be written under `data.labels:` and `data.replicates:`: how cells become labels."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec

P = "p"
"""`to: p` is -log10 of the concentration in mol/L: pIC50, pKi, …"""


class LabelSpec(Spec):
    """How the cells of one target become labels; all of it is kept with the model."""

    column: str | None = None
    """Column of the values, where it is not called as the target."""
    relation: str | None = None
    """Column of =, <, > and ~; a sign before the value itself (`>10000`) is read anyway."""
    unit: str | None = None
    """Unit of all values, such as nM, ug/mL or mL/min/kg."""
    unit_column: str | None = None
    """Column with the unit of each value."""
    to: str | None = None
    """Unit that labels and predictions are in; `p` is -log10 of mol/L, as in pIC50."""
    log10: bool = False
    """Learn and judge the logarithm; predictions are given back in the label's unit."""
    threshold: float | None = None
    """Makes two classes of the (converted) values: active from here on."""
    active: Literal["above", "below"] = "above"
    """Side of the threshold that is the positive class."""
    grey: Annotated[float, Field(ge=0)] = 0.0
    """Values nearer to the threshold than this are no label: assays cannot tell them apart."""
    weight: str | None = None
    """Column with the weight of each label in the loss."""
    error: str | None = None
    """Column with the standard error of each label, in the unit of the values."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.unit is not None and self.unit_column is not None:
            raise ValueError("give `unit` for all values or `unit_column` for each, not both")
        if self.to is not None and self.unit is None and self.unit_column is None:
            raise ValueError(f"to={self.to!r} needs the unit that values have now: `unit` or `unit_column`")
        if self.threshold is None and (("grey" in self.model_fields_set and self.grey) or self.active != "above"):
            raise ValueError("`grey` and `active` belong to a `threshold`")
        if self.log10 and (self.threshold is not None or self.to == P):
            raise ValueError("`log10` is for numbers that are no logarithms yet; leave it out with `threshold` or to=p")
        return self


class KeepReplicates(Spec):
    """Every row is a molecule of its own; rows of one molecule stay in one fold."""

    kind: Literal["keep"] = "keep"


class MergeReplicates(Spec):
    """Rows of one molecule (same InChIKey) become one; a bound and a value are reconciled, never averaged."""

    kind: Literal["merge"] = "merge"
    by: Literal["mean", "median", "geometric_mean"] = "median"
    """Average of the exact labels; geometric_mean is for values that are not logarithms."""
    weigh: bool = False
    """Weight of a merged label in the loss: the sum of the weights of its replicates, instead of 1."""
    max_sd: Annotated[float, Field(ge=0)] | None = None
    """Replicates of a larger standard deviation are a conflict, in the unit of the (log10) label; null allows any."""
    conflicts: Literal["drop", "keep", "fail"] = "drop"
    """What becomes of the label of a conflict: dropped, averaged all the same, or the end of the run."""


ReplicateSpec = Annotated[KeepReplicates | MergeReplicates, Field(discriminator="kind")]
