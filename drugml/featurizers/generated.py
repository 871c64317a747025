"""Count fingerprints of one kind through RDKit's generators, which cannot be pickled and are made for each pack."""

from collections.abc import Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from drugml.config.featurizers import AtomPairSpec, FeatureMorganSpec, PathSpec, TorsionSpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS
from drugml.featurizers.rows import canonical, label, rows


@FEATURIZERS.register(FeatureMorganSpec)
class FeatureMorgan:
    """As `morgan`, but atoms begin as RDKit's donor, acceptor, aromatic, halogen, basic and acidic (FCFP)."""

    def __init__(self, *, radius: int, bits: int, chirality: bool) -> None:
        self._options: dict[str, Any] = {"radius": radius, "fpSize": bits, "includeChirality": chirality}

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.feature_morgan.counts", **self._options}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        roles = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
        generator = rdFingerprintGenerator.GetMorganGenerator(**self._options, atomInvariantsGenerator=roles)
        return rows(mols, self._options["fpSize"], generator.GetCountFingerprintAsNumPy)


@FEATURIZERS.register(AtomPairSpec)
class AtomPair:
    """Folded counts of atom pairs up to 30 bonds apart. A molecule of one atom has zeros."""

    def __init__(self, *, bits: int, chirality: bool) -> None:
        self._options: dict[str, Any] = {"fpSize": bits, "includeChirality": chirality}

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.atom_pair.counts", **self._options}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        generator = rdFingerprintGenerator.GetAtomPairGenerator(**self._options)
        if self._options["includeChirality"]:
            label(mols)
        return rows(mols, self._options["fpSize"], generator.GetCountFingerprintAsNumPy)


@FEATURIZERS.register(TorsionSpec)
class Torsion:
    """Folded counts of topological torsions. A molecule without a path of three bonds has zeros.

    RDKit counts a ring of three atoms as one path that begins and ends at the same atom, and which atom that is
    depends on the order of atoms. Molecules with such a ring are therefore read in canonical order.
    """

    def __init__(self, *, bits: int, chirality: bool) -> None:
        self._options: dict[str, Any] = {"fpSize": bits, "includeChirality": chirality}

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.torsion.counts.canonical", **self._options}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        generator = rdFingerprintGenerator.GetTopologicalTorsionGenerator(**self._options)
        if self._options["includeChirality"]:
            label(mols)
        return rows(mols, self._options["fpSize"], lambda mol: generator.GetCountFingerprintAsNumPy(_ordered(mol)))


@FEATURIZERS.register(PathSpec)
class Path:
    """Folded counts of subgraphs of 1 to `longest` bonds, each in two columns. A molecule without bonds has zeros."""

    def __init__(self, *, longest: int, bits: int) -> None:
        self._options: dict[str, Any] = {"maxPath": longest, "fpSize": bits}

    def describe(self) -> dict[str, Any]:
        return {"kind": "fingerprint", "generator": "rdkit.path.counts", **self._options}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        generator = rdFingerprintGenerator.GetRDKitFPGenerator(**self._options)
        return rows(mols, self._options["fpSize"], generator.GetCountFingerprintAsNumPy)


def _ordered(mol: Chem.Mol) -> Chem.Mol:
    """The atoms in canonical order if there is a ring of three, otherwise as they are."""
    if all(len(ring) > 3 for ring in mol.GetRingInfo().AtomRings()):
        return mol
    return canonical(mol)
