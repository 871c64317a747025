"""A trained model with everything needed to use it: SMILES in, values out.

Shape letters: R rows, T targets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.data.elements import ELEMENTS, bits_of_symbols, symbols
from drugml.data.status import Reject, Status
from drugml.data.store import PackedStore
from drugml.featurizers import FEATURIZERS
from drugml.featurizers.elements import Elements
from drugml.featurizers.pack import Packed, pack
from drugml.prediction.ensemble import spread
from drugml.prediction.spec import BundleSpec
from drugml.prediction.trained import Trained

ON_CPU = 64
"""Rows per forward pass: what a layer makes of them fits into the cache of a core."""
ON_ACCELERATOR = 4096
"""The same where a launch costs more than the arithmetic."""


class Predictions(NamedTuple):
    """One row per SMILES, in order."""

    values: NDArray[np.float64]
    """(R, T), NaN where the row was rejected."""
    rejects: dict[int, Reject]
    """Row to reason."""
    spread: NDArray[np.float64] | None = None
    """(R, T) standard deviation between the members of an ensemble, in what was learned: of a log10 target in decades;
    None for a single model."""
    notes: dict[int, str] = {}
    """Row to what is to be known of its prediction."""

    @property
    def columns(self) -> NDArray[np.float64]:
        """(R, T) values, or (R, 2 T) values and spread."""
        return self.values if self.spread is None else np.hstack([self.values, self.spread])


class Predictor:
    """What `drugml predict` uses; safe to build in any process."""

    def __init__(self, spec: BundleSpec, trained: Trained) -> None:
        self.spec, self.trained = spec, trained
        self._elements = Elements(FEATURIZERS.build(spec.featurizer))
        self._unmet = ~bits_of_symbols(spec.elements) if spec.elements is not None else bits_of_symbols(())

    @property
    def batch(self) -> int:
        """Rows per forward pass."""
        return ON_CPU if self.trained.device.type == "cpu" else ON_ACCELERATOR

    def predict(self, smiles: Sequence[str], workers: int = 1) -> Predictions:
        """Predict; a bad SMILES gives NaN and a reason, never a number and never an exception."""
        return self.infer(prepare(smiles, self.spec, workers), len(smiles))

    def infer(self, packed: Packed, rows: int) -> Predictions:
        """Predict what was packed from a list of so many SMILES.

        The last digits of a network's output depend on what stands in the same batch. A batch is therefore made of the
        good rows among `batch` rows, counted from the first: a table cut into pieces of whole batches gives the
        same numbers as the whole.
        """
        values = np.full((rows, len(self.spec.targets)), np.nan)
        apart = values.copy() if self.spec.members else None
        if packed.store is None:
            return Predictions(values, packed.rejects, apart)
        good = np.array([i for i in range(rows) if i not in packed.rejects])
        sizes = np.bincount(good // self.batch)
        each = self.trained.each(packed.store, np.arange(len(packed.store)), sizes[sizes > 0].tolist())
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite becomes a reject
            values[good] = self.natural(each.mean(axis=0))
        rejects = packed.rejects | self._not_finite(values, good)
        values[list(rejects)] = np.nan
        if apart is not None:
            apart[good] = spread(each)
            apart[list(rejects)] = np.nan
        return Predictions(values, rejects, apart, self._notes(packed.store, good, rejects))

    def natural(self, learned: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the unit of the labels, (R, T) from (R, T): what was learned as a logarithm is raised again."""
        logarithmic = np.isin(self.spec.targets, self.spec.log10)
        with np.errstate(over="ignore"):  # an overflow becomes a reject
            return np.where(logarithmic, np.power(10.0, np.where(logarithmic, learned, 0.0)), learned)

    def _notes(self, store: PackedStore, good: NDArray[np.int64], rejects: dict[int, Reject]) -> dict[int, str]:
        """Rows with elements that the model has not met, or that all look the same to it."""
        alike = f"has an element that the model cannot tell from others, it knows {self._elements.said}: trust it less"
        notes = dict.fromkeys(good[self._elements.strange(store)].tolist(), alike)
        unmet = np.asarray(store.molecule[ELEMENTS]) & self._unmet
        for n in np.flatnonzero(unmet.any(axis=1)):
            names = " and ".join(symbols(unmet[n]))
            notes[int(good[n])] = f"has {names}, which no training molecule has: trust it less"
        return {i: text for i, text in notes.items() if i not in rejects}

    def _not_finite(self, values: NDArray[np.float64], good: NDArray[np.int64]) -> dict[int, Reject]:
        """Rows whose prediction overflowed; an infinity must not pass for a value."""
        found: dict[int, Reject] = {}
        for i in good[~np.isfinite(values[good]).all(axis=1)]:
            broken = [t for t, v in zip(self.spec.targets, values[i], strict=True) if not np.isfinite(v)]
            found[int(i)] = Reject(Status.NOT_FINITE, f"the model gives no finite value of {', '.join(broken)}")
        return found


def prepare(smiles: Sequence[str], spec: BundleSpec, workers: int = 1) -> Packed:
    """Molecules as a model takes them."""
    return pack(smiles, spec.featurizer, standardize=spec.standardize, max_atoms=spec.max_atoms, workers=workers)
