"""A list worked through in chunks, in order, by one process or several."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def mapped(job: Callable[[Sequence[T]], R], chunks: Sequence[Sequence[T]], workers: int) -> Iterator[R]:
    """Results in the order of the chunks; with several workers, chunks and results must be picklable."""
    if workers <= 1:
        yield from map(job, chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:  # fork and threads do not mix
        yield from pool.map(job, chunks)
