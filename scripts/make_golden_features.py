"""Write what the tests hold feature sets to; run it where the originals are installed.

    pip install chemprop==2.3.1 && git clone https://github.com/OpenDrugAI/AttentiveFP
    PYTHONPATH=AttentiveFP python scripts/make_golden_features.py

tests/golden/features.json: of each atom and bond the columns that are 1, then pairs of column and value of those that
are neither 0 nor 1.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from AttentiveFP.Featurizer import atom_features, bond_features
from chemprop.featurizers.atom import MultiHotAtomFeaturizer, RIGRAtomFeaturizer
from chemprop.featurizers.bond import MultiHotBondFeaturizer, RIGRBondFeaturizer
from rdkit import Chem

HERE = Path(__file__).parents[1] / "tests"
HARD = [
    "[Na+].[Cl-]",
    "[13CH4]",
    "F/C=C/Cl",
    "CC=CC",
    "C[C@H](N)C(=O)[O-]",
    "C[C@@H](O)C(F)Br",
    "C[C@H]1CC[C@@H](C)CC1",
    "C[S@](=O)CC",
    "FS(F)(F)F",
    "FP(F)(F)(F)F",
    "[CH2]C",
    "[O][O]",
    "CB(O)O",
    "C[Se]C",
    "C[Te]C",
    "CI",
    "N->[Pt](Cl)Cl",
    "[NH4+]",
    "c1cc[nH]c1",
    "[U]",
    "O=C(O)c1ccccc1C#N",
    "C[As](C)C",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
]
ORIGINALS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "chemprop_v1": (MultiHotAtomFeaturizer.v1(), MultiHotBondFeaturizer()),
    "chemprop_organic": (MultiHotAtomFeaturizer.organic(), MultiHotBondFeaturizer()),
    "rigr": (RIGRAtomFeaturizer(), RIGRBondFeaturizer()),
    "attentivefp": (atom_features, bond_features),
}


def sparse(row: Any) -> list[Any]:
    """Columns that are 1, then pairs of column and value."""
    row = np.asarray(row, np.float64)
    others = np.flatnonzero((row != 0) & (row != 1))
    return [*np.flatnonzero(row == 1).tolist(), *([int(c), round(float(row[c]), 6)] for c in others)]


mols = [Chem.MolFromSmiles(s) for s in HARD]
golden: dict[str, Any] = {"smiles": HARD}
for name, (of_atom, of_bond) in ORIGINALS.items():
    golden[name] = {
        "atoms": [sparse(of_atom(a)) for m in mols for a in m.GetAtoms()],
        "bonds": [sparse(of_bond(b)) for m in mols for b in m.GetBonds()],
    }
(HERE / "golden" / "features.json").write_text(json.dumps(golden, separators=(",", ":")))
