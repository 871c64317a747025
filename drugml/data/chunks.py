"""A list worked through in chunks, in order, by one process or several."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Chunks per worker that are begun before the first of them is waited for; more would only fill the memory."""


def mapped(job: Callable[[Sequence[T]], R], chunks: Iterable[Sequence[T]], workers: int) -> Iterator[R]:
    """Results in the order of the chunks; with several workers, chunks and results must be picklable.

    Chunks are taken as they are needed, so that they may come from a file of any size. Several workers begin with the
    first of them at once, while the caller does other things until it asks for results.
    """
    if workers <= 1:
        return map(job, chunks)
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))  # fork and threads do not mix
    rest = iter(chunks)
    begun = deque(pool.submit(job, chunk) for chunk in islice(rest, AHEAD * workers))
    return _results(pool, job, begun, rest)


def _results(
    pool: ProcessPoolExecutor, job: Callable[[Sequence[T]], R], begun: deque[Future[R]], rest: Iterator[Sequence[T]]
) -> Iterator[R]:
    with pool:
        try:
            while begun:
                yield begun.popleft().result()
                begun.extend(pool.submit(job, chunk) for chunk in islice(rest, 1))
        finally:  # whoever asked may have seen enough
            for future in begun:
                future.cancel()


def cores() -> int:
    """Cores that this process may use, as a container or scheduler set them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
