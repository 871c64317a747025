"""What every featurizer promises."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from drugml.config.base import Spec
from drugml.data.store import PackedStore
from drugml.registry import Registry


class Unfit(Exception):
    """Why a good molecule has no features, a sentence for the user."""


PACKAGES = {"mordred": "mordredcommunity", "skfp": "scikit-fingerprints"}
"""Featurizers and descriptors that another package computes, whose version belongs to what they are."""


class Featurizer(Protocol):
    """A pure function of molecules, cheap to build in every process and free of state."""

    def describe(self) -> dict[str, Any]:
        """All that the meaning of the numbers depends on, as JSON; kept with every model and cache.

        Where several fingerprints lie side by side, `widths` are their lengths.
        """
        ...

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        """Featurize molecules of at least one atom each, in order.

        Raises:
            Unfit: if one of them cannot be.
        """
        ...


class Descriptors(Protocol):
    """Real numbers per molecule; as pure and cheap to build as a featurizer."""

    names: Sequence[str]
    """Of the columns."""

    def describe(self) -> dict[str, Any]:
        """As of a featurizer."""
        ...

    def compute(self, mols: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        """(M, D) of M molecules; NaN where a descriptor is undefined."""
        ...


DESCRIPTORS: Registry[Descriptors] = Registry("descriptors")


class WithDescriptors:
    """A featurizer whose store also has the molecule field `descriptors` (M, D), float32, NaN where undefined.

    Some are undefined for molecules that RDKit otherwise reads, charges of a metal for example; a molecule for which
    most are is not one that a model could judge.
    """

    def __init__(self, featurizer: Featurizer, parts: Sequence[Descriptors]) -> None:
        self._featurizer, self._parts = featurizer, parts
        self.atoms = getattr(featurizer, "atoms", None)

    def describe(self) -> dict[str, Any]:
        return {**self._featurizer.describe(), "descriptors": [part.describe() for part in self._parts]}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        """Raises:
        Unfit: names a molecule of which more than half of the descriptors are undefined.
        """
        store = self._featurizer.pack(mols)
        values = np.concatenate([part.compute(mols) for part in self._parts], axis=1)
        undefined = np.isnan(values)
        if (worst := np.flatnonzero(2 * undefined.sum(axis=1) > values.shape[1])).size:
            names = [name for part in self._parts for name in part.names]
            row = undefined[worst[0]]
            raise Unfit(
                f"{row.sum()} of {len(row)} descriptors of {Chem.MolToSmiles(mols[worst[0]])} are undefined, such as "
                f"{names[int(row.argmax())]}"
            )
        return replace(store, molecule={**store.molecule, "descriptors": values.clip(-LARGEST, LARGEST).astype("f4")})


LARGEST = 1e37
"""Of a descriptor: RDKit's Ipc grows beyond what 32 bits hold, and so would differences of what they just hold."""


class Featurizers(Registry[Featurizer]):
    """The featurizers, each with whatever descriptors its spec asks for."""

    def build(self, spec: Spec, *args: object) -> Featurizer:
        options = spec.kwargs()
        parts = [DESCRIPTORS.build(part) for part in options.pop("descriptors")]
        del options["descriptor_scale"]  # what networks make of them, not what they are
        made = self[type(spec)](**options)
        return WithDescriptors(made, parts) if parts else made


FEATURIZERS = Featurizers("featurizer")


def digest(description: dict[str, Any]) -> str:
    """SHA-256 of what a featurizer says of itself."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
