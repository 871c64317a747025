"""Folds that the table names."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drugml.config.splits import PredefinedSplit
from drugml.data.splits.draw import draw, join
from drugml.data.splits.plan import SPLITTERS, Molecules, SplitPlan
from drugml.errors import UserError


@SPLITTERS.register(PredefinedSplit)
class Predefined:
    """The fold stands in a column of the table."""

    NAMES = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}

    def __init__(self, *, column: str, validation: float, seed: int, leaks: Literal["error", "warn"]) -> None:
        self.column, self.validation, self.seed, self.leaks = column, validation, seed, leaks

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        assert molecules.column is not None
        cells = [c.strip().lower() for c in molecules.column]
        wrong = [(n, c) for n, c in zip(molecules.lines, cells, strict=True) if c not in self.NAMES]
        if wrong:
            raise UserError(
                f"split column {self.column!r}, line {wrong[0][0]}: {wrong[0][1]!r} is no fold; expected train, val or "
                f"test ({len(wrong)} rows like this)"
            )
        fold = np.array([self.NAMES[c] for c in cells], np.int8)
        if not (fold == 1).any():
            train = np.flatnonzero(fold == 0)
            sizes = (1 - self.validation, self.validation, 0.0)
            fold[train] = draw(join(molecules.inchikeys[train]), sizes, self.seed)
        leaking = SplitPlan(molecules, fold).leaks()
        if leaking and self.leaks == "error":
            raise UserError(
                f"split column {self.column!r}: {len(leaking)} molecules stand in more than one fold, for example "
                f"{', '.join(leaking[:3])}; metrics would flatter the model. Mend the column, or accept it with "
                "data.split.leaks=warn"
            )
        return fold
