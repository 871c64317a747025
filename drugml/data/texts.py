"""Millions of short texts in memory as one buffer instead of as many objects.

Shape letter: R texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 14
"""Texts that are objects at one time."""


class Texts(Sequence[str]):
    """A sequence of texts (R), kept as Arrow's strings: their bytes and eight more each; a list needs about 60 more."""

    def __init__(self, array: "pa.ChunkedArray") -> None:
        self._array = array

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """The same texts, taken block by block."""
        import pyarrow as pa  # a quarter of a second, and `drugml.data` is imported by every command

        rest, chunks = iter(texts), []
        while block := list(islice(rest, BLOCK)):
            chunks.append(pa.array(block, pa.large_string()))
        return cls(pa.chunked_array(chunks, pa.large_string()))

    @classmethod
    def joined(cls, parts: Sequence["Texts"]) -> "Texts":
        """Those of all parts, one after the other."""
        import pyarrow as pa

        return cls(pa.chunked_array([c for p in parts for c in p._array.chunks], pa.large_string()))

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> "Texts": ...
    def __getitem__(self, at: int | slice) -> "str | Texts":
        if not isinstance(at, slice):
            return str(self._array[int(at)].as_py())
        start, stop, step = at.indices(len(self))
        if step != 1:
            return self.take(np.arange(start, stop, step))
        return Texts(self._array.slice(start, max(stop - start, 0)))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), BLOCK):
            yield from self._array.slice(start, BLOCK).to_pylist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __reduce__(self) -> Any:
        return list, (list(self),)  # what goes to another process is a chunk, and a list there is cheaper

    def take(self, at: NDArray[np.int64]) -> "Texts":
        """Those at some positions, in that order."""
        return Texts(self._array.take(at))


class Lines(Sequence[str]):
    """Where rows stand, as `Row.where` says it: the line, with its file where there are several; 12 bytes each."""

    def __init__(self, line: NDArray[np.int64], file: NDArray[np.int32], files: Sequence[str]) -> None:
        self._line, self._file, self._files = line, file, files

    @classmethod
    def of(cls, places: Iterable[tuple[str, int]]) -> "Lines":
        """From the file, empty where there is one, and the line of each row."""
        numbers: dict[str, int] = {}
        both = np.fromiter(
            ((line, numbers.setdefault(file, len(numbers))) for file, line in places),
            np.dtype([("line", "i8"), ("file", "i4")]),
        )
        return cls(both["line"], both["file"], list(numbers))

    def __len__(self) -> int:
        return len(self._line)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Self: ...
    def __getitem__(self, at: int | slice) -> str | Self:
        if isinstance(at, slice):
            return type(self)(self._line[at], self._file[at], self._files)
        file = self._files[self._file[at]]
        return f"{file}:{self._line[at]}" if file else str(self._line[at])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list

    def take(self, at: NDArray[np.int64]) -> Self:
        """Those at some positions, in that order."""
        return type(self)(self._line[at], self._file[at], self._files)
