"""Fingerprints in bulk, and Tanimoto similarities of many of them.

Shape letters: U different molecules, Q queries, B bits, W = B / 8 bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.rdBase import BlockLogs

from drugml.data.chunks import cores, mapped
from drugml.data.splits.plan import Indices, Molecules
from drugml.errors import UserError

RADIUS, BITS = 2, 2048
CHUNK = 1_000
"""Molecules that are held as RDKit objects at a time: each takes about 10 kB."""
WORTH_A_POOL = 20_000
"""Molecules for which starting processes pays."""
KEPT = 50_000
"""Molecules whose fingerprints are kept, 16 MB: leaks, data card and report of a run ask for the same ones in turn."""
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


@dataclass(frozen=True)
class Fingerprints:
    """Morgan fingerprints of U molecules, eight bits to a byte, the first bit lowest."""

    packed: NDArray[np.uint8]
    """(U, W)"""

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, at: slice | Indices) -> "Fingerprints":
        return Fingerprints(self.packed[at])

    def on(self, at: int) -> Indices:
        """Bits that are set in one fingerprint."""
        return np.flatnonzero(np.unpackbits(self.packed[at], bitorder="little"))


_kept: dict[str, NDArray[np.uint8]] = {}


def fingerprints(smiles: Sequence[str]) -> Fingerprints:
    """Morgan fingerprints of radius 2, 2048 bits (Rogers & Hahn 2010, doi:10.1021/ci100050t), on all cores.

    Args:
        smiles: what has been read as molecules before.
    """
    if len(smiles) > KEPT:
        return Fingerprints(_packed(smiles))
    new = [*dict.fromkeys(s for s in smiles if s not in _kept)]
    if len(_kept) + len(new) > KEPT:
        _kept.clear()
        new = [*dict.fromkeys(smiles)]
    _kept.update(zip(new, _packed(new), strict=True))
    rows = [_kept[s] for s in smiles]
    return Fingerprints(np.array(rows, np.uint8).reshape(-1, BITS // 8))


def _packed(smiles: Sequence[str]) -> NDArray[np.uint8]:
    packed = np.zeros((len(smiles), BITS // 8), np.uint8)
    chunks = (smiles[i : i + CHUNK] for i in range(0, len(smiles), CHUNK))
    for n, part in enumerate(mapped(_pack, chunks, cores() if len(smiles) >= WORTH_A_POOL else 1)):
        packed[n * CHUNK : n * CHUNK + len(part)] = part
    return packed


def _pack(smiles: Sequence[str]) -> NDArray[np.uint8]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    with BlockLogs():
        mols = [Chem.MolFromSmiles(s.strip()) for s in smiles]
    texts = [DataStructs.BitVectToBinaryText(v) for v in generator.GetFingerprints(mols)]
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, BITS // 8)


class Tanimoto:
    """Similarity of any query to all of `targets`, by adding the rows of the query's bits.

    On sparse fingerprints this takes a tenth of the time of counting the common bits pair by pair.
    """

    def __init__(self, targets: Fingerprints) -> None:
        bits = np.unpackbits(targets.packed, axis=1, bitorder="little")
        counts = bits.sum(1, dtype=np.int32)
        # common bits are counted in one byte where no fingerprint has more than fit
        self._type = np.uint8 if counts.max(initial=0) < 256 else np.uint16
        self._counts = np.maximum(counts, 1)  # an empty fingerprint has no bit in common, whatever it is divided by
        self._rows = np.ascontiguousarray(bits.T)

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
