"""Directed bonds that are alike: what a network computes of one of them it can compute once for all of them.

Before the first round of messages a directed bond knows of itself and its source atom. With each round it hears of
atoms one bond farther away, and fewer are alike: in a batch of 64 drug-like molecules 3,050 directed bonds are of 95
kinds at first, of 540 after a round and of 1,130 after two.

Shape letters: N atoms, P bonds, E = 2 P directed bonds, K kinds of bonds, A kinds of atoms, I directed bonds into one
atom of each kind, c atom codes, C bond codes, f floats of an atom.
"""

from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from drugml.data.store import Layout

ROOM = 2**63
"""Numbers that a key can be."""
OF_A_FLOAT = 2**32
WORTH = 8
"""Directed bonds of one kind, on average, from which on looking for what is alike after rounds pays."""


class After(NamedTuple):
    """Kinds of directed bonds after a round."""

    kind: Int[Tensor, "E"]
    """Of each directed bond, in 0..K-1."""
    example: Int[Tensor, "K"]
    """A directed bond of each kind, as the place of its reverse in `Around.into`."""


class Around:
    """Kinds of atoms by what ends in them: an atom of each kind stands for all, and the bonds into it for theirs."""

    atom: Int[Tensor, "N"]
    """Kind of each atom, in 0..A-1."""
    example: Int[Tensor, "A"]
    """An atom of each kind."""
    into: Int[Tensor, "I"]
    """The directed bonds that end in the examples."""
    owner: Int[Tensor, "I"]
    """Kind of the atom in which each ends."""
    heard: Int[Tensor, "I"]
    """Kind of each, as it was given."""

    def __init__(self, alike: "Alike", kind: Int[Tensor, "E"], edge_index: Int[Tensor, "2 E"]) -> None:
        """Tell atoms apart by their features and the kinds of all directed bonds that end in them, however ordered."""
        self._alike, (self._source, target) = alike, edge_index
        atoms, bonds = len(alike.atom), len(kind)
        self._size = int(kind.max()) + 2 if bonds else 1
        order = torch.argsort(target * self._size + kind)  # by atom, then by kind
        at = target.index_select(0, order)
        degree = torch.bincount(target, minlength=atoms)
        self._start = degree.cumsum(0) - degree
        rank = torch.arange(bonds) - self._start.index_select(0, at)
        table = torch.zeros(atoms, max(int(degree.max()), 1), dtype=torch.int64)  # (N, most bonds of an atom)
        table[at, rank] = kind.index_select(0, order) + 1  # 0 where an atom has no more bonds
        self._table, self._rank = table, torch.empty_like(rank).index_copy_(0, order, rank)
        self.atom, self.example = sort_out(_joined(alike.atom, table, self._size))
        self._chosen = torch.zeros(atoms, dtype=torch.bool).index_fill_(0, self.example, True).index_select(0, at)
        self.into = order[self._chosen]
        self.owner = self.atom.index_select(0, target.index_select(0, self.into))
        self.heard = kind.index_select(0, self.into)

    def after(self) -> After:
        """Tell directed bonds apart by how they look and by what ends in their source, without their own reverse.

        The kinds are found among the bonds that leave the examples. Any other bond leaves an atom like one of these,
        and is like the bond there whose reverse has the same place among the sorted kinds that end in the atom.
        """
        leaving = self.into ^ 1
        rank = self._rank.index_select(0, self.into).unsqueeze(1)
        others = torch.arange(self._table.shape[1] - 1)
        others = others + (others >= rank)  # (I, most bonds of an atom less one): all columns but that of the reverse
        heard = self._table.index_select(0, self._source.index_select(0, leaving)).gather(1, others)
        looks = self._alike.kind.index_select(0, leaving)
        kind, example = sort_out(_joined(looks, heard, self._size))
        place = self._chosen.cumsum(0) - 1
        start = self._start.index_select(0, self.example).index_select(0, self.atom.index_select(0, self._source))
        same = place.index_select(0, start + self._rank.unflatten(0, (-1, 2)).flip(1).flatten())
        return After(kind.index_select(0, same), example)


class Alike(NamedTuple):
    """The kinds of directed bonds in a batch before they hear of others."""

    atom: Int[Tensor, "N"]
    """Kind of each atom, by its features."""
    kind: Int[Tensor, "E"]
    """Of each directed bond, in 0..K-1."""
    example: Int[Tensor, "K"]
    """A directed bond of each kind."""
    bond: Int[Tensor, "P"]
    """Kind of each bond, by its features alone."""
    bond_example: Int[Tensor, "b"]
    """A bond of each kind."""

    @property
    def worth(self) -> bool:
        """Whether so many are alike that it is faster to look for those that are so after rounds."""
        return len(self.example) * WORTH < len(self.kind)


class Codes(NamedTuple):
    """What the features of a batch were made of."""

    atoms: UInt8[Tensor, "N c"]
    floats: Float[Tensor, "N f"]
    bonds: UInt8[Tensor, "P C"]


class Keys:
    """Numbers of codes, the same for the same codes and no others."""

    def __init__(self, layout: Layout) -> None:
        self._atoms, self._bonds = ([max(len(c), 1) for c in part.columns] for part in (layout.atoms, layout.bonds))

    def alike(self, codes: Codes, ends: Int[Tensor, "P 2"]) -> Alike | None:
        """Sort the directed bonds of a batch by source atom and bond; None where a key has no room for all codes."""
        room = prod(self._bonds)
        if max(prod(self._atoms) * OF_A_FLOAT ** codes.floats.shape[1], len(codes.atoms) * room) > ROOM:
            return None
        atoms = _number(codes.atoms, self._atoms)
        for column in codes.floats.unbind(1):
            atoms = atoms * OF_A_FLOAT + (column.contiguous().view(torch.int32).long() + OF_A_FLOAT // 2)
        atom = torch.unique(atoms, return_inverse=True)[1]
        bonds = _number(codes.bonds, self._bonds)
        looks = atom.index_select(0, ends.reshape(-1)).view(-1, 2) * room + bonds.unsqueeze(1)
        return Alike(atom, *sort_out(looks.reshape(-1)), *sort_out(bonds))


def sort_out(keys: Int[Tensor, "n"]) -> tuple[Int[Tensor, "n"], Int[Tensor, "k"]]:
    """Which keys are the same, and where one of each is."""
    found, kind = torch.unique(keys, return_inverse=True)
    example = torch.empty(len(found), dtype=torch.int64)
    return kind, example.scatter_(0, kind, torch.arange(len(kind)))


def _joined(first: Int[Tensor, "n"], rest: Int[Tensor, "n w"], size: int) -> Int[Tensor, "n"]:
    """A number of each row, the same for the same rows and no others; `rest` is less than `size`."""
    room = int(first.max()) + 1 if len(first) else 1
    for column in rest.unbind(1):
        if room * size > ROOM:
            first = torch.unique(first, return_inverse=True)[1]
            room = len(first)
        first, room = first * size + column, room * size
    return first


def _number(codes: UInt8[Tensor, "n c"], sizes: list[int]) -> Int[Tensor, "n"]:
    number = torch.zeros(len(codes), dtype=torch.int64)
    for column, size in zip(codes.unbind(1), sizes, strict=True):
        number = number * size + column
    return number
