"""Worker processes: order, bounded memory, and what a molecule costs that raises, kills or hangs."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drugml.data.crew import AHEAD, Crew, run_here
from drugml.data.isolate import settle
from drugml.data.status import Reject
from drugml.errors import UserError
from tests.crew_work import REJECTS, Answer, ending, make, raising, work

GOOD = st.sampled_from(["C", "CC", "CCO", "c1ccccc1"])
BAD = st.sampled_from(["exit", "segfault", "kill", "raise"])
MODULES = ["drugml.prediction.work", "tests.crew_work"]


def join(single: Sequence[Answer], known: dict[int, Reject]) -> Answer:
    rest = iter(single)
    return [known.get(i) or next(rest)[0] for i in range(len(single) + len(known))]


def expected(items: Sequence[str]) -> Answer:
    return [REJECTS.get(i) or i.upper() for i in items]


@pytest.fixture(scope="module", params=[1, 2])
def crew(request: pytest.FixtureRequest) -> Iterator[Crew]:
    with Crew(make, request.param, MODULES) as started:
        yield started


def cases(chunks: Sequence[Sequence[str]], seconds: float = 60) -> Iterator:
    return (settle(list(c), seconds, join) for c in chunks)


@given(st.lists(st.lists(st.one_of(GOOD, GOOD, GOOD, BAD), max_size=6), max_size=6))
@settings(max_examples=10)
def test_each_item_has_its_answer_whatever_the_others_do(crew: Crew, chunks: list[list[str]]) -> None:
    assert [*crew.run(cases(chunks))] == [expected(c) for c in chunks]


def test_in_this_process_exceptions_are_isolated_alike() -> None:
    chunks = [["C", "raise", "CC"], ["raise"], [], ["C"]]
    assert [*run_here(work, cases(chunks))] == [expected(c) for c in chunks]


def test_a_fault_from_outside_costs_nothing(crew: Crew, tmp_path: Path) -> None:
    for what in ("raise", "segfault"):
        item = f"{what}:{tmp_path / what}"
        assert [*crew.run(cases([["C", item, "CC"]]))] == [["C", item.upper(), "CC"]]


def test_a_molecule_that_hangs_costs_itself(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drugml.data.isolate.WHOLE", 1)
    assert [*crew.run(cases([["C", "hang", "CC"], ["C"]], 0.5))] == [expected(["C", "hang", "CC"]), ["C"]]


def test_items_that_fail_only_together_are_answered_one_by_one(crew: Crew) -> None:
    assert [*crew.run(cases([["C", "together", "raise"]]))] == [["C", "TOGETHER", REJECTS["raise"]]]


def test_when_everything_fails_the_work_stops(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drugml.data.isolate.IN_A_ROW", 5)
    assert [*crew.run(cases([["segfault"] * 4 + ["C"]]))] == [expected(["segfault"] * 4 + ["C"])]
    text = "molecules fail one after the other, so that it cannot be due to them: its process was ended by SIGSEGV. "
    with pytest.raises(UserError, match=f"^{text}Is there too little memory\\?$"):
        list(crew.run(cases([["segfault"] * 8])))
    with pytest.raises(RuntimeError, match=r"cannot be due to them: ValueError: no luck$"):
        list(run_here(work, cases([["raise"] * 8])))


def test_few_cases_are_begun_ahead_of_the_answers() -> None:
    begun = 0

    def counted() -> Iterator:
        nonlocal begun
        for _ in range(40):
            begun += 1
            yield settle(["C"], 60, join)

    others = set(multiprocessing.active_children())
    with Crew(make, 2, MODULES) as crew:
        for used, _ in enumerate(crew.run(counted()), 1):
            time.sleep(0.01)  # a reader slower than the workers
            assert begun - used <= AHEAD * 2 + 1
    assert begun == used == 40
    assert set(multiprocessing.active_children()) == others


def test_processes_that_cannot_start_are_no_endless_loop() -> None:
    text = r"worker processes end as they start \(its process ended with exit code 7\); is there memory for 2 of them\?"
    with Crew(ending, 2, MODULES) as crew, pytest.raises(UserError, match=f"{text} Try fewer"):
        list(crew.run(cases([["C"]])))
    text = "a worker process could not start: FileNotFoundError: the bundle"
    with Crew(raising, 1, MODULES) as crew, pytest.raises(RuntimeError, match=text):
        list(crew.run(cases([["C"]])))


def test_what_is_imported_ahead_is_found_where_this_process_finds_it(tmp_path: Path) -> None:
    """In Python's search path as it is now, not as it was when Python started."""
    (tmp_path / "elsewhere.py").write_text("import pathlib; pathlib.Path(__file__).with_name('imported').touch()")
    program = (
        "import os, sys, time\nfrom drugml.data.worker import warm_up\nsys.path.insert(0, sys.argv[1])\n"
        "before = dict(os.environ)\nwarm_up(['elsewhere'])\nassert dict(os.environ) == before\n"
        "while not os.path.exists(sys.argv[1] + '/imported'): time.sleep(0.01)\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True, timeout=60)
