"""Claims of a study: who runs which trial, whoever dies, and the points that are proposed."""

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from drugml.runs.tune.claims import DIED, Claims, reason
from drugml.runs.tune.propose import proposed
from drugml.runs.tune.storage import kept
from tests.test_search_config import HEAD, space_of


class Worker:
    """A process of a study, as its storage and locks see it."""

    def __init__(self, folder: Path, storage: str, trials: int = 4, sampler: str = "random") -> None:
        text = f"{HEAD}  model: [knn, forest]\n  model.k: [1, 2]\n  model.trees: [1, 2]\nsampler: {sampler}"
        space, spec = space_of(folder, text)
        self._alive = ExitStack()
        place = self._alive.enter_context(kept(storage, "s"))
        self.study = optuna.create_study(storage=place.storage, study_name="s", load_if_exists=True)
        self.claims = Claims(self.study, place.locks, space, spec, trials)

    def die(self) -> None:
        """End as SIGKILL does for the others: the locks are gone, nothing else is done."""
        self._alive.close()

    def finish(self) -> list[int]:
        """Work until nothing is left; the trials that it ran."""
        ran = []
        while (claim := self.claims.claim()) is not None:
            assert self.claims.end(claim, TrialState.COMPLETE, 1.0, "")
            ran.append(claim.number)
        return ran


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"{tmp_path}/s.journal"


@pytest.mark.parametrize("name", ["{}/s.journal", "sqlite:///{}/s.db"])
def test_a_trial_whose_process_died_is_run_again_once_and_by_one(tmp_path: Path, name: str) -> None:
    storage = name.format(tmp_path)
    dead, first, second = (Worker(tmp_path, storage) for _ in range(3))
    lost = dead.claims.claim()
    assert lost is not None
    assert first.claims.others() == [1]
    other = first.claims.claim()
    assert other is not None
    assert other.number == 2
    dead.die()
    again = second.claims.claim()
    assert again is not None
    assert (again.number, again.point) == (1, lost.point)
    assert not dead.claims.end(lost, TrialState.COMPLETE, 1.0, "")  # it was not dead after all: its result is left out
    assert first.claims.end(other, TrialState.COMPLETE, 1.0, "")
    assert second.claims.end(again, TrialState.COMPLETE, 1.0, "")
    assert first.finish() == [3, 4]
    assert second.finish() == []
    assert [t.user_attrs["number"] for t in first.claims.entries()] == [1, 2, 3, 4]
    assert len({json.dumps(t.params) for t in first.claims.entries()}) == 4


def test_a_trial_that_kills_two_processes_is_failed(tmp_path: Path, storage: str) -> None:
    for _ in range(2):
        worker = Worker(tmp_path, storage, trials=2)
        claim = worker.claims.claim()
        assert claim is not None
        assert claim.number == 1
        worker.die()
    last = Worker(tmp_path, storage, trials=2)
    assert last.finish() == [2]
    first, second = last.claims.entries()
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert reason(first) == DIED


def test_a_process_killed_while_it_enters_a_trial_again_does_not_double_it(
    tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, helper = Worker(tmp_path, storage), Worker(tmp_path, storage)
    dead.claims.claim()
    dead.die()
    with monkeypatch.context() as patched:
        patched.setattr(helper.study, "tell", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            helper.claims.claim()
    helper.die()
    last = Worker(tmp_path, storage)
    assert sorted(last.finish()) == [1, 2, 3, 4]
    assert Counter(t.state for t in last.study.trials) == {TrialState.COMPLETE: 4, TrialState.FAIL: 1}


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_points_are_proposed_once_each(tmp_path: Path, sampler: str) -> None:
    worker = Worker(tmp_path, f"{tmp_path}/s.journal", trials=9, sampler=sampler)
    assert worker.claims.asked == 4  # the space has no more
    assert worker.finish() == [1, 2, 3, 4]
    assert len({json.dumps(t.params) for t in worker.claims.entries()}) == 4


def test_proposals_depend_on_seed_and_number_only(tmp_path: Path) -> None:
    space, spec = space_of(tmp_path, HEAD + "  train.lr: {low: 1e-4, high: 1e-2, log: true}")
    one, same, other = (proposed(space, spec, [], n, "minimize") for n in (1, 1, 2))
    assert one == same != other
    seeded = spec.model_copy(update={"seed": 1})
    assert proposed(space, seeded, [], 1, "minimize") != one
