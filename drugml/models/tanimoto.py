"""Tanimoto similarity of count fingerprints, in its min-max form, to molecules that are kept.

For counts a and b it is Σ min(a, b) / Σ max(a, b) (Ralaivola et al., Neural Networks 2005,
doi:10.1016/j.neunet.2005.07.009), which is positive semidefinite. A mean of such kernels is one, too.

Shape letters: M molecules kept, Q molecules asked about, L columns of all fingerprints together.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from drugml.models.baseline import Arrays

CELLS = 2_000_000
"""Similarities held at a time; bounds memory whatever M and Q are."""


class Kept:
    """Fingerprints of molecules, sparse, and the similarity of others to them.

    `widths` are the lengths of fingerprints that lie side by side in a row; the similarity is the mean over them.
    """

    def __init__(self, counts: csr_array, widths: Sequence[int]) -> None:
        self.counts, self.widths = counts, [int(w) for w in widths]
        self._blocks = [_Block(block) for block in _split(counts, self.widths)]

    @classmethod
    def of(cls, x: NDArray[np.uint8], widths: Sequence[int]) -> "Kept":
        """From a dense array (M, L)."""
        return cls(csr_array(x), widths)

    @classmethod
    def restored(cls, arrays: Arrays) -> "Kept":
        """The inverse of `arrays`."""
        shape = len(arrays["start"]) - 1, int(arrays["widths"].sum())
        counts = csr_array((arrays["count"], arrays["column"], arrays["start"]), shape)
        return cls(counts, arrays["widths"].tolist())

    def arrays(self) -> Arrays:
        """The counts that are not zero, row by row: of row m those from start[m] to start[m + 1]."""
        return {
            "start": self.counts.indptr.astype(np.int64),
            "column": self.counts.indices.astype(np.int32),
            "count": self.counts.data.astype(np.uint8),
            "widths": np.array(self.widths, np.int64),
        }

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def take(self, rows: NDArray[np.intp]) -> "Kept":
        """Some of the molecules, by position."""
        return Kept(self.counts[rows], self.widths)

    def similarity(self, x: NDArray[np.uint8] | csr_array) -> NDArray[np.float64]:
        """(Q, M) from (Q, L); of two empty fingerprints it is 1. No row of the result depends on another row."""
        parts = _split(csr_array(x), self.widths)
        total = sum(block.similarity(part) for block, part in zip(self._blocks, parts, strict=True))
        return np.asarray(total) / len(self.widths)

    def chunks(self, x: NDArray[np.uint8] | csr_array) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """`similarity` of some rows at a time."""
        step = max(1, CELLS // max(1, len(self)))
        for first in range(0, x.shape[0], step):
            rows = slice(first, min(first + step, x.shape[0]))
            yield rows, self.similarity(x[rows])

    def itself(self) -> NDArray[np.float64]:
        """(M, M), the kernel matrix of the molecules kept."""
        out = np.empty((len(self), len(self)))
        for rows, similarity in self.chunks(self.counts):
            out[rows] = similarity
        return out


class _Block:
    """One fingerprint of the molecules kept."""

    def __init__(self, counts: csr_array) -> None:
        self.most = int(counts.data.max(initial=1))
        self.sums = counts.sum(axis=1, dtype=np.int64)
        self.steps = _unary(counts, self.most).T.tocsr()

    def similarity(self, counts: csr_array) -> NDArray[np.float64]:
        shared = (_unary(counts, self.most) @ self.steps).toarray().astype(np.float64)
        either = counts.sum(axis=1, dtype=np.int64)[:, None] + self.sums - shared
        similarity: NDArray[np.float64] = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
        return similarity


def _split(counts: csr_array, widths: Sequence[int]) -> list[csr_array]:
    ends = np.cumsum(widths)
    if ends[-1] != counts.shape[1]:  # a bug of the caller: it would compare columns of different meaning
        raise ValueError(
            f"fingerprints of {counts.shape[1]} columns, expected {ends[-1]} = {'+'.join(map(str, widths))}"
        )
    if len(widths) == 1:
        return [counts]
    return [counts[:, end - width : end] for end, width in zip(ends, widths, strict=True)]


def _unary(counts: csr_array, most: int) -> csr_array:
    """A count c becomes c ones, so that min(a, b) is a product; counts above `most` meet no partner there."""
    times = np.minimum(counts.data, most).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(times)])
    step = np.arange(ends[-1]) - np.repeat(ends[:-1], times)
    columns = np.repeat(counts.indices.astype(np.int64), times) + step * counts.shape[1]
    shape = counts.shape[0], counts.shape[1] * most
    return csr_array((np.ones(len(columns), np.int32), columns, ends[counts.indptr]), shape)
