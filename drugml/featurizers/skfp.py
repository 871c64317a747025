"""Fingerprints of scikit-fingerprints, which need a package of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from drugml.config.featurizers import FIXED, FOLDED, SkfpSpec
from drugml.data.store import PackedStore
from drugml.errors import UserError
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import canonical, store_of

CLASSES = {
    "secfp": "SECFPFingerprint",
    "mhfp": "MHFPFingerprint",
    "map": "MAPFingerprint",
    "lingo": "LingoFingerprint",
    "layered": "LayeredFingerprint",
    "physicochemical": "PhysiochemicalPropertiesFingerprint",
    "klekota_roth": "KlekotaRothFingerprint",
    "laggner": "LaggnerFingerprint",
    "pubchem": "PubChemFingerprint",
    "ghose_crippen": "GhoseCrippenFingerprint",
    "functional_groups": "FunctionalGroupsFingerprint",
    "mqn": "MQNsFingerprint",
}
COUNTED = ("lingo", "physicochemical", "klekota_roth", "laggner", "ghose_crippen", "functional_groups")
"""Of these the counts are taken instead of the bits; `mqn` is counts anyway, counts of `pubchem` are another list."""


@FEATURIZERS.register(SkfpSpec)
class Skfp:
    """Molecule field `fingerprint` (M, width), uint8: counts above 255 are written as 255.

    MAP depends on the order of atoms (bits of 119 in 128 drugs changed with it); its molecules are read in canonical
    order.

    Raises:
        UserError: if the package is not installed.
    """

    def __init__(self, *, fingerprint: str, bits: int | None) -> None:
        options: dict[str, Any] = {"count": True} if fingerprint in COUNTED else {}
        if fingerprint not in FIXED:
            options["fp_size"] = bits or FOLDED
        self._name, self._options = fingerprint, options
        self._transformer = _class(CLASSES[fingerprint])(**options)

    def describe(self) -> dict[str, Any]:
        ordered = {"order": "canonical"} if self._name == "map" else {}
        return {"kind": "fingerprint", "generator": f"skfp.{self._name}", **self._options, **ordered}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        if self._name == "map":
            mols = [canonical(mol) for mol in mols]
        return store_of(self._transformer.transform(mols).clip(max=255).astype(np.uint8))


def _class(name: str) -> Any:
    try:
        from skfp import fingerprints
    except ImportError:
        raise UserError(
            "featurizer 'skfp': the package scikit-fingerprints is not installed; pip install 'drugml[skfp]'"
        ) from None
    return getattr(fingerprints, name)
