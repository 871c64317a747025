"""The space of a search: which keys count for which models, how many points there are, and the config of each.

A key counts where the section that stands at that point has it: `model.depth` for a D-MPNN, not for a forest. What
chooses a section (model, featurizer, schedule) is drawn before what stands in it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from drugml.config.base import FeatureKind, Spec
from drugml.config.load import check, fields, put
from drugml.config.models import ModelSpec
from drugml.config.run import RunSpec
from drugml.config.search import Dimension, Value
from drugml.models import ENCODERS

Data = dict[str, Any]
Point = dict[str, Value]
"""Name of a parameter to its value, for those that count."""
NETWORK_ONLY = ("head", "train", "task")
"""Sections that baselines do not read."""


class Parameter(NamedTuple):
    """What is drawn: a key, or a key for one kind of models."""

    name: str
    """In the study, such as model.depth; `featurizer:graph` where models of both kinds are searched."""
    key: tuple[str, ...]
    dimension: Dimension
    distribution: BaseDistribution
    takes: FeatureKind | None = None
    """Only for models that take this."""
    section: bool = False
    """Whether it chooses what a section is."""

    @property
    def values(self) -> Sequence[Value] | None:
        """All values, or None where they cannot be counted."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return [*choices]
            case IntDistribution(low=low, high=high, step=step):
                return range(low, high + 1, step)
            case FloatDistribution(low=low, high=high, step=float(step)):
                return [rounded(low + n * step, step) for n in range(round((high - low) / step) + 1)]
        return None


@dataclass(frozen=True)
class Space:
    """Parameters on top of a config; sections come first."""

    base: RunSpec
    parameters: tuple[Parameter, ...]

    def draw(self, choose: Callable[[Parameter], Value]) -> Point:
        """A point, with the parameters that count asked for one after the other."""
        return self._walk(choose)[0]

    def config(self, point: Mapping[str, Value]) -> RunSpec:
        """The run config of a point."""
        return check(RunSpec, self._walk(lambda p: point[p.name])[1], {(): "config of a trial"})

    def readable(self, point: Mapping[str, Value]) -> dict[str, Value]:
        """The point by keys of the run config."""
        return {".".join(p.key): point[p.name] for p in self.parameters if p.name in point}

    @property
    def size(self) -> int | None:
        """Number of points, or None where there is no end of them."""
        total = 0
        for data in self.branches():
            values = [p.values for p in self.parameters if not p.section and counts(p, data)]
            if None in values:
                return None
            total += math.prod(len(v) for v in values if v is not None)
        return total

    def points(self) -> Iterator[Point]:
        """All points of a space that can be counted."""
        return self._points(self.parameters, {}, self.base.model_dump(mode="json"))

    def branches(self) -> Iterator[Data]:
        """The configs that differ in their sections only."""
        sections = [p for p in self.parameters if p.section]
        for point in self._points(sections, {}, self.base.model_dump(mode="json")):
            yield self._walk(lambda p, at=point: at[p.name], sections)[1]  # type: ignore[misc]

    def lines(self) -> list[str]:
        """The space for people; keys that do not count for every model say for which."""
        out, models = [], dict[str, set[str]]()
        for data in self.branches():
            name = data["model"]["name"]
            models.setdefault(name, set())
            models[name] |= {p.name for p in self.parameters if counts(p, data)}
        for p in self.parameters:
            having = [m for m, names in models.items() if p.name in names]
            only = "" if len(having) == len(models) else f"   only with {', '.join(having)}"
            out.append(f"  {'.'.join(p.key):<22}{p.dimension}{only}")
        return out

    def described(self) -> dict[str, str]:
        """What a study is bound to: name to range."""
        return {p.name: str(p.dimension) for p in self.parameters}

    def _walk(
        self, choose: Callable[[Parameter], Value], parameters: Sequence[Parameter] | None = None
    ) -> tuple[Point, Data]:
        point, data = Point(), self.base.model_dump(mode="json")
        for p in self.parameters if parameters is None else parameters:
            data = settled(p, data)
            if counts(p, data):
                point[p.name] = choose(p)
                data = put(data, p.key, point[p.name])
        return point, settled(None, data)

    def _points(self, rest: Sequence[Parameter], point: Point, data: Data) -> Iterator[Point]:
        if not rest:
            yield point
            return
        p, data = rest[0], settled(rest[0], data)
        if not counts(p, data):
            yield from self._points(rest[1:], point, data)
            return
        for value in p.values or ():
            yield from self._points(rest[1:], {**point, p.name: value}, put(data, p.key, value))


def counts(parameter: Parameter, data: Data) -> bool:
    """Whether a parameter counts in a config."""
    model = model_of(data)
    if parameter.takes not in (None, model.takes):  # type: ignore[attr-defined]
        return False
    if parameter.key[0] in NETWORK_ONLY and model not in ENCODERS:
        return False
    return parameter.key[-1] in fields(RunSpec, data, parameter.key[:-1])


def settled(before: Parameter | None, data: Data) -> Data:
    """The config with `featurizer: auto` replaced, once model and featurizer are drawn."""
    if data["featurizer"]["name"] != "auto" or (before is not None and before.key in (("model",), ("featurizer",))):
        return data
    return {**data, "featurizer": model_of(data).featurizer.model_dump(mode="json")}  # type: ignore[attr-defined]


def rounded(value: float, step: float | None) -> float:
    """0.3 rather than 0.30000000000000004, where values go by steps."""
    return value if step is None else float(f"{value:.12g}")


def model_of(data: Mapping[str, Any]) -> type[Spec]:
    """Spec of the model of a config."""
    return variants(ModelSpec)[data["model"]["name"]]


def variants(union: object) -> dict[str, type[Spec]]:
    """Name to spec, of a union of sections."""
    return {str(s.model_fields["name"].default): s for s in get_args(get_args(union)[0])}


def found(data: Mapping[str, Any], key: Sequence[str]) -> Any:
    """What stands at a key, None if nothing does."""
    at: Any = data
    for part in key:
        at = at.get(part) if isinstance(at, Mapping) else None
    return at
