"""Write tests/golden/chemprop.json, features and outputs of a tiny network; needs Chemprop 2.3.1."""

import json
from pathlib import Path

import numpy as np
import torch
from chemprop.data import BatchMolGraph
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from chemprop.nn import BondMessagePassing, NormAggregation, RegressionFFN
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
golden = {"smiles": smiles, "weights": weights, "outputs": out, **set_columns}
(HERE / "golden").mkdir(exist_ok=True)
(HERE / "golden" / "chemprop.json").write_text(json.dumps(golden))
