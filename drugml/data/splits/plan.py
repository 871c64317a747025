"""What a split is: a plan with a hash, checked for empty folds and leaks.

Shape letters: M molecules, T targets.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from drugml.config.base import Spec
from drugml.errors import UserError
from drugml.registry import Registry

Fold = Literal["train", "val", "test"]
FOLDS: tuple[Fold, Fold, Fold] = ("train", "val", "test")
UNUSED = -1
"""Fold number of a molecule that a plan leaves out: later than the test window of a split by time."""
NAMES = (*FOLDS, "unused")
"""Fold number to name; UNUSED counts from the end."""
Folds = NDArray[np.int8]
Indices = NDArray[np.int64]


class Molecules(NamedTuple):
    """What a splitter may look at, one entry per molecule."""

    lines: Sequence[str]
    """Line of the table, with its file where there are several."""
    inchikeys: NDArray[np.bytes_]
    scaffolds: NDArray[np.bytes_]
    """Digest of the Murcko scaffold, empty for acyclic molecules."""
    column: Sequence[str] | None
    """Cells of the split column, where the split names one."""
    smiles: Sequence[str]
    labels: NDArray[np.float64]
    """(M, T), NaN where missing."""


@dataclass(frozen=True)
class SplitPlan:
    """Which molecule is in which fold; `fold` (M,) counts in FOLDS, UNUSED for what is in none."""

    molecules: Molecules
    fold: Folds
    repeat: int = 1
    number: int = 1
    """Place in a cross-validation, counted from 1."""

    def indices(self, fold: Fold) -> Indices:
        """Positions of the molecules of one fold, ascending."""
        return np.flatnonzero(self.fold == FOLDS.index(fold))

    @cached_property
    def hash(self) -> str:
        """SHA-256 over line, InChIKey and fold of every molecule: equal hashes, equal splits."""
        return hashlib.sha256("\n".join(",".join(r) for r in self.rows()).encode()).hexdigest()

    @property
    def sizes(self) -> dict[str, int]:
        """Molecules per fold."""
        return {f: len(self.indices(f)) for f in FOLDS}

    def leaks(self) -> list[str]:
        """InChIKeys that stand in more than one fold."""
        return shared(self.molecules.inchikeys, self.fold)

    def rows(self) -> list[tuple[str, str, str]]:
        """Line, InChIKey and name of the fold of every molecule."""
        keys = (k.decode() for k in self.molecules.inchikeys)
        return [(n, k, NAMES[f]) for n, k, f in zip(self.molecules.lines, keys, self.fold, strict=True)]


class Splitter(Protocol):
    """Draws the fold of every molecule."""

    def __call__(self, molecules: Molecules) -> Folds:
        """One split, (M,)."""
        ...

    def folds(self, molecules: Molecules, k: int, repeats: int) -> list[Folds]:
        """The splits of a cross-validation, k of each repeat, one repeat after the other.

        Raises:
            UserError: if the method has no such thing, and why.
        """
        ...


SPLITTERS: Registry[Splitter] = Registry("splitter")


def split(spec: Spec, molecules: Molecules) -> SplitPlan:
    """Draw a plan in which no fold is empty and no molecule is in two of them.

    Raises:
        UserError: if there are too few molecules or groups, or a predefined split leaks.
    """
    _check_enough(spec, molecules)
    plan = SplitPlan(molecules, SPLITTERS.build(spec)(molecules))
    if empty := _empty(plan):
        remedy = "add molecules, change data.split.sizes" if hasattr(spec, "sizes") else "mend what names the folds"
        raise UserError(
            f"split {_kind(spec)!r} leaves no molecule for {empty} ({_counts(plan)}); {remedy}, or use "
            "data.split=random"
        )
    return plan


def folds(spec: Spec, molecules: Molecules, k: int, repeats: int) -> list[SplitPlan]:
    """Draw the plans of a cross-validation: k of each repeat, one repeat after the other.

    The test folds of a repeat share no molecule and cover all of them (a split by time: all but the first
    window); the validation fold of each is drawn from what is left, by the same groups, as large as `sizes` says.

    Raises:
        UserError: if k or repeats make no sense, for the data or for the method, or a fold stays empty.
    """
    if k < 2 or repeats < 1:
        raise UserError(f"cross-validation needs at least 2 folds and 1 repeat, found {k} folds and {repeats} repeats")
    _check_enough(spec, molecules)
    drawn = SPLITTERS.build(spec).folds(molecules, k, repeats)
    plans = [SplitPlan(molecules, f, i // k + 1, i % k + 1) for i, f in enumerate(drawn)]
    for plan in plans:
        if empty := _empty(plan):
            raise UserError(
                f"split {_kind(spec)!r}: fold {plan.number} of {k} has no molecule for {empty} ({_counts(plan)}); "
                "use fewer folds, or a split with more groups such as data.split=random"
            )
    return plans


def refuse_folds(kind: str, why: str) -> NoReturn:
    """Say that a method has no cross-validation.

    Raises:
        UserError: always.
    """
    raise UserError(f"split {kind!r} has no cross-validation: {why}")


def shared(keys: NDArray[np.bytes_], fold: Folds) -> list[str]:
    """Keys that stand in more than one fold, sorted."""
    used = fold != UNUSED
    pairs = np.unique(np.stack([np.unique(keys[used], return_inverse=True)[1], fold[used]]), axis=1)
    twice = np.flatnonzero(np.bincount(pairs[0]) > 1)
    return [k.decode() for k in np.unique(keys[used])[twice]]


def _check_enough(spec: Spec, molecules: Molecules) -> None:
    if len(molecules.lines) < len(FOLDS):
        raise UserError(
            f"split {_kind(spec)!r} needs at least one molecule each for train, val and test; "
            f"only {len(molecules.lines)} usable molecules are left"
        )


def _empty(plan: SplitPlan) -> str:
    return " and ".join(f for f, n in plan.sizes.items() if n == 0)


def _kind(spec: Spec) -> str:
    return str(getattr(spec, "kind", "?"))


def _counts(plan: SplitPlan) -> str:
    return ", ".join(f"{f} {n}" for f, n in plan.sizes.items())
