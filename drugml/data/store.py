"""The packed store: many molecules as a few flat arrays, written once and mapped from disk.

Shape letters: M molecules, N atoms and P bonds of all of them together.
"""

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.data.use import opened

Array = NDArray[Any]
META = "store.json"


class OneHotLayout(NamedTuple):
    """Where the codes of atoms (or bonds) stand in their one-hot row; comes from the featurizer."""

    columns: Sequence[Sequence[int]]
    """For each feature and code the column, -1 where the code sets none."""
    width: int
    """Columns of the row, floats included; floats are the last ones."""


NOTHING = OneHotLayout((), 0)


class Layout(NamedTuple):
    """What a network gets of each molecule; comes from the featurizer."""

    atoms: OneHotLayout = NOTHING
    bonds: OneHotLayout = NOTHING
    fingerprint: int = 0
    """Columns of the fingerprint."""
    descriptors: int = 0
    """Number of descriptors."""
    descriptor_scale: str = "rank"
    """On which a network gets them."""


@dataclass(frozen=True)
class PackedStore:
    """Flat arrays with one row per molecule, atom or bond, and where each molecule begins in them.

    Fields of atoms and bonds are small integer codes or floats as the featurizer gives them. Each bond is
    stored once; the bond field `ends` (P, 2) holds its two atoms, counted within the molecule.
    """

    molecule: Mapping[str, Array]
    """Name to (M, …)."""
    atom: Mapping[str, Array]
    """Name to (N, …)."""
    bond: Mapping[str, Array]
    """Name to (P, …)."""
    atom_start: NDArray[np.int64]
    """(M + 1,), first atom of each molecule; the last entry is N."""
    bond_start: NDArray[np.int64]
    """(M + 1,), first bond of each molecule; the last entry is P."""

    def __len__(self) -> int:
        return len(self.atom_start) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for a in self._arrays().values())

    def save(self, folder: Path, meta: Mapping[str, Any]) -> None:
        """Write all arrays and `meta` so that a reader sees the whole folder or none, whenever the writer is killed.

        Several processes may write the same folder at once: the first one wins.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, array in self._arrays().items():
                with (part / f"{name}.npy").open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                    _to_disk(file)
            with (part / META).open("w", encoding="utf-8") as text:
                json.dump({**meta, "arrays": _described(self._arrays())}, text)
                _to_disk(text)
            part.rename(folder)
        except OSError:
            if not (folder / META).exists():
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> tuple["PackedStore", dict[str, Any]]:
        """Map the arrays of a saved store, with its `meta`.

        As long as the store lives, `drugml.data.cache.remove` leaves its folder alone.

        Raises:
            FileNotFoundError: if there is none, or it is being removed.
            ValueError: if a file is damaged or missing.
        """
        use = opened(folder / META)
        try:
            meta = json.load(use)
            levels: dict[str, dict[str, Array]] = {"molecule": {}, "atom": {}, "bond": {}, "start": {}}
            for full, (shape, dtype) in meta["arrays"].items():
                level, name = full.split(".", 1)
                levels[level][name] = _mapped(folder / f"{full}.npy", shape, dtype)
            start = levels.pop("start")
            store = cls(**levels, atom_start=start["atom"], bond_start=start["bond"])
        except (KeyError, TypeError, AttributeError) as error:
            use.close()
            raise ValueError(f"{META} is not what was written") from error
        except BaseException:
            use.close()
            raise
        weakref.finalize(store, use.close)
        return store, meta

    def _arrays(self) -> dict[str, Array]:
        named = {f"molecule.{k}": v for k, v in self.molecule.items()}
        named |= {f"atom.{k}": v for k, v in self.atom.items()}
        named |= {f"bond.{k}": v for k, v in self.bond.items()}
        return named | {"start.atom": self.atom_start, "start.bond": self.bond_start}


def _mapped(file: Path, shape: list[int], dtype: str) -> Array:
    try:
        empty = 0 in shape  # an array without elements cannot be mapped
        array: Array = np.load(file, mmap_mode=None if empty else "r", allow_pickle=False)
    except FileNotFoundError as error:
        if file.with_name(META).exists():
            raise ValueError(f"{file.name} is missing") from error
        raise  # the whole folder has been removed meanwhile
    if [*array.shape] != shape or array.dtype.str != dtype:
        raise ValueError(f"{file.name} is not what was written")
    return array


def _to_disk(file: IO[Any]) -> None:
    """Before the folder gets its name: a machine that loses power could keep the name and lose the bytes."""
    file.flush()
    os.fsync(file.fileno())


def _described(arrays: Mapping[str, Array]) -> dict[str, list[Any]]:
    """Shape and type of each array, as JSON."""
    return {name: [list(a.shape), a.dtype.str] for name, a in sorted(arrays.items())}


def empty(molecules: int) -> PackedStore:
    """So many molecules of which nothing is known."""
    return PackedStore({}, {}, {}, *np.zeros((2, molecules + 1), np.int64))


def concatenate(stores: Sequence[PackedStore]) -> PackedStore:
    """The molecules of several stores, in order."""
    if len(stores) == 1:
        return stores[0]

    def joined(level: str) -> dict[str, Array]:
        parts = [getattr(s, level) for s in stores]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def starts(name: str) -> NDArray[np.int64]:
        counts = [np.diff(getattr(s, name)) for s in stores]
        return np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)

    return PackedStore(joined("molecule"), joined("atom"), joined("bond"), starts("atom_start"), starts("bond_start"))


def select(store: PackedStore, positions: NDArray[np.int64]) -> PackedStore:
    """The molecules at these positions, in this order; the store itself when that is all of them."""
    if np.array_equal(positions, np.arange(len(store))):
        return store
    atoms, atom_start = _rows(store.atom_start, positions)
    bonds, bond_start = _rows(store.bond_start, positions)
    return PackedStore(
        {k: v[positions] for k, v in store.molecule.items()},
        {k: v[atoms] for k, v in store.atom.items()},
        {k: v[bonds] for k, v in store.bond.items()},
        atom_start,
        bond_start,
    )


def _rows(start: NDArray[np.int64], positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the flat arrays that belong to the molecules at `positions`, and their new starts."""
    counts = start[positions + 1] - start[positions]
    first = np.concatenate([[0], np.cumsum(counts)])
    return np.arange(first[-1]) + np.repeat(start[positions] - first[:-1], counts), first.astype(np.int64)
