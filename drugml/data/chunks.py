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
    return _results(pool, job, begun, _following(pool, rest), rest)


def _results(
    pool: ProcessPoolExecutor,
    job: Callable[[Sequence[T]], R],
    begun: deque[Future[R]],
    following: Sequence[T] | None,
    rest: Iterator[Sequence[T]],
) -> Iterator[R]:
    with pool:
        try:
            while begun:
                yield begun.popleft().result()
                if following is not None:
                    begun.append(pool.submit(job, following))
                    following = _following(pool, rest)
        finally:  # whoever asked may have seen enough
            for future in begun:
                future.cancel()


def _following(pool: ProcessPoolExecutor, rest: Iterator[Sequence[T]]) -> Sequence[T] | None:
    """The next chunk; after the last one each process ends when it has no more to do, and not when all was asked for.

    A process takes some 90 MB, which the caller may need by then.
    """
    chunk = next(rest, None)
    if chunk is None:
        pool.shutdown(wait=False)
    return chunk


def cores() -> int:
    """Cores that this process may use, as a container or scheduler set them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
