"""Batches by index arithmetic: from a packed store to one disconnected graph, with no loop over molecules.

Shape letters: B molecules, N atoms, P bonds, E = 2 P directed bonds, A atom codes, K bond codes, F and G columns
of the one-hot rows of atoms and bonds, L columns of a fingerprint, V descriptors.
"""

import warnings
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from drugml.data.alike import Alike, Codes, Keys
from drugml.data.store import Layout, OneHotLayout, PackedStore

VECTORS = ("fingerprint", "descriptors")
"""Fields of whole molecules that networks read."""


class OneHot:
    """Codes (n, A) to float rows (n, F) on one device."""

    def __init__(self, layout: OneHotLayout, device: torch.device) -> None:
        longest = max(map(len, layout.columns), default=0)
        rows = [[*c, *[-1] * (longest - len(c))] for c in layout.columns]
        table = torch.tensor(rows, dtype=torch.int64, device=device)
        self.width = layout.width
        # a column behind the row takes what sets nothing, and is cut off again
        self._table = torch.where(table < 0, self.width, table).reshape(-1)
        self._first = torch.arange(len(rows), device=device) * longest

    def __call__(self, codes: UInt8[Tensor, "n A"], floats: Float[Tensor, "n f"] | None = None) -> Float[Tensor, "n F"]:
        columns = self._table.index_select(0, (codes + self._first).reshape(-1)).reshape(codes.shape)
        rows = torch.zeros(len(codes), self.width + 1, device=codes.device).scatter_(1, columns, 1.0)
        if floats is not None and floats.shape[1]:
            rows[:, self.width - floats.shape[1] : self.width] = floats
        return rows[:, : self.width]


@dataclass
class MoleculeBatch:
    """B molecules as one graph.

    Directed bonds come in pairs: 2i runs along `ends` of bond i, 2i + 1 back, so the reverse of e is e ^ 1.
    `x`, `edge_index`, `edge_attr`, `batch`, `num_graphs` are those of PyG, whose layers take them as they are;
    give `num_graphs` to any pooling as `size`.
    """

    num_graphs: int
    x: Float[Tensor, "N F"]
    """One-hot atoms."""
    bonds: Float[Tensor, "P G"]
    """One-hot bonds, each once."""
    ends: Int[Tensor, "P 2"]
    """The two atoms of each bond, counted within the batch."""
    batch: Int[Tensor, "N"]
    """Molecule of each atom, in 0..B-1."""
    largest: int
    """Atoms of the largest molecule."""
    fingerprint: UInt8[Tensor, "B L"] | None = None
    descriptors: Float[Tensor, "B V"] | None = None
    """As computed, NaN where undefined."""
    z: Int[Tensor, "N"] | None = None
    """Atomic numbers; where the featurizer gives atoms in space."""
    positions: Float[Tensor, "N 3"] | None = None
    """In Å, of one conformer of each molecule; where the featurizer gives atoms in space."""
    looks: "Looks | None" = None
    """What `x` and `bonds` were made of, on a CPU."""

    @cached_property
    def edge_index(self) -> Int[Tensor, "2 E"]:
        """Source and target atom of each directed bond."""
        return torch.stack([self.ends.reshape(-1), self.ends.flip(1).reshape(-1)])

    @cached_property
    def reverse(self) -> Int[Tensor, "E"]:
        """The opposite of each directed bond."""
        return torch.arange(2 * len(self.ends), device=self.ends.device) ^ 1

    @cached_property
    def edge_attr(self) -> Float[Tensor, "E G"]:
        """One-hot bonds, once per direction."""
        return self.bonds.repeat_interleave(2, dim=0)

    @cached_property
    def alike(self) -> Alike | None:
        """Directed bonds that look alike; None where unknown, as on a GPU, for which the host would have to wait."""
        return None if self.looks is None or not self.looks.are_of(self) else self.looks.alike(self.ends)

    def with_descriptors(self, descriptors: Float[Tensor, "B V"]) -> "MoleculeBatch":
        """The same molecules with other numbers; what was made of the graph is kept."""
        other = copy(self)
        other.descriptors = descriptors
        return other

    def padded(self, molecules: int, atoms: int, bonds: int) -> "MoleculeBatch":
        """The same molecules in a batch of a given shape, one more than there is of each at least.

        What is added belongs to the last molecule: atoms without bonds, and bonds from its first atom to itself.
        """
        more_atoms, more_bonds = atoms - len(self.x), bonds - len(self.bonds)
        return MoleculeBatch(
            molecules,
            x=F.pad(self.x, (0, 0, 0, more_atoms)),
            bonds=F.pad(self.bonds, (0, 0, 0, more_bonds)),
            ends=F.pad(self.ends, (0, 0, 0, more_bonds), value=len(self.x)),
            batch=F.pad(self.batch, (0, more_atoms), value=molecules - 1),
            largest=max(self.largest, more_atoms),
            fingerprint=_longer(self.fingerprint, molecules),
            descriptors=_longer(self.descriptors, molecules),
        )


class Looks:
    """The codes of features that nobody has changed since."""

    def __init__(self, keys: Keys, codes: Codes, features: tuple[Tensor, Tensor]) -> None:
        self._keys, self._codes = keys, codes
        self._features, self._versions = features, _versions(features)

    def are_of(self, batch: MoleculeBatch) -> bool:
        """Whether the features of a batch are still those, and no gradient is asked of each of them."""
        now = batch.x, batch.bonds
        same = all(a is b for a, b in zip(now, self._features, strict=True)) and _versions(now) == self._versions
        return same and not any(f.requires_grad for f in now)

    def alike(self, ends: Int[Tensor, "P 2"]) -> Alike | None:
        """As `Keys.alike`."""
        return self._keys.alike(self._codes, ends)


class DeviceStore:
    """A packed store from which batches are gathered for one device.

    Resident, its arrays lie on that device; otherwise they stay where they are, mapped from disk as a rule, and only
    the rows of a batch travel. On a CPU they are never copied. Nothing here waits for a GPU: how many rows a batch
    has is read from a copy of the counts in main memory.
    """

    def __init__(self, store: PackedStore, layout: Layout, device: torch.device, *, resident: bool = True) -> None:
        home = device if resident else torch.device("cpu")
        self.device, self.resident = device, resident
        self.atoms, self.bonds = (torch.from_numpy(np.diff(s)) for s in (store.atom_start, store.bond_start))
        """Atoms and bonds of each molecule, in main memory."""
        self._home = home
        self._molecule = {k: _tensor(v).to(home) for k, v in store.molecule.items() if k in VECTORS}
        self._atom = {k: _tensor(v).to(home) for k, v in store.atom.items()}
        self._bond = {k: _tensor(v).to(home) for k, v in store.bond.items()}
        self._atom_start, self._bond_start = (_tensor(s).to(home) for s in (store.atom_start, store.bond_start))
        self._one_hot = OneHot(layout.atoms, device), OneHot(layout.bonds, device)
        self._keys = Keys(layout) if device.type == "cpu" else None

    @property
    def conformers(self) -> int:
        """Conformers of each molecule; 1 where there are no positions."""
        return self._atom["positions"].shape[1] if "positions" in self._atom else 1

    def batch(self, molecules: Int[Tensor, "B"], conformer: Int[Tensor, "B"] | int = 0) -> MoleculeBatch:
        """Gather the molecules at these positions, given in main memory, in this order; of each one conformer."""
        at = molecules.to(self._home, non_blocking=True)
        graph = self._graph(molecules, at, conformer) if self._atom else self._points(len(molecules))
        for name, rows in self._molecule.items():
            setattr(graph, name, self._move(rows.index_select(0, at)))
        return graph

    def _points(self, molecules: int) -> MoleculeBatch:
        """Molecules of which only fingerprints are known."""
        none, ends = torch.zeros(0, 0, device=self.device), torch.zeros(0, 2, dtype=torch.int64, device=self.device)
        return MoleculeBatch(molecules, x=none, bonds=none, ends=ends, batch=ends[:, 0], largest=0)

    def _graph(self, molecules: Int[Tensor, "B"], at: Tensor, conformer: Int[Tensor, "B"] | int) -> MoleculeBatch:
        counts = self.atoms[molecules]
        n, p = int(counts.sum()), int(self.bonds[molecules].sum())
        atoms, owner, first_atom = _spans(self._atom_start, at, n)
        bonds, bond_owner, _ = _spans(self._bond_start, at, p)
        codes, floats = (self._move(self._atom[k].index_select(0, atoms)) for k in ("codes", "floats"))
        bond_codes = self._move(self._bond["codes"].index_select(0, bonds))
        ends = self._bond["ends"].index_select(0, bonds).to(torch.int64).bitwise_and_(0xFFFF)
        ends += first_atom.index_select(0, bond_owner).unsqueeze(1)
        batch = MoleculeBatch(
            len(molecules),
            x=self._one_hot[0](codes, floats),
            bonds=self._one_hot[1](bond_codes),
            ends=self._move(ends),
            batch=self._move(owner),
            largest=int(counts.max()) if len(counts) else 0,
        )
        if self._keys is not None:
            batch.looks = Looks(self._keys, Codes(codes, floats, bond_codes), (batch.x, batch.bonds))
        if "positions" in self._atom:
            chosen = conformer if isinstance(conformer, int) else conformer.to(self._home).index_select(0, owner)
            flat = self._atom["positions"].flatten(0, 1)
            batch.positions = self._move(flat.index_select(0, atoms * self.conformers + chosen))
            batch.z = self._move(self._atom["numbers"].index_select(0, atoms)).long()
        return batch

    def in_turn(self, molecules: Int[Tensor, "B"], turn: int) -> MoleculeBatch:
        """The same, in which each molecule has another of its conformers from turn to turn."""
        return self.batch(molecules, 0 if self.conformers == 1 else (molecules + turn) % self.conformers)

    def each_conformer(self, molecules: Int[Tensor, "B"]) -> Iterator[MoleculeBatch]:
        """The same once per conformer; once where there are no positions."""
        return (self.batch(molecules, conformer) for conformer in range(self.conformers))

    def _move(self, rows: Tensor) -> Tensor:
        if rows.device == self.device:
            return rows
        return rows.pin_memory().to(self.device, non_blocking=True)


def _versions(features: tuple[Tensor, Tensor]) -> list[int]:
    """How often each was changed in place, which PyTorch counts outside of inference mode."""
    return [0 if f.is_inference() else f._version for f in features]


def _longer(rows: Tensor | None, molecules: int) -> Tensor | None:
    return None if rows is None else F.pad(rows, (0, 0, 0, molecules - len(rows)))


def _tensor(array: NDArray[Any]) -> Tensor:
    """The array itself as a tensor; uint16, which few operations know, under the name of int16."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor does anybody write
        return torch.from_numpy(array.view(np.int16) if array.dtype == np.uint16 else array)


def _spans(start: Tensor, molecules: Tensor, total: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the flat arrays that belong to `molecules`, their owner, and the first row of each in the batch."""
    begin = start.index_select(0, molecules)
    counts = start.index_select(0, molecules + 1) - begin
    first = counts.cumsum(0) - counts
    owner = torch.repeat_interleave(torch.arange(len(molecules), device=start.device), counts, output_size=total)
    rows = torch.arange(total, device=start.device) + (begin - first).index_select(0, owner)
    return rows, owner, first
