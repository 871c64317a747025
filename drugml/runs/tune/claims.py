"""Which trial is whose: every trial of a study is run to its end once, whatever becomes of the processes that run it.

A study has numbered trials, 1 to as many as were asked for. One that lost its process is entered once more under its
number, with its point and what it reported; the entry that was lost stays in the storage as failed and counts no more.
Everything here happens while no other process of the study is doing the same.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from drugml.config.search import SearchSpec
from drugml.runs.tune.locks import Locks
from drugml.runs.tune.propose import proposed
from drugml.runs.tune.space import Point, Space
from drugml.tracking.stopping import unstopped

log = logging.getLogger(__name__)
NUMBER, OWNER, LOST, DEATHS, REASON = "number", "owner", "again_of", "deaths", "reason"
"""Attributes of an entry: its trial, its process, the entry whose place it takes, how many processes it cost, and why
it failed."""
MOST_DEATHS = 2
"""A trial that cost so many processes is failed; it may be what kills them."""
DIED = "its process ended without a word, twice; perhaps it needs more memory than there is"


class Claim(NamedTuple):
    """A trial that this process has to run."""

    trial: Trial
    number: int
    """Counted from 1."""
    point: Point
    reported: frozenset[int] = frozenset()
    """Epochs that the study knows already."""


class Claims:
    """The trials of a study as this process sees them."""

    def __init__(self, study: optuna.Study, locks: Locks, space: Space, spec: SearchSpec, trials: int) -> None:
        self.study, self.locks, self.space, self.spec = study, locks, space, spec
        size = space.size
        self.asked = trials if size is None else min(trials, size)
        """Trials of the whole study; a space with fewer points has no more."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Look at the study, and change it, while no other process does; a signal waits for the end of it."""
        with unstopped(), self.locks.alone():
            yield

    def entries(self) -> list[FrozenTrial]:
        """The entry of each trial that counts, by number."""
        every = self.study.get_trials(deepcopy=False)
        replaced = {t.user_attrs[LOST] for t in every if LOST in t.user_attrs}
        return sorted((t for t in every if t.number not in replaced), key=lambda t: t.user_attrs[NUMBER])

    def claim(self) -> Claim | None:
        """A trial to run, or None if all that were asked for have ended or run elsewhere."""
        with self.alone():
            self._sweep()
            entries = self.entries()
            waiting = [t for t in entries if t.state == TrialState.WAITING]
            if len(entries) - len(waiting) >= self.asked:
                return None
            if not waiting:
                number = len(entries) + 1
                direction = self.study.direction.name.lower()
                point = proposed(self.space, self.spec, entries, number, direction)
                self._enter(point, {NUMBER: number})
            trial = self.study.ask()  # takes the first that waits
            trial.set_user_attr(OWNER, self.locks.owner)
            reported = next(t.intermediate_values for t in self.entries() if t.number == trial.number)
            return Claim(trial, trial.user_attrs[NUMBER], dict(trial.params), frozenset(reported))

    def end(self, claim: Claim, state: TrialState, value: float | None, reason: str) -> bool:
        """Record how a trial ended; False if it was taken for lost meanwhile, and runs elsewhere."""
        with self.alone():
            if not self._mine(claim):
                return False
            if reason:
                claim.trial.set_user_attr(REASON, reason)
            self.study.tell(claim.trial, value if state == TrialState.COMPLETE else None, state)
            return True

    def give_back(self) -> None:
        """Let go of what this process runs; whoever claims it next goes on with it."""
        with self.alone():
            for entry in self.entries():
                if entry.state == TrialState.RUNNING and entry.user_attrs.get(OWNER) == self.locks.owner:
                    self._again(entry, entry.user_attrs.get(DEATHS, 0))

    def others(self) -> list[int]:
        """Numbers of the trials that other living processes run."""
        return [
            t.user_attrs[NUMBER]
            for t in self.entries()
            if t.state == TrialState.RUNNING and t.user_attrs.get(OWNER) != self.locks.owner and self._alive(t)
        ]

    @property
    def complete(self) -> bool:
        """Whether all trials that were asked for have ended."""
        return self.ended >= self.asked

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return sum(bool(t.state.is_finished()) for t in self.entries())

    def _mine(self, claim: Claim) -> bool:
        return any(
            t.number == claim.trial.number and t.state == TrialState.RUNNING and t.user_attrs[OWNER] == self.locks.owner
            for t in self.study.get_trials(deepcopy=False)
        )

    def _alive(self, entry: FrozenTrial) -> bool:
        return OWNER in entry.user_attrs and self.locks.alive(entry.user_attrs[OWNER])

    def _sweep(self) -> None:
        """Enter again what lost its process. A process killed in here leaves nothing half done for long."""
        every = self.study.get_trials(deepcopy=False)
        again = {t.user_attrs[LOST] for t in every if LOST in t.user_attrs}
        for entry in every:
            if entry.state != TrialState.RUNNING or self._alive(entry):
                continue
            number, deaths = entry.user_attrs[NUMBER], entry.user_attrs.get(DEATHS, 0) + 1
            if entry.number in again:  # whoever entered it again was killed before the next line
                self.study.tell(entry.number, state=TrialState.FAIL)
            elif deaths >= MOST_DEATHS:
                log.warning("trial %d is failed: %s", number, DIED)
                self.study.tell(entry.number, state=TrialState.FAIL)
            else:
                log.warning("trial %d lost its process and is run again", number)
                self._again(entry, deaths)

    def _again(self, entry: FrozenTrial, deaths: int) -> None:
        attributes = {NUMBER: entry.user_attrs[NUMBER], LOST: entry.number, DEATHS: deaths}
        self._enter(entry.params, attributes, entry.intermediate_values)
        self.study.tell(entry.number, state=TrialState.FAIL)

    def _enter(self, point: Point, attributes: dict[str, int], reported: dict[int, float] | None = None) -> None:
        distributions = {p.name: p.distribution for p in self.space.parameters if p.name in point}
        self.study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=point,
                distributions=distributions,
                user_attrs=attributes,
                intermediate_values=reported,
            )
        )


def reason(entry: FrozenTrial) -> str:
    """Why a trial failed."""
    return str(entry.user_attrs.get(REASON, DIED))
