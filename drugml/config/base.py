"""The base of every config section."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FeatureKind = Literal["graph", "geometry", "fingerprint"]
"""What a featurizer gives and a model takes."""


class Spec(BaseModel):
    """A frozen, typo-proof config section; the docstring under a field is its help text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def kwargs(self) -> dict[str, Any]:
        """The fields as keyword arguments for the class this section describes."""
        return {k: v for k, v in self if k not in ("name", "kind")}
