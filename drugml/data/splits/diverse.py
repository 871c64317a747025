"""By diversity: interpolation, where test molecules lie between training molecules, and extrapolation.

Shape letters: M molecules, U different molecules.
"""

from abc import ABC, abstractmethod

import numpy as np

from drugml.config.splits import KennardStoneSplit, MaxMinSplit, PerimeterSplit, Sizes
from drugml.data.prints import Fingerprints, fingerprints
from drugml.data.splits.draw import draw, wanted
from drugml.data.splits.fingerprints import MOST, Tanimoto, check_number, distinct
from drugml.data.splits.pairs import farthest_pair, farthest_pairs
from drugml.data.splits.plan import SPLITTERS, Folds, Indices, Molecules, refuse_folds


class Diverse(ABC):
    """A splitter that chooses the training molecules; the rest is divided by the seed.

    Were the rest cut in the same order, validation and test would differ in kind, and what is best in one would
    not be in the other.
    """

    kind: str
    why: str
    """Why there is no cross-validation."""

    def __init__(self, *, sizes: Sizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed

    @abstractmethod
    def train(self, prints: Fingerprints, weights: Indices, enough: int) -> Indices:
        """Positions of training molecules (of U) that stand for `enough` rows; `weights` (U,) are rows of each."""

    def __call__(self, molecules: Molecules) -> Folds:
        smiles, member = distinct(molecules)
        check_number(self.kind, len(smiles), MOST, "data.split=random or data.split=cluster")
        fold = np.zeros(len(member), np.int8)
        if len(smiles) < 3:
            return fold  # too few to divide, which the caller explains
        chosen = np.zeros(len(smiles), bool)
        enough = wanted(len(member), self.sizes)[0]
        chosen[self.train(fingerprints(smiles), np.bincount(member), enough)] = True
        rest = np.flatnonzero(~chosen[member])
        _, groups = np.unique(member[rest], return_inverse=True)
        _, val, test = self.sizes
        fold[rest] = 1 + draw(groups.astype(np.int64), (val / (val + test), test / (val + test), 0.0), self.seed)
        return fold

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        refuse_folds(self.kind, self.why)


@SPLITTERS.register(KennardStoneSplit)
class KennardStone(Diverse):
    """Kennard & Stone (1969) with Tanimoto distances: begins with the two most different molecules."""

    kind = "kennard_stone"
    why = (
        "it chooses one training set, the most diverse one, and what is left over cannot take its place; use "
        "data.split=cluster or data.split=random"
    )

    def train(self, prints: Fingerprints, weights: Indices, enough: int) -> Indices:
        return spread(prints, list(farthest_pair(prints)), weights, enough)


@SPLITTERS.register(MaxMinSplit)
class MaxMin(Diverse):
    """MaxMin (Ashton 2002): begins with a molecule that the seed draws."""

    kind = "max_min"
    why = KennardStone.why

    def train(self, prints: Fingerprints, weights: Indices, enough: int) -> Indices:
        first = int(np.random.default_rng(self.seed).integers(len(prints)))
        return spread(prints, [first], weights, enough)


def spread(prints: Fingerprints, first: list[int], weights: Indices, enough: int) -> Indices:
    """Again and again the molecule least similar to its most similar chosen one, until `enough` rows are chosen.

    Ties go to the first. At least two molecules are left. Returns positions in the order of choice.
    """
    pool = np.arange(len(prints))  # molecules in `tanimoto`; those that were chosen are taken out now and then
    tanimoto = Tanimoto(prints)
    like = np.full(len(pool), -1.0)  # similarity to the most similar chosen one, 2 for the chosen ones
    at = {int(p): i for i, p in enumerate(pool)}
    chosen: list[int] = []
    rows = 0
    while rows < enough and len(chosen) < len(prints) - 2:
        pick = first[len(chosen)] if len(chosen) < len(first) else int(pool[like.argmin()])
        chosen.append(pick)
        rows += int(weights[pick])
        np.maximum(like, tanimoto(prints.on(pick)), out=like)
        like[at[pick]] = 2.0
        if (gone := like == 2.0).sum() > len(pool) / 5 and len(pool) > 1000:
            pool, like = pool[~gone], like[~gone]
            tanimoto = Tanimoto(prints[pool])
            at = {int(p): i for i, p in enumerate(pool)}
    return np.array(chosen, np.int64)


@SPLITTERS.register(PerimeterSplit)
class Perimeter(Diverse):
    """Pairs of molecules at the rim: the most different pair that is left, until validation and test are full."""

    kind = "perimeter"
    why = "it sets aside one rim of the data, and what lies inside cannot take its place; use data.split=cluster"

    def train(self, prints: Fingerprints, weights: Indices, enough: int) -> Indices:
        enough = int(weights.sum()) - enough
        inside = np.ones(len(prints), bool)
        rows = 0
        for a, b in farthest_pairs(prints):
            inside[[a, b]] = False
            rows += int(weights[a] + weights[b])
            if rows >= enough or inside.sum() <= 2:
                break
        return np.flatnonzero(inside)
