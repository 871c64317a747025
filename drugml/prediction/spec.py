"""`spec.json`: all of a bundle but the tensors."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from drugml.config.featurizers import FeaturizerSpec
from drugml.config.models import HeadSpec, ModelSpec
from drugml.config.plugins import packages
from drugml.config.standardize import NoStandardization, StandardizeSpec
from drugml.config.tasks import TaskSpec

FORMAT = 2
"""Raised when an older drugml could misread a bundle: 2 may be an ensemble."""


class Probe(BaseModel):
    """A public molecule and what the model said of it when it was saved; null where it was rejected."""

    smiles: str
    prediction: list[float] | None


class Member(BaseModel):
    """A member of an ensemble."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shift: tuple[float, ...]
    """value = output × scale + shift, per target."""
    scale: tuple[float, ...]
    provenance: dict[str, str]
    """Of its own run."""


class BundleSpec(BaseModel):
    """What a model is, in JSON; loading rebuilds it from this and the tensors alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    targets: tuple[str, ...]
    """Columns that are predicted."""
    units: dict[str, str]
    log10: tuple[str, ...] = ()
    """Targets that were learned as log10; predictions are given back in their unit."""
    positive: dict[str, str] = {}
    """Of each two-class target the class whose probability is predicted."""
    task: TaskSpec
    standardize: StandardizeSpec = NoStandardization()
    """What is done with a molecule before it is featurized."""
    featurizer: FeaturizerSpec
    model: ModelSpec
    head: HeadSpec
    max_atoms: int
    elements: tuple[str, ...] | None = None
    """Of the standard molecules that it learned from, hydrogen apart; null where nobody knows: of imported models."""
    shift: tuple[float, ...]
    """value = output × scale + shift, per target; of an ensemble those of its first member."""
    scale: tuple[float, ...]
    members: tuple[Member, ...] = ()
    """Of an ensemble; empty for a single model."""
    features: dict[str, Any]
    """How the featurizer described itself: the vocabulary the weights were trained on."""
    features_hash: str
    versions: dict[str, str]
    """Packages at training time."""
    config: dict[str, Any]
    """The whole run config, for the record."""
    provenance: dict[str, str] = {}
    """Hashes of data, split and metrics, and the run."""
    probes: list[Probe] = []
    tensors_sha256: str = ""
    hash: str = ""
    """SHA-256 of all other fields."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of model, featurizer and descriptors."""
        return (self.model.name, *self.featurizer.names)

    @property
    def plugins(self) -> tuple[str, ...]:
        """Packages whose plug-ins it needs."""
        return tuple(packages(*self.names))

    @property
    def spreads(self) -> tuple[str, ...]:
        """Of an ensemble, the columns of disagreement between members, one per target; of a single model none."""
        if not self.members:
            return ()
        return tuple(self._spread(t) for t in self.targets)

    def _spread(self, target: str) -> str:
        name = f"{target}_log10_std" if target in self.log10 else f"{target}_std"
        while name in self.targets:
            name += "_std"
        return name
