"""Binary trees as flat arrays, and the sum of their leaves.

Shape letters: M molecules, L columns, V nodes of all trees together, R trees.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drugml.models.baseline import Arrays

DTYPES = {"left": np.int32, "right": np.int32, "bit": np.int32, "above": np.float32, "value": np.float64}


class Trees:
    """Nodes of trees that are added one by one; a leaf leads to itself, so that all molecules can step together."""

    def __init__(self) -> None:
        self._nodes: dict[str, list[NDArray[np.generic]]] = {k: [] for k in DTYPES}
        self._count = 0

    def add(
        self,
        left: NDArray[np.integer],
        right: NDArray[np.integer],
        leaf: NDArray[np.bool_],
        bit: NDArray[np.integer],
        above: NDArray[np.floating],
        value: NDArray[np.floating],
    ) -> int:
        """Add a tree whose first node is its root; returns where that stands.

        A molecule goes right if its column `bit`, a float32 at most, is greater than `above`, which is kept as the
        float32 below it: no value lies between the two.
        """
        own = np.arange(self._count, self._count + len(leaf))
        self._nodes["left"].append(np.where(leaf, own, left.astype(np.int64) + self._count))
        self._nodes["right"].append(np.where(leaf, own, right.astype(np.int64) + self._count))
        self._nodes["bit"].append(np.where(leaf, 0, bit))
        self._nodes["above"].append(_below(above))
        self._nodes["value"].append(value)
        self._count += len(leaf)
        return int(own[0])

    def arrays(self) -> Arrays:
        """`left`, `right`, `bit`, `above` and `value`, (V,) each."""
        return {k: np.concatenate(v).astype(DTYPES[k]) for k, v in self._nodes.items()}


def _below(above: NDArray[np.floating]) -> NDArray[np.float32]:
    near = above.astype(np.float32)
    return np.where(near > above, np.nextafter(near, np.float32(-np.inf)), near)


def leaf_sums(nodes: Arrays, roots: NDArray[np.int32], x: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of the values of the leaves that molecules reach, (M,), from `roots` (R,) and columns (M, L)."""
    rows, total = np.arange(len(x)), np.zeros(len(x))
    for root in roots:
        at = np.full(len(x), root)
        while True:
            step = np.where(x[rows, nodes["bit"][at]] > nodes["above"][at], nodes["right"][at], nodes["left"][at])
            if (step == at).all():
                break
            at = step
        total += nodes["value"][at]
    return total
