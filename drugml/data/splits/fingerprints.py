"""Tanimoto similarities of many fingerprints.

Shape letters: U different molecules, Q queries, B bits, W = B / 8 bytes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from drugml.data.chunks import cores
from drugml.data.prints import Fingerprints
from drugml.data.splits.plan import Indices, Molecules
from drugml.errors import UserError

BLOCK = 8_192
"""Molecules compared with at a time: their rows of bits stay in the processor's cache."""

THREADS = 4
"""More would wait for memory, and each takes some 30 MB of it."""

MOST = 150_000
"""Different molecules, beyond which comparing each with each would take more than minutes."""

Similarities = NDArray[np.float64]
T = TypeVar("T")


class Distinct(NamedTuple):
    """The different molecules of a table, by InChIKey, so that no order of rows matters."""

    smiles: list[str]
    """(U,), of several SMILES of one InChIKey the first in the alphabet."""
    member: Indices
    """(M,), position of each molecule in `smiles`."""


def distinct(molecules: Molecules) -> Distinct:
    """The different molecules, sorted by InChIKey."""
    keys, member = np.unique(molecules.inchikeys, return_inverse=True)
    smiles: list[str | None] = [None] * len(keys)
    for text, at in zip(molecules.smiles, member, strict=True):
        known = smiles[at]
        smiles[at] = text if known is None else min(known, text)
    return Distinct([s for s in smiles if s is not None], member.astype(np.int64))


class Tanimoto:
    """Similarity of any query to all of `targets`, by adding the rows of the query's bits.

    On sparse fingerprints this takes a tenth of the time of counting the common bits pair by pair.
    """

    def __init__(self, targets: Fingerprints) -> None:
        # turned before it is unpacked, so that all bits are there once
        rows = np.unpackbits(np.ascontiguousarray(targets.packed.T)[:, None], axis=1, bitorder="little")
        self._rows = rows.reshape(-1, len(targets))
        counts = self._rows.sum(0, dtype=np.int32)
        # common bits are counted in one byte where no fingerprint has more than fit
        self._type = np.uint8 if counts.max(initial=0) < 256 else np.uint16
        self._counts = np.maximum(counts, 1)  # an empty fingerprint has no bit in common, whatever it is divided by

    def __call__(self, on: Indices, after: int = -1) -> Similarities:
        """The similarities of the fingerprint in which the bits `on` are set to the targets behind `after`."""
        common = self._rows[:, after + 1 :][on].sum(0, dtype=self._type)
        similarities: Similarities = common / (self._counts[after + 1 :] + len(on) - common)
        return similarities


def nearest(queries: Fingerprints, targets: Fingerprints) -> Similarities:
    """Similarity of each query to the target most like it, (Q,); 0 where there are no targets."""
    best = np.zeros(len(queries))
    for block in _by_block(queries, targets, lambda s: float(s.max())):
        np.maximum(best, block, out=best)
    return best


def neighbours(prints: Fingerprints, distance: float) -> Indices:
    """Number of molecules within a Tanimoto distance of each, itself included, (U,)."""
    counts = np.zeros(len(prints), np.int64)
    for block in _by_block(prints, prints, lambda s: int(np.count_nonzero(1 - s <= distance))):
        counts += block
    return counts


def _by_block(queries: Fingerprints, targets: Fingerprints, look: Callable[[Similarities], T]) -> Iterator[list[T]]:
    """Block by block of the targets, what `look` sees in the similarities of each query to that block.

    In threads: NumPy computes without Python's lock.
    """
    on = [queries.on(i) for i in range(len(queries))]

    def job(start: int) -> list[T]:
        tanimoto = Tanimoto(targets[start : start + BLOCK])
        return [look(tanimoto(bits)) for bits in on]

    with ThreadPoolExecutor(min(THREADS, cores())) as pool:
        yield from pool.map(job, range(0, len(targets), BLOCK))


def check_number(kind: str, found: int, most: int, instead: str) -> None:
    """Refuse what would take hours.

    Raises:
        UserError: if there are more than `most` different molecules.
    """
    if found > most:
        raise UserError(
            f"split {kind!r} compares every molecule with every other, which is done for up to {most:,} different "
            f"molecules; found {found:,}; use {instead}"
        )
