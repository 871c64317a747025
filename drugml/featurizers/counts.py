"""Several count fingerprints side by side, through RDKit's generators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.featurizers import CountsSpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import label, store_of

KINDS = ("morgan", "atom_pair", "torsion")


@FEATURIZERS.register(CountsSpec)
class Counts:
    """Folded counts of circular environments (Rogers & Hahn 2010, doi:10.1021/ci100050t), atom pairs (Carhart et al.
    1985, doi:10.1021/ci00046a002) and topological torsions (Nilakantan et al. 1987, doi:10.1021/ci00054a008).

    Molecule field `fingerprint` (M, 3 × bits), uint8: counts above 255 are written as 255. A molecule without atom
    pairs or torsions has zeros there.
    """

    def __init__(self, *, radius: int, bits: int, chirality: bool) -> None:
        self._radius, self._bits, self._chirality = radius, bits, chirality

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "fingerprint",
            "generator": "rdkit.counts",
            "kinds": list(KINDS),
            "widths": [self._bits] * len(KINDS),
            "radius": self._radius,
            "chirality": self._chirality,
        }

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        shared: dict[str, Any] = {"fpSize": self._bits, "includeChirality": self._chirality}
        generators = (  # cannot be pickled: made here
            rdFingerprintGenerator.GetMorganGenerator(radius=self._radius, **shared),
            rdFingerprintGenerator.GetAtomPairGenerator(**shared),
            rdFingerprintGenerator.GetTopologicalTorsionGenerator(**shared),
        )
        if self._chirality:
            label(mols)
        out = np.empty((len(mols), len(KINDS), self._bits), np.uint8)
        for row, mol in zip(out, mols, strict=True):
            for part, generator in zip(row, generators, strict=True):
                part[:] = generator.GetCountFingerprintAsNumPy(mol).clip(max=255)
        return store_of(out.reshape(len(mols), -1))
