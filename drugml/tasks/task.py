"""What every task promises.

Shape letters: M molecules, B molecules of a batch, T targets. A missing label is NaN everywhere.
"""

from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from drugml.registry import Registry


class Scaling(NamedTuple):
    """Affine map between a network's outputs and target values: value = output × scale + shift, per target."""

    shift: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def none(cls, targets: int) -> Self:
        """Values are outputs."""
        return cls((0.0,) * targets, (1.0,) * targets)


class Task(Protocol):
    """From raw network outputs (B, T) to a loss and to predictions a user reads."""

    metrics: ClassVar[tuple[str, ...]]
    """Metrics that describe this task, the first one heads every report."""

    def scaling(self, train: NDArray[np.float64]) -> Scaling:
        """Learn the scaling from the training labels (M, T), and from nothing else."""
        ...

    def loss(self, output: Float[Tensor, "B T"], scaled: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """Loss of each label in scaled space; anything where the label is NaN."""
        ...

    def predictions(self, output: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
        """Outputs (M, T) as values in target units, or probabilities (M, T)."""
        ...


TASKS: Registry[Task] = Registry("task")
