"""By Bemis-Murcko scaffold."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.rdBase import BlockLogs

from drugml.config.splits import Order, ScaffoldSplit, Sizes
from drugml.data.molecule import digest, read_again
from drugml.data.splits.draw import Grouped, join
from drugml.data.splits.plan import SPLITTERS, Indices, Molecules


@SPLITTERS.register(ScaffoldSplit)
class Scaffold(Grouped):
    """Molecules of one Bemis-Murcko scaffold are one group; so are tautomers of one InChIKey."""

    def __init__(
        self,
        *,
        sizes: Sizes,
        seed: int,
        order: Order,
        framework: Literal["murcko", "generic"],
        acyclic: Literal["apart", "together"],
    ) -> None:
        super().__init__(sizes=sizes, seed=seed, order=order)
        self.framework, self.acyclic = framework, acyclic

    def groups(self, molecules: Molecules) -> Indices:
        scaffolds = molecules.scaffolds if self.framework == "murcko" else _generic(molecules)
        if self.acyclic == "apart":
            scaffolds = np.where(scaffolds == b"", molecules.inchikeys, scaffolds)
        return join(molecules.inchikeys, scaffolds)


def _generic(molecules: Molecules) -> NDArray[np.bytes_]:
    """Digest of each molecule's framework as a graph, (M,); one molecule of each Murcko scaffold is looked at."""
    _, first, number = np.unique(molecules.scaffolds, return_index=True, return_inverse=True)
    frames = [generic(molecules.smiles[i]) if molecules.scaffolds[i] else "" for i in first]
    return np.array([f.encode() for f in frames], "S20")[number]


def generic(smiles: str) -> str:
    """Digest of the graph framework of a molecule with rings: every atom carbon, every bond single.

    Atoms that hang on a ring by a double bond belong to RDKit's scaffold but not to the framework of the paper;
    once all bonds are single a second pass takes them off.
    """
    (mol,) = read_again([smiles])
    with BlockLogs():
        frame = MurckoScaffold.GetScaffoldForMol(mol)
        for atom in frame.GetAtoms():
            atom.SetAtomicNum(6)
            atom.SetIsotope(0)
            atom.SetFormalCharge(0)
            atom.SetNumRadicalElectrons(0)
            atom.SetIsAromatic(False)
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(0)
            atom.SetAtomMapNum(0)
        for bond in frame.GetBonds():
            bond.SetBondType(Chem.BondType.SINGLE)
            bond.SetIsAromatic(False)
        return digest(Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(frame), isomericSmiles=False))
