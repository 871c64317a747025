"""What can be written under `data:`: the table and its columns."""

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from drugml.config.audit import AuditSpec
from drugml.config.base import Spec
from drugml.config.labels import KeepReplicates, LabelSpec, ReplicateSpec
from drugml.config.splits import ScaffoldSplit, SplitSpec
from drugml.config.standardize import NoStandardization, StandardizeSpec
from drugml.errors import nearest


class DataSpec(Spec):
    """The molecule table and what is learned from it."""

    path: str
    """csv, tsv, smi, sdf or parquet file, also .gz and .zst, relative to the config; `plates/*.csv` is several files as
    one table; drugml:b3db-logbb and drugml:b3db-class are embedded."""
    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns to learn; empty cells are missing labels."""
    smiles: str | None = None
    """SMILES column; found by name or content where left out."""
    labels: dict[str, LabelSpec] = {}
    """Of targets whose cells are more than plain numbers: relations, units, logarithms, thresholds, weights."""
    replicates: ReplicateSpec = KeepReplicates()
    """What becomes of several rows of one molecule."""
    split: SplitSpec = ScaffoldSplit()
    """How molecules are divided into train, validation and test."""
    standardize: StandardizeSpec = NoStandardization()
    """How molecules are made comparable before anything else is done with them; predictions do the same."""
    audit: AuditSpec = AuditSpec()
    """Limits of the audit, in `drugml data check` and for the data card of every run."""
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of rows that may be unusable before training stops."""
    max_atoms: Annotated[int, Field(ge=1, le=65535)] = 1000
    """Molecules with more heavy atoms are rejected, at training and at prediction."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := [t for t in self.labels if t not in self.targets]:
            raise ValueError(
                f"data.labels names {unknown[0]!r}, which is no target; {nearest(unknown[0], self.targets)}"
            )
        return self

    @field_validator("targets")
    @classmethod
    def _once(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [t for t, n in Counter(targets).items() if n > 1]:
            raise ValueError(f"{', '.join(map(repr, twice))} is named more than once")
        return targets
