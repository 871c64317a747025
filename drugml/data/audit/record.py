"""What is audited: a table after reading, as plain arrays.

Shape letters: M usable rows, T targets.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drugml.data.status import BadRow

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """Rows and labels of a table; several rows may be one molecule.

    A label is an interval: `low == high` is exact, `>x` is (x, inf), `<x` is (-inf, x), missing is (NaN, NaN).

    Raises:
        ValueError: if the arrays do not fit together, or rows are lost between `bad` and the usable ones.
    """

    name: str
    rows: int
    """Of the table, the header not counted."""
    bad: Sequence[BadRow]
    lines: Sequence[str]
    """(M,), line of each usable row."""
    smiles: Sequence[str]
    """(M,), as in the table."""
    inchikeys: NDArray[np.bytes_]
    """(M,)."""
    scaffolds: NDArray[np.bytes_]
    """(M,), digest of the Murcko scaffold, empty for acyclic molecules."""
    targets: tuple[str, ...]
    low: Floats
    """(M, T)."""
    high: Floats
    """(M, T)."""
    units: Mapping[str, Counter[str]]
    """Target to the unit texts found; may be empty."""
    partial: Sequence[BadRow] = ()
    """Usable rows of which one label cannot be read and another can."""

    def __post_init__(self) -> None:
        usable = len(self.lines)
        if self.rows != len(self.bad) + usable:
            raise ValueError(f"{self.rows} rows, but {len(self.bad)} rejected and {usable} usable")
        if {len(self.smiles), len(self.inchikeys), len(self.scaffolds)} != {usable}:
            raise ValueError("lines, smiles, inchikeys and scaffolds differ in length")
        if self.low.shape != (usable, len(self.targets)) or self.high.shape != self.low.shape:
            raise ValueError(f"labels are {self.low.shape}, expected {(usable, len(self.targets))}")

    def known(self, target: int) -> NDArray[np.bool_]:
        """(M,), whether a row has a label, exact or not."""
        return ~np.isnan(self.low[:, target])

    def exact(self, target: int) -> NDArray[np.bool_]:
        """(M,), whether a row has an exact label."""
        return np.asarray(self.low[:, target] == self.high[:, target])

    def values(self, target: int) -> Floats:
        """The exact labels, in the order of the rows."""
        return np.asarray(self.low[self.exact(target), target])

    def is_class(self, target: int) -> bool:
        """Whether every label is exactly 0 or 1."""
        known = self.known(target)
        exact = bool(self.exact(target)[known].all())
        return exact and bool(known.any()) and bool(np.isin(self.low[known, target], (0.0, 1.0)).all())


def shown(low: float, high: float) -> str:
    """A label as people write it."""
    if low == high:
        return f"{low:g}"
    if np.isinf(high):
        return f">{low:g}"
    return f"<{high:g}" if np.isinf(low) else f"{low:g} to {high:g}"
