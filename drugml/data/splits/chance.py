"""Drawn at random."""

import numpy as np
from numpy.typing import NDArray

from drugml.config.splits import RandomSplit, Sizes
from drugml.data.splits.draw import draw, join
from drugml.data.splits.plan import SPLITTERS, Molecules


@SPLITTERS.register(RandomSplit)
class Random:
    """Identical molecules are one group; groups are drawn at random."""

    def __init__(self, *, sizes: Sizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        return draw(join(molecules.inchikeys), self.sizes, self.seed)
