"""Any fingerprints side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from drugml.config.featurizers import FingerprintSpec, FingerprintsSpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import store_of


@FEATURIZERS.register(FingerprintsSpec)
class Fingerprints:
    """Molecule field `fingerprint` (M, sum of `widths`), uint8: the fields of the parts, in order."""

    def __init__(self, *, parts: Sequence[FingerprintSpec]) -> None:
        self._parts = [FEATURIZERS.build(part) for part in parts]
        self._widths = [width for part in parts for width in part.widths]

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "fingerprint",
            "generator": "drugml.side_by_side",
            "parts": [part.describe() for part in self._parts],
            "widths": self._widths,
        }

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        return store_of(np.concatenate([part.pack(mols).molecule["fingerprint"] for part in self._parts], axis=1))
