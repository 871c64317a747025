"""Chunks worked through by several processes: in order, and taken only as they are needed."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from drugml.data.chunks import AHEAD, mapped


def total(chunk: Sequence[int]) -> int:
    if 13 in chunk:
        raise ValueError("thirteen")
    return sum(chunk)


def noted(chunk: Sequence[Path]) -> int:
    chunk[0].touch()
    return int(chunk[0].name)


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_chunks_are_taken_as_needed(workers: int) -> None:
    taken = []

    def chunks() -> Iterator[list[int]]:
        for n in range(100, 150):
            taken.append(n)
            yield [n, n]

    results = mapped(total, chunks(), workers)
    assert next(results) == 200
    assert len(taken) <= AHEAD * workers + 1  # to know whether there are more
    assert list(results) == [2 * n for n in range(101, 150)]
    assert taken == list(range(100, 150))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_worker_is_that_of_its_chunk(workers: int) -> None:
    results = mapped(total, ([n] for n in range(10, 20)), workers)
    assert [next(results) for _ in range(3)] == [10, 11, 12]
    with pytest.raises(ValueError, match="thirteen"):
        next(results)


def test_several_workers_begin_before_anybody_asks(tmp_path: Path) -> None:
    results = mapped(noted, ([tmp_path / f"{n}"] for n in range(3)), 2)
    until(lambda: len(list(tmp_path.iterdir())) == 3)
    assert list(results) == [0, 1, 2]


@pytest.mark.parametrize("chunks", [3, AHEAD * 2])
def test_workers_end_when_there_is_no_more_to_do_though_nobody_asks(tmp_path: Path, chunks: int) -> None:
    results = mapped(noted, ([tmp_path / f"{n}"] for n in range(chunks)), 2)
    until(lambda: len(list(tmp_path.iterdir())) == chunks and multiprocessing.active_children() == [])
    assert list(results) == list(range(chunks))


def test_workers_end_where_nobody_ever_asks(tmp_path: Path) -> None:
    results = mapped(noted, ([tmp_path / f"{n}"] for n in range(100)), 2)
    until((tmp_path / "0").exists)
    del results
    until(lambda: multiprocessing.active_children() == [])
    assert len(list(tmp_path.iterdir())) <= AHEAD * 2


def test_workers_end_with_whoever_has_seen_enough() -> None:
    results = mapped(total, ([n] for n in range(100, 200)), 2)
    assert next(results) == 100
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []
