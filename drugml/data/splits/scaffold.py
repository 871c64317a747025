"""By Bemis-Murcko scaffold."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drugml.config.splits import ScaffoldSplit, Sizes
from drugml.data.splits.draw import draw, join
from drugml.data.splits.plan import SPLITTERS, Molecules


@SPLITTERS.register(ScaffoldSplit)
class Scaffold:
    """Molecules of one Bemis-Murcko scaffold are one group; so are tautomers of one InChIKey."""

    def __init__(self, *, sizes: Sizes, seed: int, acyclic: Literal["apart", "together"]) -> None:
        self.sizes, self.seed, self.acyclic = sizes, seed, acyclic

    def __call__(self, molecules: Molecules) -> NDArray[np.int8]:
        scaffolds = molecules.scaffolds
        if self.acyclic == "apart":
            scaffolds = np.where(scaffolds == b"", molecules.inchikeys, scaffolds)
        return draw(join(scaffolds, molecules.inchikeys), self.sizes, self.seed)
