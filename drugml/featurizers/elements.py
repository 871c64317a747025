"""Elements that a graph featurizer does not tell from one another: its vocabulary ends, and what is left is "other".

Shape letters: M molecules.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import GetPeriodicTable

from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import Featurizer
from drugml.featurizers.vocabulary import Vocabulary


class Elements:
    """Which elements a featurizer knows."""

    def __init__(self, featurizer: Featurizer) -> None:
        vocabulary = getattr(featurizer, "atoms", None)  # fingerprints have none, and hash whatever there is
        features = vocabulary.features if isinstance(vocabulary, Vocabulary) else ()
        ends = [(i, f) for i, f in enumerate(features) if f.name == "atomic_number" and f.other != "last"]
        self._column = ends[0][0] if ends else None
        self.known: tuple[int, ...] = ends[0][1].choices if ends else ()

    def strange(self, store: PackedStore) -> NDArray[np.bool_]:
        """(M,) whether a molecule has an atom of another element."""
        if self._column is None:
            return np.zeros(len(store), bool)
        other = np.asarray(store.atom["codes"])[:, self._column] == len(self.known)
        owner = np.repeat(np.arange(len(store)), np.diff(store.atom_start))
        return np.bincount(owner[other], minlength=len(store)) > 0

    @property
    def said(self) -> str:
        """Those that are known, for people: H-Kr, I."""
        if not self.known:
            return ""
        symbol = GetPeriodicTable().GetElementSymbol
        breaks = [0, *(i for i, (a, b) in enumerate(pairwise(self.known), 1) if b != a + 1), len(self.known)]
        runs = [self.known[a:b] for a, b in pairwise(breaks)]
        return ", ".join(symbol(r[0]) if len(r) == 1 else f"{symbol(r[0])}-{symbol(r[-1])}" for r in runs)
