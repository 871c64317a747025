"""Fingerprints that RDKit makes without a generator: MACCS keys, its pattern fingerprint, and Avalon's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Avalon import pyAvalonTools
from rdkit.Chem import rdMolDescriptors
from rdkit.DataStructs import ConvertToNumpyArray

from drugml.config.featurizers import AvalonSpec, MaccsSpec, NoFingerprintSpec, PatternSpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import rows, store_of

(KEYS,) = MaccsSpec().widths


@FEATURIZERS.register(MaccsSpec)
class Maccs:
    """Column i is key i + 1. RDKit never sets key 1 (isotope) and 44 (other): it has no definition of them."""

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.maccs"}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        # of its 167 bits the first stands for nothing
        return rows(mols, KEYS, lambda mol: _array(rdMolDescriptors.GetMACCSKeysFingerprint(mol), KEYS + 1)[1:])


@FEATURIZERS.register(PatternSpec)
class Pattern:
    """Made to rule out substructures, not to compare molecules."""

    def __init__(self, *, bits: int) -> None:
        self._bits = bits

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.pattern", "fpSize": self._bits}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        return rows(mols, self._bits, lambda mol: _array(Chem.PatternFingerprint(mol, fpSize=self._bits), self._bits))


@FEATURIZERS.register(AvalonSpec)
class Avalon:
    """Folded counts of atoms, augmented atoms, paths, pairs and rings. Methane and ethane have zeros.

    It takes about a millisecond for a drug and grows with the cube of the atoms: a peptide of 1,300 takes ten seconds.
    """

    def __init__(self, *, bits: int) -> None:
        self._bits = bits

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.avalon.counts", "nBits": self._bits}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        return rows(mols, self._bits, lambda mol: _array(pyAvalonTools.GetAvalonCountFP(mol, self._bits), self._bits))


def _array(vector: Any, width: int) -> NDArray[np.int64]:
    out = np.zeros(width, np.int64)
    ConvertToNumpyArray(vector, out)
    return out


@FEATURIZERS.register(NoFingerprintSpec)
class NoFingerprint:
    """A fingerprint of no columns."""

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "none", "widths": []}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        return store_of(np.zeros((len(mols), 0), np.uint8))
