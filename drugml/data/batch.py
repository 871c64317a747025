"""Batches by index arithmetic: from a packed store on a device to one disconnected graph, with no loop over molecules.

Shape letters: B molecules, N atoms, P bonds, E = 2 P directed bonds, A atom codes, K bond codes, F and G columns
of the one-hot rows of atoms and bonds.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from drugml.data.store import GraphLayout, OneHotLayout, PackedStore


class OneHot:
    """Codes (n, A) to float rows (n, F) on one device."""

    def __init__(self, layout: OneHotLayout, device: torch.device) -> None:
        longest = max(map(len, layout.columns))
        rows = [[*c, *[-1] * (longest - len(c))] for c in layout.columns]
        table = torch.tensor(rows, device=device)
        self.width = layout.width
        # a column behind the row takes what sets nothing, and is cut off again
        self._table = torch.where(table < 0, self.width, table).reshape(-1)
        self._first = torch.arange(len(rows), device=device) * longest

    def __call__(self, codes: UInt8[Tensor, "n A"], floats: Float[Tensor, "n f"] | None = None) -> Float[Tensor, "n F"]:
        columns = self._table[codes + self._first]
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

    @cached_property
    def edge_index(self) -> Int[Tensor, "2 E"]:
        """Source and target atom of each directed bond."""
        return torch.stack([self.ends.reshape(-1), self.ends.flip(1).reshape(-1)])

    @cached_property
    def edge_attr(self) -> Float[Tensor, "E G"]:
        """One-hot bonds, once per direction."""
        return self.bonds.repeat_interleave(2, dim=0)


class DeviceStore:
    """A packed store as tensors on one device, from which batches are gathered."""

    def __init__(self, store: PackedStore, layout: GraphLayout, device: torch.device) -> None:
        def tensor(array: object) -> Tensor:
            return torch.tensor(array, device=device)  # copies: the store may be a read-only map

        self.device = device
        self._atom = {k: tensor(v) for k, v in store.atom.items()}
        self._bond = {k: tensor(v) for k, v in store.bond.items() if k != "ends"}
        self._ends = tensor(store.bond["ends"].astype("int32"))
        self._atom_start, self._bond_start = tensor(store.atom_start), tensor(store.bond_start)
        self._atoms, self._bonds = OneHot(layout.atoms, device), OneHot(layout.bonds, device)

    def batch(self, molecules: Int[Tensor, "B"]) -> MoleculeBatch:
        """Gather the molecules at these positions, in this order."""
        molecules = molecules.to(self.device)
        atoms, owner, first_atom = _spans(self._atom_start, molecules)
        bonds, bond_owner, _ = _spans(self._bond_start, molecules)
        return MoleculeBatch(
            len(molecules),
            x=self._atoms(self._atom["codes"][atoms], self._atom["floats"][atoms]),
            bonds=self._bonds(self._bond["codes"][bonds]),
            ends=self._ends[bonds] + first_atom[bond_owner].unsqueeze(1),
            batch=owner,
        )


def _spans(start: Tensor, molecules: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the flat arrays that belong to `molecules`, their owner, and the first row of each in the batch."""
    counts = start[molecules + 1] - start[molecules]
    first = counts.cumsum(0) - counts
    owner = torch.repeat_interleave(torch.arange(len(molecules), device=start.device), counts)
    rows = torch.arange(len(owner), device=start.device) + (start[molecules] - first)[owner]
    return rows, owner, first
