"""Morgan count fingerprints through RDKit's generator."""

from collections.abc import Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.featurizers import MorganSpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import rows


@FEATURIZERS.register(MorganSpec)
class Morgan:
    """Folded counts of circular environments (Rogers & Hahn 2010, doi:10.1021/ci100050t).

    Molecule field `fingerprint` (M, bits), uint8: counts above 255 are written as 255.
    """

    def __init__(self, *, radius: int, bits: int, chirality: bool) -> None:
        self._options: dict[str, Any] = {"radius": radius, "fpSize": bits, "includeChirality": chirality}

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.morgan.counts", **self._options}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        generator = rdFingerprintGenerator.GetMorganGenerator(**self._options)  # cannot be pickled: made here
        return rows(mols, self._options["fpSize"], generator.GetCountFingerprintAsNumPy)
