"""What every featurizer promises."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

from rdkit import Chem

from drugml.data.store import PackedStore
from drugml.registry import Registry


class Unfit(Exception):
    """Why a good molecule has no features, a sentence for the user."""


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


FEATURIZERS: Registry[Featurizer] = Registry("featurizer")


def digest(description: dict[str, Any]) -> str:
    """SHA-256 of what a featurizer says of itself."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
