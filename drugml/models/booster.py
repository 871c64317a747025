"""What boosting libraries share: a model for each target, kept as the bytes of the library's own format.

Shape letters: M molecules, L columns, T targets, m molecules with a label of some weight.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from drugml.errors import UserError
from drugml.models.baseline import Arrays, Columns

Vector = NDArray[np.float64]
Floats = NDArray[np.float32]

CHUNK = 4096
"""Molecules predicted at a time; bounds memory, since libraries want floats."""
WORTH_A_THREAD = 1000
"""Molecules per thread; with fewer, threads wait for each other longer than they work."""


class Booster(ABC):
    """A baseline whose trees are those of a library that need not be installed.

    A target whose labels, or whose molecules, are all the same has no trees but a constant: libraries refuse these.
    Weights have a mean of 1, so that only their ratios matter.
    """

    name: ClassVar[str]
    """Of the library, the model and the extra that installs it."""

    def __init__(self) -> None:
        self.package = installed(self.name)
        self._arrays: Arrays = {}
        self._models: dict[int, Any] = {}

    @abstractmethod
    def grow(self, x: Floats, y: Vector, weight: Vector, *, classify: bool, seed: int, threads: int) -> bytes:
        """Learn one target from (m, L), labels (m,) and weights (m,)."""

    @abstractmethod
    def read(self, model: bytes) -> Any:
        """The library's model from what `grow` gave."""

    @abstractmethod
    def values(self, model: Any, x: Floats, *, classify: bool, threads: int) -> Vector:
        """Values, or probabilities of the positive class, (M,) from (M, L)."""

    def fit(
        self,
        x: Columns,
        y: Vector,
        weight: Vector,
        *,
        widths: Sequence[int],
        classify: bool,
        seed: int,
    ) -> None:
        constant = np.full(y.shape[1], np.nan)
        arrays: Arrays = {"classify": np.array([classify]), "constant": constant}
        for target, (labels, weights) in enumerate(zip(y.T, weight.T, strict=True)):
            rows = np.flatnonzero(~np.isnan(labels) & (weights > 0))
            own, known, share = _floats(x[rows]), labels[rows], weights[rows] / weights[rows].mean()
            if np.ptp(known) == 0 or not (own != own[0]).any():
                constant[target] = np.average(known, weights=share)
            else:
                model = self.grow(own, known, share, classify=classify, seed=seed, threads=_threads(len(own)))
                arrays[f"model_{target}"] = np.frombuffer(bytearray(model), np.uint8)  # torch wants to write
        self.restore(arrays)  # what predicts is what is kept

    def predict(self, x: Columns) -> Vector:
        classify = bool(self._arrays["classify"][0])
        out = np.tile(self._arrays["constant"], (len(x), 1))
        for first in range(0, len(x), CHUNK):
            part = _floats(x[first : first + CHUNK])
            for target, model in self._models.items():
                values = self.values(model, part, classify=classify, threads=_threads(len(part)))
                out[first : first + CHUNK, target] = values
        return out

    def arrays(self) -> Arrays:
        return self._arrays

    def restore(self, arrays: Arrays) -> None:
        self._arrays = arrays
        grown = np.flatnonzero(np.isnan(arrays["constant"]))
        self._models = {int(t): self.read(arrays[f"model_{t}"].tobytes()) for t in grown}


def installed(name: str) -> Any:
    """The library of a model.

    Raises:
        UserError: if it is not installed or cannot be loaded.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise UserError(_broken(name, error)) from error
        raise UserError(f"model {name!r}: its library is not installed; pip install 'drugml[{name}]'") from None
    except (ImportError, OSError, ValueError) as error:  # XGBoost's own error, where OpenMP is missing, is the last one
        raise UserError(_broken(name, error)) from error


def _broken(name: str, error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"model {name!r}: its library cannot be loaded: {first}; pip install --force-reinstall 'drugml[{name}]'"


def _floats(x: Columns) -> Floats:
    return np.ascontiguousarray(x, np.float32)


def _threads(molecules: int) -> int:
    """As many as torch has; the numbers do not depend on it."""
    return max(1, min(torch.get_num_threads(), molecules // WORTH_A_THREAD))
