"""The featurizer and the descriptors of the sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import DESCRIPTORS, FEATURIZERS
from drugml.featurizers.rows import rows
from drugml_sample.descriptor_specs import LengthsSpec
from drugml_sample.feature_specs import ElementsSpec


@FEATURIZERS.register(ElementsSpec)
class Elements:
    """Column i counts the atoms of number i + 1."""

    def __init__(self, *, largest: int) -> None:
        self.largest = largest

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "sample.elements", "largest": self.largest}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        return rows(mols, self.largest, self._counts)

    def _counts(self, mol: Chem.Mol) -> np.ndarray:
        numbers = [a.GetAtomicNum() - 1 for a in mol.GetAtoms() if 0 < a.GetAtomicNum() <= self.largest]
        return np.bincount(numbers, minlength=self.largest)


@DESCRIPTORS.register(LengthsSpec)
class Lengths:
    """Two columns."""

    names = ("atoms", "bonds")

    def describe(self) -> dict[str, Any]:
        return {"kind": "descriptors", "of": "sample.lengths"}

    def compute(self, mols: Sequence[Chem.Mol]) -> np.ndarray:
        return np.array([[m.GetNumAtoms(), m.GetNumBonds()] for m in mols], np.float64).reshape(len(mols), 2)
