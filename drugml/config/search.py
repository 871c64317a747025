"""What `drugml tune` reads: which keys of the run config are searched, where, how and how often."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec
from drugml.config.load import PRESET, ConfigError, check, presets, read
from drugml.config.variants import Origins
from drugml.errors import nearest

Value = bool | int | float | str | None
"""What a key may be set to."""


class Dimension(Spec):
    """Where one key is searched: the values that it may have, or the ends of a range. A list alone is `values`."""

    values: tuple[Any, ...] | None = None
    """The values to choose from."""
    low: int | float | None = None
    """Least value of a range."""
    high: int | float | None = None
    """Greatest value of a range, included."""
    step: Annotated[int | float, Field(gt=0)] | None = None
    """Only low, low + step, low + 2 step, … are tried."""
    log: bool = False
    """Whether each decade is as likely as any other, as for learning rates."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"values": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.values is not None:
            self._check_values(self.values)
        elif self.low is None or self.high is None:
            raise ValueError("expected `values: […]`, or `low` and `high`")
        else:
            self._check_range(self.low, self.high)
        return self

    def _check_values(self, values: tuple[Any, ...]) -> None:
        if any(v is not None for v in (self.low, self.high, self.step)) or self.log:
            raise ValueError("has `values` and a range; a key has one of them")
        if not values:
            raise ValueError("the list of values is empty")
        if odd := [v for v in values if not isinstance(v, Value)]:
            raise ValueError(f"{odd[0]!r} is no single value; name texts, numbers, true, false or null")
        if twice := [v for n, v in enumerate(values) if repr(v) in map(repr, values[:n])]:
            raise ValueError(f"{twice[0]!r} is named more than once")

    def _check_range(self, low: float, high: float) -> None:
        if low >= high:
            raise ValueError(f"the range is empty: low = {low} is not below high = {high}")
        if self.log and low <= 0:
            raise ValueError(f"low = {low} has no logarithm; a range with log begins above 0")
        if self.log and self.step is not None:
            raise ValueError("has `log` and `step`; a range has one of them")
        if self.step is not None:
            last = low + (high - low) // self.step * self.step
            if abs(last - high) > 1e-9 * abs(high) and abs(last + self.step - high) > 1e-9 * abs(high):
                raise ValueError(f"high = {high} is no whole number of steps of {self.step} from low = {low}")

    def __str__(self) -> str:
        if self.values is not None:
            return ", ".join("null" if v is None else str(v) for v in self.values)
        return f"{self.low} to {self.high}{f' by {self.step}' if self.step else ''}{' (log)' if self.log else ''}"


class TpeSpec(Spec):
    """Tree-structured Parzen estimator (Bergstra et al. 2011, Watanabe 2023 arXiv:2304.11127), by Optuna."""

    kind: Literal["tpe"] = "tpe"
    startup_trials: Annotated[int, Field(ge=0)] = 10
    """Trials that are drawn at random before any is proposed by what was found."""


class RandomSpec(Spec):
    """Random search (Bergstra & Bengio 2012)."""

    kind: Literal["random"] = "random"


class GridSpec(Spec):
    """Every point of the space once, in random order."""

    kind: Literal["grid"] = "grid"


SamplerSpec = Annotated[TpeSpec | RandomSpec | GridSpec, Field(discriminator="kind")]


class NoPruner(Spec):
    """Every trial runs to its end."""

    kind: Literal["none"] = "none"


class MedianSpec(Spec):
    """A trial ends early if its best epoch is worse than the median of the others at the same epoch."""

    kind: Literal["median"] = "median"
    startup_trials: Annotated[int, Field(ge=0)] = 5
    """Trials that must be complete before any is ended early."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 5
    """Epochs that every trial may run."""


class HalvingSpec(Spec):
    """Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934): the best 1/factor goes on at each rung."""

    kind: Literal["halving"] = "halving"
    first_epochs: Annotated[int, Field(ge=1)] = 4
    """Epochs of the first rung; each further one is at `factor` times as many."""
    factor: Annotated[int, Field(ge=2)] = 3
    """One of so many goes on."""


PrunerSpec = Annotated[NoPruner | MedianSpec | HalvingSpec, Field(discriminator="kind")]


class SearchSpec(Spec):
    """One search. Trials are judged on the validation fold; the test fold is not read."""

    study: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    """Name; that of the table is put before it. Commands with the same study work on it together."""
    trials: Annotated[int, Field(ge=1)] = 50
    """Trials of the whole study, over all processes."""
    metric: str | None = None
    """Validation metric to improve; by default the first one of the task: rmse or roc_auc."""
    sampler: SamplerSpec = TpeSpec()
    """How points of the space are proposed: tpe, random or grid."""
    pruner: PrunerSpec = MedianSpec()
    """Which trials end early: none, median or halving. Baselines have no epochs and are never ended early."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the proposals; models have that of the run config, the same in all trials."""
    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    """Key of the run config, such as model.depth, to where it is searched. A key counts for the models that have it."""


def load_search(path: str) -> tuple[SearchSpec, Origins]:
    """Read a search and where its keys were written; `drugml:gnn` is a shipped one.

    Raises:
        ConfigError: with file and line.
    """
    file = Path(path)
    if path.startswith(PRESET):
        folder = presets().with_name("search")
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        if (short := path.removeprefix(PRESET)) not in known:
            raise ConfigError(f"there is no search {path!r}; {nearest(short, known)}")
        file = folder / f"{short}.yaml"
    data, where = read(SearchSpec, file)
    return check(SearchSpec, data, {(): str(file)} | where), where
