"""The next point of a study, by what its trials found so far. Nothing is recorded here."""

import itertools
import random
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from drugml.config.search import GridSpec, HalvingSpec, MedianSpec, SearchSpec, TpeSpec, Value
from drugml.runs.tune.space import Parameter, Point, Space, rounded

DRAWS = 20
"""Proposals that may be points that were tried already, before one is taken at random."""
COUNTED = 20_000
"""Points up to which a space is looked through for one that was not tried."""


def proposed(space: Space, spec: SearchSpec, trials: Sequence[FrozenTrial], number: int, direction: str) -> Point:
    """A point that no trial has.

    Depends on the trials, the seed and the number only: processes with one seed propose different points.

    Args:
        space: that is searched.
        spec: its sampler and seed.
        trials: of the study so far, those under way included.
        number: of the new trial.
        direction: minimize or maximize.
    """
    tried = {key(t.params) for t in trials}
    seed = int(np.random.SeedSequence([spec.seed, number]).generate_state(1)[0])
    if isinstance(spec.sampler, GridSpec):
        return _left(space, tried, random.Random(spec.seed))
    known = [t for t in trials if t.state != TrialState.WAITING]
    study = optuna.create_study(sampler=_sampler(spec, seed), direction=direction)
    study.add_trials(known)
    for _ in range(DRAWS):
        point = _asked(study, space)
        if key(point) not in tried:
            return point
    if space.size is not None and space.size <= COUNTED:
        return _left(space, tried, random.Random(seed))
    study = optuna.create_study(sampler=RandomSampler(seed=seed))
    points = (_asked(study, space) for _ in itertools.count())
    return next(p for p in points if key(p) not in tried)


def pruner(spec: SearchSpec) -> BasePruner:
    """What ends trials early."""
    match spec.pruner:
        case MedianSpec(startup_trials=startup, warmup_epochs=warmup):
            return MedianPruner(n_startup_trials=startup, n_warmup_steps=warmup)
        case HalvingSpec(first_epochs=first, factor=factor):
            return SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
        case _:
            return NopPruner()


def key(point: Point) -> tuple[tuple[str, str], ...]:
    """What two equal points have in common."""
    return tuple(sorted((name, repr(value)) for name, value in point.items()))


def _sampler(spec: SearchSpec, seed: int) -> BaseSampler:
    if isinstance(spec.sampler, TpeSpec):
        return TPESampler(n_startup_trials=spec.sampler.startup_trials, seed=seed)
    return RandomSampler(seed=seed)


def _asked(study: optuna.Study, space: Space) -> Point:
    trial = study.ask()
    point = space.draw(lambda p: _suggested(trial, p))
    study.tell(trial, state=TrialState.FAIL)
    return point


def _suggested(trial: Trial, parameter: Parameter) -> Value:
    name, d = parameter.name, parameter.distribution
    match d:
        case CategoricalDistribution(choices=choices):
            value: Value = trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            value = trial.suggest_int(name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            value = rounded(trial.suggest_float(name, low, high, step=step, log=log), step)
        case _:
            raise AssertionError(d)
    return value


def _left(space: Space, tried: set[tuple[tuple[str, str], ...]], chance: random.Random) -> Point:
    """A point that was not tried, of a space that can be counted; there is one."""
    return chance.choice([p for p in space.points() if key(p) not in tried])
