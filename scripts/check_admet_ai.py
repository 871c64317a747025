"""Import the models inside the package admet-ai and compare their predictions with the package's own.

    python -m venv there && there/bin/pip install -c constraints.txt admet-ai==2.0.1
    python scripts/check_admet_ai.py there/bin/python --molecules 200

Both ensembles (five Chemprop models each, 41 endpoints together) are imported, get a version
in a registry of their own and are loaded from there. The molecules are approved drugs out of the package, every n-th of
its list. Printed is the largest relative difference, |ours - theirs| / |theirs|, of each endpoint, and of all.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from drugml.prediction.bundle import load
from drugml.runs.foreign import import_chemprop
from drugml.tracking.models import fetch
from drugml.tracking.store import connect

THERE = """
import contextlib, json, sys
from pathlib import Path
import pandas as pd
import admet_ai
from admet_ai import ADMETModel
with contextlib.redirect_stdout(sys.stderr):
    root = Path(admet_ai.__file__).parent / "resources"
    drugs = pd.read_csv(root / "data" / "drugbank_approved.csv")["smiles"].drop_duplicates().tolist()
    wanted, out = int(sys.argv[1]), sys.argv[2]
    drugs = drugs[:: max(1, len(drugs) // wanted)][:wanted]
    model = ADMETModel(include_physchem=False, drugbank_path=None)
    model.predict(drugs).to_csv(out)
print(json.dumps(str(root / "models")))
"""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", type=Path, help="Python of the environment that has admet-ai.")
    parser.add_argument("--molecules", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "theirs.csv"
        told = subprocess.run(
            [args.python, "-c", THERE, str(args.molecules), str(table)], check=True, stdout=subprocess.PIPE, text=True
        )
        models, theirs = Path(json.loads(told.stdout.splitlines()[-1])), pd.read_csv(table, index_col=0)
        compare(models, theirs, f"sqlite:///{folder}/mlflow.db")


def compare(models: Path, theirs: pd.DataFrame, uri: str) -> None:
    """Register both ensembles, predict with the versions and print the differences."""
    smiles, worst = [str(s) for s in theirs.index], []
    for ensemble in sorted(models.iterdir()):
        done = import_chemprop(sorted(ensemble.glob("*.pt")), [], ensemble.name, None, uri)
        assert done.version is not None
        predictor = load(fetch(connect(uri), done.version.uri))
        print(f"{done.version.uri}: {len(predictor.spec.members)} members, {len(predictor.spec.targets)} endpoints")
        values, rejects, *_ = predictor.predict(smiles)
        assert not rejects, rejects
        for target, ours in zip(predictor.spec.targets, values.T, strict=True):
            expected = theirs[target].to_numpy(np.float64)
            worst.append(float((np.abs(ours - expected) / np.abs(expected)).max()))
            print(f"  {target:<36}{worst[-1]:.1e}   from {expected.min():.4g} to {expected.max():.4g}")
    print(f"{len(smiles)} molecules, {len(worst)} endpoints: largest relative difference {max(worst):.1e}")


if __name__ == "__main__":
    main()
