"""Morgan fingerprints of many molecules, made once and kept for whoever asks next.

Shape letters: M molecules, U different ones, B bits, W = B / 8 bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from drugml.data.chunks import cores, mapped
from drugml.data.molecule import read_again

RADIUS, BITS = 2, 2048
CHUNK = 1_000
"""Molecules that are held as RDKit objects at a time: each takes about 10 kB."""
WORTH_A_POOL = 20_000
"""Molecules for which starting processes pays."""
KEPT = 50_000
"""Molecules whose fingerprints are kept, 20 MB: leaks, data card and report of a run ask for the same ones in turn."""

Indices = NDArray[np.int64]


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
        smiles: what has been read as molecules before, SMILES or InChI.
    """
    if len(smiles) > KEPT:
        return Fingerprints(_packed(smiles))
    new = [*dict.fromkeys(s for s in smiles if s not in _kept)]
    if len(_kept) + len(new) > KEPT:
        _kept.clear()
        new = [*dict.fromkeys(smiles)]
    keep(new, _packed(new))
    rows = [_kept[s] for s in smiles]
    return Fingerprints(np.array(rows, np.uint8).reshape(-1, BITS // 8))


def keep(smiles: Sequence[str], packed: NDArray[np.uint8]) -> None:
    """Remember fingerprints (M, W), so that `fingerprints` need not make them again, if there are not too many."""
    if len(smiles) <= KEPT:
        if len(_kept) + len(smiles) > KEPT:
            _kept.clear()
        _kept.update(zip(smiles, packed, strict=True))


def packed_prints(mols: Sequence[Chem.Mol]) -> NDArray[np.uint8]:
    """Fingerprints of molecules as they stand in the table, (M, W)."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    texts = [DataStructs.BitVectToBinaryText(v) for v in generator.GetFingerprints(mols)]
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, BITS // 8)


def _packed(smiles: Sequence[str]) -> NDArray[np.uint8]:
    packed = np.zeros((len(smiles), BITS // 8), np.uint8)
    chunks = (smiles[i : i + CHUNK] for i in range(0, len(smiles), CHUNK))
    for n, part in enumerate(mapped(_pack, chunks, cores() if len(smiles) >= WORTH_A_POOL else 1)):
        packed[n * CHUNK : n * CHUNK + len(part)] = part
    return packed


def _pack(smiles: Sequence[str]) -> NDArray[np.uint8]:
    return packed_prints(read_again(smiles))
