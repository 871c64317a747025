"""Train the tiny Chemprop models that tests import, and write what Chemprop itself predicts with them.

Chemprop lives in an environment of its own:

    python -m venv chemprop && chemprop/bin/pip install -c constraints.txt chemprop==2.3.1
    python scripts/make_chemprop_models.py chemprop/bin/chemprop

tests/data/chemprop/: an ensemble of two for numbers (`regression-1.pt`, `regression-2.pt`) with batch norm and a
norm of 50, a checkpoint of Lightning for classes (`classification.ckpt`), and predictions of 30 molecules by both. The
checkpoint holds the path that it was written to: choose the folder with TMPDIR.
"""

import argparse
import csv
import shutil
import subprocess
import tempfile
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

HERE = Path(__file__).parents[1] / "tests" / "data"
OUT = HERE / "chemprop"
PREDICTED = 30
"""Molecules whose predictions are kept."""
SMALL = [
    "--message-hidden-dim",
    "16",
    "--ffn-hidden-dim",
    "16",
    "--epochs",
    "40",
    "--batch-size",
    "10",
    "--max-lr",
    "0.01",
]


def main() -> None:
    """Train, predict, and keep what tests need."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chemprop", type=Path)
    program = parser.parse_args().chemprop
    OUT.mkdir(exist_ok=True)
    smiles = (HERE / "molecules.smi").read_text().split()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table(folder / "table.csv", smiles)
        with (folder / "molecules.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["SMILES"], *([s] for s in smiles[:PREDICTED])])
        several = [
            "--batch-norm",
            "--aggregation-norm",
            "50",
            "--depth",
            "4",
            "--ffn-num-layers",
            "2",
            "--ensemble-size",
            "2",
        ]
        train(program, folder, "regression", ["logP", "weight"], several)
        train(program, folder, "classification", ["polar", "aromatic"], ["--aggregation", "mean"])
        for n in range(2):
            shutil.copy(folder / "regression" / f"model_{n}" / "best.pt", OUT / f"regression-{n + 1}.pt")
        (checkpoint,) = (folder / "classification" / "model_0" / "checkpoints").glob("best*.ckpt")
        shutil.copy(checkpoint, OUT / "classification.ckpt")
        predict(program, folder, "regression", [OUT / "regression-1.pt", OUT / "regression-2.pt"])
        predict(program, folder, "classification", [folder / "classification" / "model_0" / "best.pt"])


def table(path: Path, smiles: list[str]) -> None:
    """Molecules with labels that a network can learn."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["SMILES", "logP", "weight", "polar", "aromatic"])
        for s in smiles:
            mol = Chem.MolFromSmiles(s)
            numbers = [round(Crippen.MolLogP(mol), 3), round(Descriptors.MolWt(mol), 2)]
            classes = [rdMolDescriptors.CalcTPSA(mol) > 40, rdMolDescriptors.CalcNumAromaticRings(mol) > 0]
            writer.writerow([s, *numbers, *map(int, classes)])


def train(program: Path, folder: Path, task: str, targets: list[str], more: list[str]) -> None:
    """A model into a folder of its own, called as the task."""
    to = ["-i", folder / "table.csv", "-o", folder / task, "--task-type", task, "--target-columns", *targets]
    settings = [*SMALL, "--split-sizes", "0.6", "0.2", "0.2", "--accelerator", "cpu", "--num-workers", "0"]
    seeds = ["--data-seed", "0", "--pytorch-seed", "0"]
    subprocess.run([program, "train", *to, "--smiles-columns", "SMILES", *settings, *seeds, *more], check=True)


def predict(program: Path, folder: Path, task: str, models: list[Path]) -> None:
    """The first molecules, by the models together."""
    out = ["--model-paths", *models, "-o", OUT / f"{task}.csv", "--accelerator", "cpu", "--num-workers", "0"]
    subprocess.run([program, "predict", "-i", folder / "molecules.csv", *out], check=True)
    for extra in OUT.glob(f"{task}_*.csv"):
        extra.unlink()


if __name__ == "__main__":
    main()
