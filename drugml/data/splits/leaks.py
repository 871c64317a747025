"""What a split lets through: the same molecule on two sides, near copies of training molecules, shifted targets.

Shape letters: M molecules, T targets.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from drugml.data.prints import fingerprints
from drugml.data.splits.fingerprints import distinct, nearest
from drugml.data.splits.plan import FOLDS, Fold, SplitPlan, shared

BINS = 10
NEAR_COPY = 0.9
PAIRS = 2_000_000_000
"""Comparisons of a fold with train, 18 s on two cores; of a larger fold some molecules are looked at."""
SHOWN = 5
"""Leaking molecules that are named."""


@dataclass(frozen=True)
class Nearness:
    """How like the molecules of a fold are to the training molecules most like them (Tanimoto, Morgan 2, 2048 bits)."""

    fold: Fold
    histogram: tuple[int, ...]
    """Molecules with a similarity from 0 to 0.1, and so on; 1 is in the last of the ten."""
    median: float
    near_copies: float
    """Share of molecules with a similarity over 0.9."""
    looked_at: int
    """Molecules that were compared: all, or those at even distances in the order of InChIKeys."""


@dataclass(frozen=True)
class Shift:
    """How differently a target is distributed in a fold and in train (two-sample Kolmogorov-Smirnov test)."""

    target: str
    fold: Fold
    labels: int
    """Labels of the target in the fold."""
    statistic: float
    """Largest difference of the two cumulated distributions; NaN where one has no label."""
    p_value: float
    """Asymptotic; too large, so on the safe side, where values are tied, as classes are."""


@dataclass(frozen=True)
class LeakReport:
    """What a plan lets through."""

    sizes: dict[str, int]
    unused: int
    identical: tuple[str, ...]
    """InChIKeys in more than one fold."""
    connectivity: tuple[str, ...]
    """First 14 characters of InChIKeys in more than one fold: the same but for stereo, isotopes or charge."""
    nearness: tuple[Nearness, ...]
    shifts: tuple[Shift, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON; what is not a number is null."""
        found = asdict(self)
        for shift in found["shifts"]:
            shift |= {k: None for k in ("statistic", "p_value") if np.isnan(shift[k])}
        return found

    def lines(self) -> list[str]:
        """For a terminal."""
        sizes = ", ".join(f"{f} {n:,}" for f, n in self.sizes.items())
        lines = [f"molecules           {sizes}" + (f", unused {self.unused:,}" if self.unused else "")]
        lines.append(f"in several folds    {_named(self.identical)} (InChIKey)")
        lines.append(f"but for stereo etc. {_named(self.connectivity)} (first 14 characters)")
        lines += [
            f"{n.fold:<5} to train      median Tanimoto {n.median:.2f}, {n.near_copies:.1%} over {NEAR_COPY}; "
            f"0 to 1 by tenths: {' '.join(map(str, n.histogram))}"
            + (f" (of {n.looked_at:,} looked at)" if n.looked_at < self.sizes[n.fold] else "")
            for n in self.nearness
        ]
        return lines + [
            f"{s.fold:<5} of {s.target}: KS {s.statistic:.3f}, p {s.p_value:.2g} ({s.labels:,} labels)"
            for s in self.shifts
        ]


def report(plan: SplitPlan, targets: Sequence[str]) -> LeakReport:
    """Look for leaks in any plan.

    Args:
        plan: of molecules with SMILES and labels.
        targets: name of each column of the labels.
    """
    molecules = plan.molecules
    connectivity = molecules.inchikeys.astype("S14")
    # a key that is no InChIKey is a digest, of which no part says anything
    connectivity = np.where(np.char.startswith(molecules.inchikeys, b"smiles:"), molecules.inchikeys, connectivity)
    return LeakReport(
        plan.sizes,
        int((plan.fold < 0).sum()),
        tuple(plan.leaks()),
        tuple(shared(connectivity, plan.fold)),
        _nearness(plan),
        tuple(s for f in FOLDS[1:] for s in _shifts(plan, targets, f)),
    )


def _nearness(plan: SplitPlan) -> tuple[Nearness, ...]:
    smiles, member = distinct(plan.molecules)
    prints = fingerprints(smiles)
    train = prints[np.unique(member[plan.indices("train")])]
    found: list[Nearness] = []
    for fold in FOLDS[1:]:
        queries, back = np.unique(member[plan.indices(fold)], return_inverse=True)
        if not len(queries):
            continue
        most = max(PAIRS // max(len(train), 1), 1)
        looked_at = np.unique(np.linspace(0, len(queries) - 1, min(most, len(queries))).astype(int))
        similarity = np.full(len(queries), np.nan)
        similarity[looked_at] = nearest(prints[queries[looked_at]], train)
        similarity = _known(similarity[back])
        counts = np.bincount(np.minimum((similarity * BINS).astype(int), BINS - 1), minlength=BINS)
        median, near_copies = float(np.median(similarity)), float((similarity > NEAR_COPY).mean())
        found.append(Nearness(fold, tuple(counts.tolist()), median, near_copies, len(similarity)))
    return tuple(found)


def _shifts(plan: SplitPlan, targets: Sequence[str], fold: Fold) -> list[Shift]:
    labels, train, there = plan.molecules.labels, plan.indices("train"), plan.indices(fold)
    found = []
    for t, target in enumerate(targets):
        before, after = _known(labels[train, t]), _known(labels[there, t])
        statistic, p_value = np.nan, np.nan
        if len(before) and len(after):
            with np.errstate(all="ignore"):  # of one label each SciPy's p-value is 0 / 0; nothing speaks against chance
                statistic, p_value = ks_2samp(before, after, method="asymp")
            p_value = 1.0 if np.isnan(p_value) else p_value
        found.append(Shift(target, fold, len(after), float(statistic), float(p_value)))
    return found


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known: NDArray[np.float64] = values[~np.isnan(values)]
    return known


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return f"{len(keys):,}: {', '.join(keys[:SHOWN])}{more}" if keys else "none"
