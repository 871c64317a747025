"""Write what the tests hold features and networks to; run it where the originals are installed.

    pip install chemprop==2.3.1 && pip install --no-deps ogb==1.3.6

tests/golden/chemprop.json: one-hot rows, and the outputs of a tiny network with its weights.
tests/golden/ogb.json: the feature indices of every atom and bond.
"""

import json
from pathlib import Path

import numpy as np
import torch
from chemprop.data import BatchMolGraph
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from chemprop.nn import BondMessagePassing, NormAggregation, RegressionFFN
from ogb.utils.features import atom_to_feature_vector, bond_to_feature_vector
from rdkit import Chem

HERE = Path(__file__).parents[1] / "tests"
HARD = [
    "C",
    "[Na+].[Cl-]",
    "[2H]C",
    "[13CH4]",
    "F/C=C/Cl",
    "C[C@H](N)C(=O)[O-]",
    "FS(F)(F)(F)(F)F",
    "[CH3]",
    "[Fe+2]",
    "CB(O)O",
    "C[Se]C",
    "CI",
    "N->[Pt](Cl)Cl",
    "[CH3:1][OH:2]",
    "[NH3+]CC([O-])=O",
    "C1CCCCCCCCCCC1",
    "[U]",
]

torch.manual_seed(0)
smiles = [*HARD, *(HERE / "data" / "molecules.smi").read_text().split()]
graphs = [SimpleMoleculeMolGraphFeaturizer()(Chem.MolFromSmiles(s)) for s in smiles]
mp, aggregate, ffn = BondMessagePassing(d_h=6), NormAggregation(), RegressionFFN(n_tasks=2, input_dim=6, hidden_dim=5)
weights = {}
for prefix, module in (("encoder.", mp), ("head.", ffn.ffn)):
    for name, value in module.state_dict().items():
        value.copy_((value * 1e4).round() / 1e4)
        weights[prefix + name] = value.tolist()
batch = BatchMolGraph(graphs)
with torch.no_grad():
    out = ffn.ffn(aggregate(mp(batch), batch.batch)).tolist()
rows = {"atoms": [g.V for g in graphs], "bonds": [g.E[::2] for g in graphs]}
sparse = {
    k: [[[[int(c), round(float(r[c]), 6)] for c in np.flatnonzero(r)] for r in m] for m in v] for k, v in rows.items()
}
golden = {"smiles": smiles, "weights": weights, "outputs": out, **sparse}
(HERE / "golden").mkdir(exist_ok=True)
(HERE / "golden" / "chemprop.json").write_text(json.dumps(golden))
mols = [Chem.MolFromSmiles(s) for s in smiles]
codes = {
    "smiles": smiles,
    "atoms": [[atom_to_feature_vector(a) for a in m.GetAtoms()] for m in mols],
    "bonds": [[bond_to_feature_vector(b) for b in m.GetBonds()] for m in mols],
}
(HERE / "golden" / "ogb.json").write_text(json.dumps(codes, separators=(",", ":")))
