"""Over which sizes and elements molecules reach."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from drugml.data.facts import Facts, elements


class Extent(NamedTuple):
    """Of molecules as they are written."""

    molecules: int
    atoms: tuple[int, int, int] | None
    """Heavy atoms of the smallest, the median (rounded down) and the largest one; None without any."""
    elements: Mapping[str, int]
    """Symbol to the number of molecules that hold it, the most frequent first; hydrogen is not counted."""


def extent(facts: Facts) -> Extent:
    """Of the molecules (M,) that these are the facts of."""
    atoms = facts["atoms"]
    sizes = (int(atoms.min()), int(np.median(atoms)), int(atoms.max())) if len(atoms) else None
    return Extent(len(facts), sizes, elements(facts))
