"""Mordred's descriptors, which need a package of their own."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from drugml.config.descriptors import MordredSpec
from drugml.errors import UserError
from drugml.featurizers.featurizer import DESCRIPTORS


@DESCRIPTORS.register(MordredSpec)
class Mordred:
    """Moriwaki et al., J. Cheminform. 2018, doi:10.1186/s13321-018-0258-y: the 1,613 that need no coordinates.

    A tenth of them are undefined for a drug, a third for methane; what is infinite counts as undefined.

    Raises:
        UserError: if the package is not installed.
    """

    def __init__(self) -> None:
        self._calculator = _calculator()
        self.names = tuple(map(str, self._calculator.descriptors))

    def describe(self) -> dict[str, Any]:
        return {"kind": "descriptors", "of": "mordred", "names": list(self.names)}

    def compute(self, mols: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        quiet = BlockLogs()
        with np.errstate(all="ignore"):  # what overflows is undefined
            rows = [[_number(value) for value in self._calculator(mol)] for mol in mols]
        del quiet
        return np.array(rows, np.float64).reshape(len(mols), len(self.names))


def _number(value: Any) -> float:
    """NaN for what Mordred gives instead of a number: the reason why there is none."""
    number = float(value) if isinstance(value, int | float | np.number | np.bool_) else math.nan
    return number if math.isfinite(number) else math.nan


@cache
def _calculator() -> Any:
    try:
        from mordred import Calculator, descriptors
    except ImportError:
        raise UserError(
            "featurizer.descriptors = 'mordred': the package mordredcommunity is not installed; "
            "pip install 'drugml[mordred]'"
        ) from None
    return Calculator(descriptors, ignore_3D=True)
