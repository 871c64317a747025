"""What can be written under `train.average`, `train.freeze` and `train.adapters`."""

from typing import Annotated, Literal

from pydantic import Field

from drugml.config.base import Spec


class NoAverage(Spec):
    """The weights as they are after an epoch."""

    kind: Literal["none"] = "none"


class Ema(Spec):
    """A moving average of the weights over the steps, which forgets exponentially (Polyak & Juditsky 1992)."""

    kind: Literal["ema"] = "ema"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Share of the average that a step keeps; after n steps no more than (1 + n) / (10 + n), to forget the start."""


class Swa(Spec):
    """The mean of the weights after the last epochs (Izmailov et al. 2018, arXiv:1803.05407)."""

    kind: Literal["swa"] = "swa"
    start: Annotated[float, Field(ge=0, lt=1)] = 0.75
    """Share of `train.epochs` that is trained before; until then the plain weights are judged."""


AverageSpec = Annotated[NoAverage | Ema | Swa, Field(discriminator="kind")]


class NoFreeze(Spec):
    """Every layer learns from the first step on."""

    kind: Literal["none"] = "none"


class FreezeEncoder(Spec):
    """The encoder keeps the weights that it was given; only the head learns."""

    kind: Literal["encoder"] = "encoder"


class Gradual(Spec):
    """First only the head learns, then one layer more at a time, from the head down (Howard & Ruder 2018,
    arXiv:1801.06146).
    """

    kind: Literal["gradual"] = "gradual"
    epochs: Annotated[int, Field(ge=1)] = 2
    """Epochs until the next layer begins to learn."""


FreezeSpec = Annotated[NoFreeze | FreezeEncoder | Gradual, Field(discriminator="kind")]


class NoAdapters(Spec):
    """The weights themselves learn."""

    kind: Literal["none"] = "none"


class Lora(Spec):
    """The encoder's matrices stay as they are, and what is added to them has a low rank (Hu et al. 2021,
    arXiv:2106.09685); merged into plain weights at the end.
    """

    kind: Literal["lora"] = "lora"
    rank: Annotated[int, Field(ge=1)] = 8
    """Rank of what is added, at most the smaller side of a matrix."""
    alpha: Annotated[float, Field(gt=0)] = 8.0
    """What is added is multiplied by alpha / rank."""


AdapterSpec = Annotated[NoAdapters | Lora, Field(discriminator="kind")]
