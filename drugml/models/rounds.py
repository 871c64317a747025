"""Rounds of messages among atoms, each computed once for all atoms that are alike.

An atom knows at first what it looks like and how many bonds it has; with each round it hears of atoms one bond farther
away, and fewer are alike (the colours of Weisfeiler and Leman). What a round makes of one of them it makes of all.

Shape letters: N atoms, P bonds, R rows of `h`, A atoms that are computed, I directed bonds into these, K bonds that
differ, D width, G columns of a bond.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drugml.data.alike import Alike, Around, sort_out
from drugml.data.batch import MoleculeBatch
from drugml.models.segments import count

MOST = 0.95
"""Share of the atoms that may differ; with more it is faster to compute all."""


class Hood(NamedTuple):
    """Who hears whom in a round: directed bonds lead from rows of `h` to atoms that are computed."""

    source: Int[Tensor, "I"]
    """Row of `h` where each begins."""
    target: Int[Tensor, "I"]
    """Atom in which it ends, in 0..A-1."""
    bonds: Float[Tensor, "K G"]
    """Features of the bonds."""
    bond: Int[Tensor, "I"]
    """Which of them each is."""
    own: Int[Tensor, "A"] | None
    """Row of `h` of each atom; None where the rows are the atoms."""
    degree: Float[Tensor, "R 1"]
    """Neighbours of each row of `h`."""
    atoms: int
    """A."""

    @classmethod
    def of(cls, batch: MoleculeBatch) -> "Hood":
        """All atoms of a batch, each for itself."""
        source, target = batch.edge_index
        bond = torch.arange(len(source), device=source.device) // 2
        return cls(source, target, batch.bonds, bond, None, count(target, len(batch.x)), len(batch.x))

    def of_atoms(self, rows: Float[Tensor, "R D"]) -> Float[Tensor, "A D"]:
        """What was computed of rows of `h`, for the atoms."""
        return rows if self.own is None else rows.index_select(0, self.own)


class Rounds:
    """The rounds of one pass over a batch.

    Args:
        batch: molecules.
        share: whether what a network makes of an atom depends on nothing but what it has heard; not so with dropout.
    """

    def __init__(self, batch: MoleculeBatch, *, share: bool) -> None:
        self._batch, self._hood = batch, Hood.of(batch)
        alike = batch.alike if share else None
        self._alike: Alike | None = alike if alike is not None and alike.worth else None
        """None once every atom is computed for itself."""
        if alike is not None and self._alike is not None:
            degree = self._hood.degree.squeeze(1).long()
            self._kind, self._example = sort_out(alike.atom * (int(degree.max()) + 1) + degree)
            self._hood = self._hood._replace(bonds=batch.bonds.index_select(0, alike.bond_example))
            self._bond = alike.bond.repeat_interleave(2)

    def atoms(self) -> Float[Tensor, "R F"]:
        """Features of the atoms whose rows the first round begins with."""
        x = self._batch.x
        return x if self._alike is None else x.index_select(0, self._example)

    def next(self) -> Hood:
        """The next round, from the rows that the one before has made."""
        if self._alike is None:
            return self._hood
        alike, source = self._alike, self._batch.edge_index[0]
        kind, example, bond = self._kind, self._example, self._bond
        heard = torch.unique(kind.index_select(0, source) * len(alike.example) + alike.kind, return_inverse=True)[1]
        around = Around(alike._replace(atom=kind), heard, self._batch.edge_index)
        degree = self._hood.degree.index_select(0, example)
        if len(around.example) > MOST * len(kind):
            self._alike = None  # the rows of this round are the atoms themselves
            self._hood = self._hood._replace(bond=bond)
            return self._hood._replace(source=kind.index_select(0, source), own=kind, degree=degree)
        self._kind, self._example = around.atom, around.example
        return self._hood._replace(
            source=kind.index_select(0, source.index_select(0, around.into)),
            target=around.owner,
            bond=bond.index_select(0, around.into),
            own=kind.index_select(0, around.example),
            degree=degree,
            atoms=len(around.example),
        )

    def each(self, h: Float[Tensor, "R D"]) -> Float[Tensor, "N D"]:
        """The rows of the last round, for each atom."""
        return h if self._alike is None else h.index_select(0, self._kind)
