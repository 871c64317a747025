"""What stands in the structures: fragments, undefined stereo, charges, isotopes, metals; one row per molecule.

SMILES go to the workers, flat arrays come back; a chunk of molecules at a time is in memory.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors, rdqueries
from rdkit.rdBase import BlockLogs

from drugml.data.chunks import mapped
from drugml.data.companions import COMPANIONS
from drugml.data.elements import BYTES, atomic_numbers, bits
from drugml.data.molecule import identity, parse, scaffold
from drugml.data.progress import progress
from drugml.data.status import Reject

CHUNK = 1000
"""Molecules a worker takes at a time."""
WORTH_A_POOL = 4000
"""Fewer molecules are done before workers have started."""

FACTS = np.dtype(
    [
        ("atoms", "u2"),  # heavy atoms
        ("fragments", "u2"),
        ("mixture", "?"),  # two different organic fragments of like size: none is the counter-ion of the other
        ("undefined_centres", "u2"),
        ("undefined_bonds", "u2"),
        ("stereo_groups", "u2"),  # enhanced stereo of kind OR or AND
        ("charge", "i2"),  # of all fragments together
        ("isotopes", "u2"),
        ("radicals", "u2"),  # unpaired electrons, those of metal ions not counted
        ("metals", "u2"),
        ("elements", "u1", (BYTES,)),  # see `bits`; hydrogen is not among them
    ]
)
Facts = NDArray[np.void]
"""(M,) of type FACTS; `facts["charge"]` is (M,)."""

NON_METALS = frozenset([1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54, 85, 86])
"""Atomic numbers; boron, silicon, germanium, arsenic, antimony and tellurium count as non-metals here."""
ISOTOPE, RADICAL = rdqueries.IsotopeGreaterQueryAtom(0), rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
"""Asked of all atoms at once, which takes a tenth of the time of a walk over them."""
LIKE_SIZE = 0.5
"""The second largest different fragment has at least this share of the atoms of the largest: a mixture, not a salt."""


class Inspected(NamedTuple):
    """What became of a list of SMILES."""

    facts: Facts
    """(M,) of the good molecules, in order."""
    inchikeys: NDArray[np.bytes_]
    """(M,)."""
    scaffolds: NDArray[np.bytes_]
    """(M,), digest of the Murcko scaffold, empty for acyclic molecules."""
    rejects: dict[int, Reject]
    """Position in the list to reason."""


def inspect(smiles: Sequence[str], *, max_atoms: int, identities: bool, workers: int) -> Inspected:
    """Parse once, and say of each molecule what it is and what is odd about it.

    Args:
        smiles: what stands in the table, good or bad.
        max_atoms: larger molecules are rejected.
        identities: also make InChIKeys and scaffolds, three quarters of the work; they are empty texts otherwise.
        workers: processes.
    """
    chunks = [smiles[i : i + CHUNK] for i in range(0, len(smiles), CHUNK)]
    job = partial(_inspect_chunk, max_atoms=max_atoms, identities=identities)
    parts: list[Inspected] = []
    with progress(len(smiles), "molecules inspected") as done:
        for part in mapped(job, chunks, workers if len(smiles) >= WORTH_A_POOL else 1):
            parts.append(part)
            done(min(len(smiles), len(parts) * CHUNK))
    if not parts:
        return Inspected(np.zeros(0, FACTS), np.zeros(0, "S1"), np.zeros(0, "S1"), {})
    return Inspected(
        np.concatenate([p.facts for p in parts]),
        np.concatenate([p.inchikeys for p in parts]),
        np.concatenate([p.scaffolds for p in parts]),
        {n * CHUNK + i: r for n, p in enumerate(parts) for i, r in p.rejects.items()},
    )


def describe(mol: Chem.Mol) -> tuple[Any, ...]:
    """The fields of FACTS of one molecule."""
    fragments, numbers = len(Chem.GetMolFrags(mol)), atomic_numbers(mol)
    metal = numbers - NON_METALS
    metals = {a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() in metal} if metal else set[int]()
    with BlockLogs():
        centres, bonds = _undefined(mol)
    return (
        mol.GetNumHeavyAtoms(),
        fragments,
        fragments > 1 and _is_mixture(mol),
        centres,
        bonds,
        sum(g.GetGroupType() != Chem.StereoGroupType.STEREO_ABSOLUTE for g in _each(mol.GetStereoGroups())),
        Chem.GetFormalCharge(mol),
        len(mol.GetAtomsMatchingQuery(ISOTOPE)),
        sum(a.GetNumRadicalElectrons() for a in _each(mol.GetAtomsMatchingQuery(RADICAL)) if a.GetIdx() not in metals),
        len(metals),
        bits(numbers),
    )


def elements(facts: Facts) -> dict[str, int]:
    """Symbol to the number of molecules that hold the element, the most frequent first."""
    counts = np.unpackbits(facts["elements"], axis=1, bitorder="little").sum(axis=0)
    symbol = Chem.GetPeriodicTable().GetElementSymbol
    found = {symbol(int(n)): int(counts[n]) for n in np.flatnonzero(counts)}
    return dict(sorted(found.items(), key=lambda e: (-e[1], e[0])))


def _each(found: Any) -> list[Any]:
    """The members of one of RDKit's vectors, whose iterator ends by an exception that takes as long as all the rest."""
    return [found[i] for i in range(len(found))]


def _undefined(mol: Chem.Mol) -> tuple[int, int]:
    """Stereocentres and double bonds whose configuration is not given.

    RDKit also lists what has no configuration of its own: bridgeheads of norbornane or adamantane, which count
    only if the older perception, by ranks of the neighbours, knows them too; and C=N of imines with H on the
    nitrogen and of amidines, which invert or tautomerise at once.
    """
    open_ones = [s for s in _each(Chem.FindPotentialStereo(mol)) if s.specified == Chem.StereoSpecified.Unspecified]
    centres = {s.centeredOn for s in open_ones if s.type == Chem.StereoType.Atom_Tetrahedral}
    bonds = [mol.GetBondWithIdx(s.centeredOn) for s in open_ones if s.type == Chem.StereoType.Bond_Double]
    if len(centres) > 0:
        bridgeheads: Any = []  # filled by RDKit
        rdMolDescriptors.CalcNumBridgeheadAtoms(mol, bridgeheads)
        if centres & set(bridgeheads):
            ranked = Chem.FindMolChiralCenters(
                mol, includeUnassigned=True, includeCIP=False, useLegacyImplementation=True
            )
            centres -= set(bridgeheads) - {i for i, _ in ranked}
    return len(centres), sum(map(_keeps_configuration, bonds))


def _keeps_configuration(bond: Chem.Bond) -> bool:
    ends = bond.GetBeginAtom(), bond.GetEndAtom()
    for nitrogen, other in (ends, ends[::-1]):
        if nitrogen.GetAtomicNum() == 7:
            if nitrogen.GetTotalNumHs() > 0:
                return False
            amidine = [n for n in other.GetNeighbors() if n.GetAtomicNum() == 7 and n.GetIdx() != nitrogen.GetIdx()]
            if amidine and other.GetAtomicNum() == 6:
                return False
    return True


def _is_mixture(mol: Chem.Mol) -> bool:
    parts = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)
    named = {Chem.MolToSmiles(p): _heavy_formula(p) for p in parts}
    sizes = sorted(sum(f.values()) for f in named.values() if f["C"] and _written(f) not in COMPANIONS)
    return len(sizes) > 1 and sizes[-2] >= LIKE_SIZE * sizes[-1]


def _heavy_formula(mol: Chem.Mol) -> Counter[str]:
    return Counter(a.GetSymbol() for a in mol.GetAtoms() if a.GetAtomicNum() > 1)


def _written(formula: Counter[str]) -> str:
    return "".join(f"{element}{n}" for element, n in sorted(formula.items()))


def _inspect_chunk(smiles: Sequence[str], *, max_atoms: int, identities: bool) -> Inspected:
    facts, keys, frames = [], [], []
    rejects: dict[int, Reject] = {}
    for i, text in enumerate(smiles):
        mol = parse(text, max_atoms)
        if isinstance(mol, Reject):
            rejects[i] = mol
            continue
        facts.append(describe(mol))
        keys.append(identity(mol).encode() if identities else b"")
        frames.append(scaffold(mol).encode() if identities else b"")
    return Inspected(np.array(facts, FACTS), np.array(keys, "S"), np.array(frames, "S20"), rejects)
