"""Train the tiny Chemprop models that tests import, and write what Chemprop itself predicts with them.

Chemprop lives in an environment of its own:

    python -m venv chemprop && chemprop/bin/pip install -c constraints.txt chemprop==2.3.1
    python scripts/make_chemprop_models.py chemprop/bin/chemprop

tests/data/chemprop/: an ensemble of two for numbers (`regression-1.pt`, `regression-2.pt`) with batch norm and a
norm of 50, a checkpoint of Lightning for classes (`classification.ckpt`), and predictions of 30 molecules by both. The
checkpoint holds the path that it was written to: choose the folder with TMPDIR. With RDKit's descriptors beside the
network the same again: `numbers-rdkit-1.pt`, `numbers-rdkit-2.pt`, scaled, and `classes-rdkit.pt`, as they come; with
Morgan counts before them `numbers-morgan.pt`.
"""

import argparse
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

HERE = Path(__file__).parents[1] / "tests" / "data"
OUT = HERE / "chemprop"
PREDICTED = 30
"""Molecules whose predictions are kept."""
UNUSUAL = ["[Na+].[Cl-]", "CC(=O)[O-].[Na+]", "[Na+]", "O", "[H][H]", "CC(=O)[O-].[O-]C(C)=O.[Zn+2]"]
"""Salts and single atoms, of which some descriptors are undefined."""
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
        listed(folder / "molecules.csv", smiles[:PREDICTED])
        listed(folder / "unusual.csv", smiles[:PREDICTED] + UNUSUAL)
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
        with_descriptors(program, folder, several)
        with_morgan(program, folder)


def with_descriptors(program: Path, folder: Path, several: list[str]) -> None:
    """Models with all of RDKit's descriptors: an ensemble that scales them, and one model that does not."""
    beside = ["--molecule-featurizers", "rdkit_2d"]
    train(program, folder, "regression", ["logP", "weight"], [*several, *beside], "numbers-rdkit")
    raw = ["--no-descriptor-scaling", "--max-lr", "0.0001", "--init-lr", "0.00001"]  # Ipc is in the millions
    train(program, folder, "classification", ["polar", "aromatic"], [*raw, *beside], "classes-rdkit")
    numbers = [OUT / f"numbers-rdkit-{n + 1}.pt" for n in range(2)]
    for n, path in enumerate(numbers):
        shutil.copy(folder / "numbers-rdkit" / f"model_{n}" / "best.pt", path)
    shutil.copy(folder / "classes-rdkit" / "model_0" / "best.pt", OUT / "classes-rdkit.pt")
    predict(program, folder, "numbers-rdkit", numbers, beside, "unusual.csv")
    predict(program, folder, "classes-rdkit", [OUT / "classes-rdkit.pt"], beside, "unusual.csv")


def with_morgan(program: Path, folder: Path) -> None:
    """A model with two kinds of descriptors, in this order."""
    beside = ["--molecule-featurizers", "morgan_count", "rdkit_2d"]
    train(program, folder, "regression", ["logP", "weight"], beside, "numbers-morgan")
    shutil.copy(folder / "numbers-morgan" / "model_0" / "best.pt", OUT / "numbers-morgan.pt")
    predict(program, folder, "numbers-morgan", [OUT / "numbers-morgan.pt"], beside, "unusual.csv")


def listed(path: Path, smiles: list[str]) -> None:
    """Molecules to be predicted."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["SMILES"], *([s] for s in smiles)])


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


def train(program: Path, folder: Path, task: str, targets: list[str], more: list[str], name: str | None = None) -> None:
    """A model into a folder of its own, called as the task unless it has a name."""
    to = ["-i", folder / "table.csv", "-o", folder / (name or task), "--task-type", task, "--target-columns", *targets]
    settings = [*SMALL, "--split-sizes", "0.6", "0.2", "0.2", "--accelerator", "cpu", "--num-workers", "0"]
    seeds = ["--data-seed", "0", "--pytorch-seed", "0"]
    subprocess.run([program, "train", *to, "--smiles-columns", "SMILES", *settings, *seeds, *more], check=True)


def predict(
    program: Path, folder: Path, name: str, models: list[Path], more: Sequence[str] = (), table: str = "molecules.csv"
) -> None:
    """The molecules of a table, by the models together."""
    out = ["--model-paths", *models, "-o", OUT / f"{name}.csv", "--accelerator", "cpu", "--num-workers", "0"]
    subprocess.run([program, "predict", "-i", folder / table, *out, *more], check=True)
    for extra in OUT.glob(f"{name}_*.csv"):
        extra.unlink()


if __name__ == "__main__":
    main()
