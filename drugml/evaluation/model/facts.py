"""What is known of a trained model beside its test fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from drugml.config.run import RunSpec
from drugml.data.extent import Extent
from drugml.prediction.spec import BundleSpec


class Labels(NamedTuple):
    """Labels of one target."""

    folds: Mapping[str, int]
    """Fold to number of labels, bounds included."""
    bounds: int
    """Labels of all folds that are bounds."""
    low: float
    """Of the training fold, in the scale that is learned; NaN without any, as the next two."""
    high: float
    mean: float


@dataclass(frozen=True)
class Facts:
    """Of one model."""

    spec: BundleSpec
    config: RunSpec
    title: str
    model: str
    """Its name, and that it is an ensemble."""
    run_id: str
    files: str
    """Name of the table."""
    rows: Sequence[tuple[str, int]]
    """What became of the rows of the table."""
    sizes: Mapping[str, int]
    """Fold to molecules."""
    unused: int
    """Molecules in no fold."""
    split_hash: str
    leaks: Mapping[str, Any] | None
    """What the split lets through, as beside the split file; None where that does not say."""
    labels: Sequence[Labels]
    extent: Extent
    metrics: Mapping[str, float]
    """All of the run, such as best/val/rmse."""
    surroundings: Mapping[str, str]
    """Code, packages and hardware."""

    @property
    def several(self) -> bool:
        """Whether there is more than one target."""
        return len(self.spec.targets) > 1
