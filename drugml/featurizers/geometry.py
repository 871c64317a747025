"""Molecules as atoms in space: from the file, or conformers made by distance geometry."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from rdkit.rdBase import BlockLogs

from drugml.config.geometry import GeometrySpec
from drugml.data.store import PackedStore
from drugml.featurizers.featurizer import FEATURIZERS, Unfit

GIVEN = "_drugml_given"
"""Property of a molecule: the text it was read from, where that still describes it."""
APART = 50.0
"""Å between fragments, which RDKit puts on top of each other: farther than any network looks."""
MMFF_STEPS = 1000
"""Most steps of the force field; it is seldom far from a minimum then."""
SEEDS = 101
"""RDKit multiplies the seed by the number of the conformer: of 0 all are equal, of 1 and 2 every second one; more than
the most conformers keeps seeds apart."""
WITH_HYDROGENS: Any = Chem.SmilesParserParams()
WITH_HYDROGENS.removeHs = False


@FEATURIZERS.register(GeometrySpec)
class Geometry:
    """Atom `numbers` (N,), uint8, and `positions` (N, C, 3) in Å, float32, of C conformers; no one-hot codes, no bonds.

    Conformers are made of the canonical SMILES, so that a molecule has the same ones whatever the order of its atoms;
    where a molecule gives fewer than are asked for, they are repeated. Of a molecule that is not embedded from a
    distance matrix random coordinates are tried next. Fragments, as of a salt, are put so far apart that they do not
    see each other; positions of a file stay as they are.
    """

    def __init__(
        self, *, source: str, conformers: int, hydrogens: bool, optimize: str, seed: int, time_limit: int
    ) -> None:
        self.source, self.conformers, self.hydrogens = source, conformers, hydrogens
        self.optimize, self.seed, self.time_limit = optimize, seed, time_limit

    def describe(self) -> dict[str, Any]:
        about = {"kind": "geometry", "source": self.source, "hydrogens": self.hydrogens}
        if self.source == "file":
            return about
        made = {"conformers": self.conformers, "optimize": self.optimize, "seed": self.seed}
        return {**about, "method": "ETKDGv3", "apart": APART, **made, "time_limit": self.time_limit}

    def pack(self, mols: Sequence[Chem.Mol]) -> PackedStore:
        with BlockLogs():
            placed = [self._given(m) if self.source == "file" else self._made(m) for m in mols]
        for mol in placed:
            _check(mol)
        atoms = np.array([m.GetNumAtoms() for m in placed])
        total = int(atoms.sum())
        return PackedStore(
            molecule={},
            atom={
                "codes": np.zeros((total, 0), np.uint8),
                "floats": np.zeros((total, 0), np.float32),
                "numbers": np.array([a.GetAtomicNum() for m in placed for a in m.GetAtoms()], np.uint8),
                "positions": np.concatenate([self._positions(m) for m in placed]),
            },
            bond={"codes": np.zeros((0, 0), np.uint8), "ends": np.zeros((0, 2), np.uint16)},
            atom_start=np.cumsum([0, *atoms], dtype=np.int64),
            bond_start=np.zeros(len(placed) + 1, np.int64),
        )

    def _positions(self, mol: Chem.Mol) -> NDArray[np.float32]:
        """(n, C, 3)."""
        found = [c.GetPositions() for c in mol.GetConformers()]
        return np.stack([found[i % len(found)] for i in range(self.conformers)], axis=1).astype(np.float32)

    def _given(self, mol: Chem.Mol) -> Chem.Mol:
        if not mol.HasProp(GIVEN):
            raise Unfit("standardization changed it, so that the positions of the file are those of another molecule")
        whole = Chem.MolFromSmiles(mol.GetProp(GIVEN), WITH_HYDROGENS)
        if whole is None or not whole.GetNumConformers() or not whole.GetConformer().Is3D():
            raise Unfit("it came without 3D coordinates, and featurizer.source = 'file' makes none")
        return Chem.AddHs(whole, addCoords=True) if self.hydrogens else Chem.RemoveHs(whole)

    def _made(self, mol: Chem.Mol) -> Chem.Mol:
        bare = Chem.Mol(mol)
        for atom in bare.GetAtoms():
            atom.SetAtomMapNum(0)
        canonical = Chem.MolFromSmiles(Chem.MolToSmiles(bare))
        if canonical is None:
            raise Unfit("RDKit cannot read the canonical SMILES that it writes of it")
        whole = Chem.AddHs(canonical)
        self._embed(whole)
        _spread(whole)
        if self.optimize == "mmff":
            if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(whole):
                raise Unfit("MMFF94 has no parameters for it; featurizer.optimize=none needs none")
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(whole, maxIters=MMFF_STEPS)
        return whole if self.hydrogens else Chem.RemoveHs(whole)

    def _embed(self, mol: Chem.Mol) -> None:
        options: Any = rdDistGeom.ETKDGv3()
        options.randomSeed = self.seed * SEEDS + 1
        begin = time.monotonic()
        for options.useRandomCoords in (False, True):
            left = self.time_limit - (time.monotonic() - begin)
            options.timeout = max(1, round(left))
            if left > 0:
                rdDistGeom.EmbedMultipleConfs(mol, self.conformers, options)
            if mol.GetNumConformers():  # the ids that it returns may be of none
                return
        late = time.monotonic() - begin >= self.time_limit
        raise Unfit(
            f"its conformers are not made within featurizer.time_limit = {self.time_limit} seconds"
            if late
            else "it cannot be embedded in space: ETKDGv3 finds no conformer, nor from random coordinates"
        )


def _spread(mol: Chem.Mol) -> None:
    """Fragments side by side along x."""
    fragments = [list(f) for f in Chem.GetMolFrags(mol)]
    for conformer in mol.GetConformers() if len(fragments) > 1 else ():
        places, end = conformer.GetPositions(), -APART
        for atoms in fragments:
            places[atoms, 0] += end + APART - places[atoms, 0].min()
            end = places[atoms, 0].max()
        conformer.SetPositions(places)


def _check(mol: Chem.Mol) -> None:
    for conformer in mol.GetConformers():
        places = conformer.GetPositions()
        if not np.isfinite(places).all():
            raise Unfit("one of its positions is no finite number")
        if len(np.unique(places.round(2), axis=0)) < mol.GetNumAtoms():
            raise Unfit("two of its atoms are in the same place")
