"""What can be written under `task:`: what kind of value the targets are."""

from typing import Annotated, Literal

from pydantic import Field

from drugml.config.base import Spec


class AutoTask(Spec):
    """Classification where every target has two classes, otherwise regression; said aloud."""

    kind: Literal["auto"] = "auto"


class RegressionSpec(Spec):
    """Numbers; trained on values scaled to mean 0 and standard deviation 1 of the training fold."""

    kind: Literal["regression"] = "regression"
    loss: Literal["mse", "mae", "huber"] = "mse"
    """Loss on scaled values; huber is quadratic below one standard deviation."""
    errors: Literal["ignore", "variance"] = "ignore"
    """What standard errors (`data.labels.TARGET.error`) do: nothing, or add to the variance, so that a label that is
    known less well weighs less."""
    units: dict[str, str] = {}
    """Unit of a target, kept with the model, for example {logBB: log10}."""


class ClassificationSpec(Spec):
    """Two classes; predictions are the probability of the positive one."""

    kind: Literal["classification"] = "classification"
    balance: Literal["none", "weights"] = "none"
    """Whether the labels of a rare class weigh more, so that both classes of the training fold weigh the same."""
    positive: str | None = None
    """Text of the positive class; needed only where it is not 1, true, yes, active, positive, + or ends in +."""


TaskSpec = Annotated[AutoTask | RegressionSpec | ClassificationSpec, Field(discriminator="kind")]
