"""What can be written under `data.audit:`: from where on a property of a table is worth a word."""

from typing import Annotated

from pydantic import Field

from drugml.config.base import Spec

Share = Annotated[float, Field(gt=0, lt=1)]


class AuditSpec(Spec):
    """Limits of the audit of a molecule table."""

    conflict: Annotated[float, Field(gt=0)] | None = None
    """Labels of one molecule further apart than this are a conflict; where left out, the spread of the target: half of
    what lies between its 16th and 84th percentile, one standard deviation if it is normal."""
    pile_up: Share = 0.01
    """Share of labels at one value from which on it can be an assay limit."""
    outlier: Annotated[float, Field(gt=0)] = 6.0
    """Labels that many robust standard deviations from the median are outliers."""
    few: Annotated[int, Field(ge=1)] = 50
    """Targets with fewer labelled molecules are called small."""
    minority: Share = 0.05
    """Classes with a smaller share of the labels are called rare."""
    near_constant: Share = 0.95
    """Targets of which a larger share is one value are called near-constant."""
    crowded: Share = 0.5
    """Share of the molecules in the five largest scaffolds from which on a table is called narrow."""
