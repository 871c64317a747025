"""A search space checked as a whole before the first trial: every key, every value and both ends of every range."""

from collections.abc import Iterable, Iterator

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from drugml.config.base import FeatureKind
from drugml.config.featurizers import FeaturizerSpec
from drugml.config.load import ConfigError, check, fields, put
from drugml.config.models import ModelSpec
from drugml.config.run import RunSpec
from drugml.config.search import Dimension, GridSpec, SearchSpec
from drugml.config.variants import TAGS, Origins
from drugml.errors import UserError, nearest
from drugml.models import ENCODERS
from drugml.runs.tune.space import NETWORK_ONLY, Data, Parameter, Space, counts, found, model_of, variants

MOST_OF_GRID = 100_000
"""Points that a grid may have."""
COMPARED = "it would change the data, folds or labels by which trials are compared"
MACHINE = "it belongs to the machine, not to the model"
REFUSED = {
    "data": COMPARED,
    "task": COMPARED,
    "tracking": "it says where runs are recorded",
    "ensemble": "a search trains single models; set it for `drugml train best.yaml`",
    "train.seed": "the best trial would be the one with the luckiest seed; all trials have that of the config",
    "train.monitor": "trials would choose their best epoch by different metrics; set it in the config",
    "train.accelerator": MACHINE,
    "train.devices": MACHINE,
    "train.nodes": MACHINE,
    "train.deterministic": MACHINE,
    "train.matmul_precision": MACHINE,
    "train.compile": MACHINE,
}
LOSS = "task.loss"
"""The one key of the task that can be searched: metrics do not depend on it."""


def checked_space(base: RunSpec, spec: SearchSpec, where: Origins) -> Space:
    """The space of a search on top of a run config.

    Args:
        base: the run config.
        spec: the search.
        where: file and line of its keys.

    Raises:
        ConfigError: with all that is wrong with the space.
        UserError: for a grid without end.
    """
    data = base.model_dump(mode="json")
    problems = [f"{_at(where, k)}: {p}" for k in spec.space for p in _refusal(k, data)]
    if problems:
        raise ConfigError("\n".join(problems))
    sections = [k for k in spec.space if isinstance(found(data, k.split(".")), dict)]
    order = sorted(spec.space, key=lambda k: (k != "model", k != "featurizer", k not in sections))
    drawn: list[Parameter] = []
    for key in order:
        try:
            space = Space(base, tuple(drawn))
            branches = [_open(data, spec)] if key == "model" else [*space.branches()]
            drawn += _parameters(branches, key, spec.space[key], section=key in sections)
        except UserError as error:
            problems += [f"{_at(where, key)}: {line}" for line in str(error).splitlines()]
            if key in sections:  # what stands in it cannot be judged
                break
    if problems:
        raise ConfigError("\n".join(problems))
    space = Space(base, tuple(drawn))
    if isinstance(spec.sampler, GridSpec):
        _check_grid(space)
    return space


def _open(data: Data, spec: SearchSpec) -> Data:
    """The config on which the first key is tried; its featurizer is of no account where that is searched too."""
    return {**data, "featurizer": {"name": "auto"}} if "featurizer" in spec.space else data


def _at(where: Origins, key: str) -> str:
    return where.get(("space", key)) or where.get(("space",), "space")


def _refusal(key: str, data: Data) -> Iterator[str]:
    """Why a key cannot be searched, whatever the space."""
    why = next((w for k, w in REFUSED.items() if f"{key}.".startswith(f"{k}.")), None)
    above, _, last = key.rpartition(".")
    if key == LOSS:
        if data["task"]["kind"] == "auto":
            yield f"`{key}`: the config leaves the task to the data; write `task: regression` there"
    elif why is not None:
        yield f"`{key}` cannot be searched: {why}"
    elif key == "featurizer" and found(data, ["featurizer", "descriptors"]):
        yield "`featurizer` cannot be searched beside featurizer.descriptors, which each value would drop"
    elif key == "featurizer" and found(data, ["featurizer", "descriptor_scale"]) not in (None, "rank"):
        yield "`featurizer` cannot be searched beside featurizer.descriptor_scale, which each value would drop"
    elif (top := key.split(".")[0]) not in RunSpec.model_fields:
        yield f"unknown key `{key}`; {nearest(top, [k for k in RunSpec.model_fields if k not in REFUSED])}"
    elif last in TAGS and isinstance(found(data, above.split(".")), dict):
        yield f"`{key}` is written `{above}` in a search"


def _parameters(branches: list[Data], key: str, dimension: Dimension, *, section: bool) -> list[Parameter]:
    """What a key means on top of the sections drawn so far, each value tried.

    Raises:
        UserError: with a line for each mistake.
    """
    if section and dimension.values is None:
        raise UserError(f"`{key}` is no number; name `values`")
    if key == "featurizer":
        return _featurizers(branches, dimension)
    probe = Parameter(key, tuple(key.split(".")), dimension, CategoricalDistribution([None]), section=section)
    having = [d for d in branches if counts(probe, d)]
    if not having:
        raise UserError(_nowhere(key, branches))
    kinds = _tried(probe, having)
    return [probe._replace(distribution=_distribution(key, dimension, kinds))]


def _tried(parameter: Parameter, branches: Iterable[Data]) -> set[type]:
    """Validate every value, or both ends, in every branch; return the types that the config makes of them.

    Raises:
        UserError: with a line for each mistake.
    """
    d = parameter.dimension
    problems, kinds = list[str](), set[type]()
    for data in branches:
        for value in d.values if d.values is not None else (d.low, d.high):
            try:
                config = check(RunSpec, put(data, parameter.key, value), {(): ""})
            except ConfigError as error:
                problems += [line.removeprefix(": ") for line in str(error).splitlines()]
            else:
                kinds.add(type(found(config.model_dump(mode="json"), parameter.key)))
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))
    return kinds


def _distribution(key: str, d: Dimension, kinds: set[type]) -> BaseDistribution:
    if d.values is not None:
        return CategoricalDistribution([*d.values])
    assert d.low is not None
    assert d.high is not None
    if kinds == {int}:
        if d.step is not None and d.step != int(d.step):
            raise UserError(f"`{key}` is a whole number; step = {d.step} is none")
        return IntDistribution(int(d.low), int(d.high), log=d.log, step=int(d.step or 1))
    if kinds != {float}:
        raise UserError(f"`{key}` is no number; name `values`")
    step = None if d.step is None else float(d.step)
    return FloatDistribution(float(d.low), float(d.high), log=d.log, step=step)


def _featurizers(branches: list[Data], dimension: Dimension) -> list[Parameter]:
    """A parameter for each kind of models, with the featurizers that fit.

    Raises:
        UserError: for an unknown featurizer, one that fits no model, and a model that none fits.
    """
    known, values = variants(FeaturizerSpec), dimension.values or ()
    for value in values:
        if value == "auto":
            raise UserError(
                "`featurizer` = 'auto' is one of the others; name the featurizers themselves, or leave the key out"
            )
        if value not in known:
            raise UserError(f"there is no `featurizer` called {value!r}; {nearest(str(value), known)}")
    takes = {d["model"]["name"]: model_of(d).takes for d in branches}  # type: ignore[attr-defined]
    gives = {v: known[v].gives for v in values}  # type: ignore[attr-defined]
    if useless := [v for v in values if gives[v] not in takes.values()]:
        raise UserError(f"featurizer {useless[0]!r} gives a {gives[useless[0]]}, which no model of the space takes")
    if bare := [m for m, kind in takes.items() if kind not in gives.values()]:
        raise UserError(f"model {bare[0]!r} takes a {takes[bare[0]]}, which no featurizer of the space gives")
    kinds: list[FeatureKind] = [*dict.fromkeys(takes.values())]
    out = []
    for kind in kinds:
        fit = [v for v in values if gives[v] == kind]
        name = f"featurizer:{kind}" if len(kinds) > 1 else "featurizer"
        fitting = Dimension(values=tuple(fit))
        out.append(Parameter(name, ("featurizer",), fitting, CategoricalDistribution(fit), kind, section=True))
    return out


def _nowhere(key: str, branches: list[Data]) -> str:
    """Why a key counts for no model of the space."""
    section, _, field = key.rpartition(".")
    models = [*dict.fromkeys(d["model"]["name"] for d in branches)]
    of = f"no model of the space has it ({', '.join(models)})"
    if key.split(".")[0] in NETWORK_ONLY and not any(model_of(d) in ENCODERS for d in branches):
        return f"`{key}`: only networks read it, and the space has none ({', '.join(models)})"
    known = [*dict.fromkeys(f for d in branches for f in fields(RunSpec, d, section.split(".")))]
    if section == "model":
        others = [n for n, s in variants(ModelSpec).items() if field in s.model_fields]
        return f"`{key}`: {of}; " + (f"{', '.join(others)} would" if others else nearest(field, known))
    if section == "featurizer":
        of = (
            f"no featurizer of the space has it ({', '.join(dict.fromkeys(d['featurizer']['name'] for d in branches))})"
        )
        return f"`{key}`: {of}"
    return f"unknown key `{key}`; {nearest(field, known)}" if known else f"unknown key `{key}`"


def _check_grid(space: Space) -> None:
    endless = [p.name for p in space.parameters if p.values is None]
    if endless:
        raise UserError(
            f"sampler grid: `{endless[0]}` has no end of values; give it `values` or a `step`, or use sampler: random"
        )
    if (size := space.size) is not None and size > MOST_OF_GRID:
        raise UserError(f"sampler grid: the space has {size:,} points, at most {MOST_OF_GRID:,}; use sampler: random")
