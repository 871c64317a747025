"""Train models of the zoo on MoleculeNet's small sets; keep every test score and print what they come to.

    DRUGML_DATA=... python scripts/benchmark_zoo.py --sets freesolv esol --models gcn gin --seeds 0 1 2 3 4

Numbers are split at random (80/10/10), by another seed each time; classes by scaffold as DeepChem does it (largest
first), where the seed starts the weights alone. Splits are the same for every model; the best epoch by validation loss
is judged. A fit that configs/measured.csv has is not trained again, so the command can be stopped and repeated, and run
several times at once for other sets; with --keep a stopped fit goes on with its next epoch. Without --sets it writes
the table of all fits into docs/zoo.md.
"""

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, get_args

from drugml.cli.measured import REFERENCE, Fit, Result, add, ranked, read, results
from drugml.config.load import load, presets
from drugml.config.models import ModelSpec
from drugml.config.run import RunSpec
from drugml.models import ENCODERS
from drugml.prediction.trained import TrainedNetwork
from drugml.runs.dataset import prepare
from drugml.tasks.metrics import evaluate
from drugml.training.fit import fit
from drugml.training.listener import Silent

TABLES = Path(os.environ.get("DRUGML_DATA", ".")) / "moleculenet"
RECORD = presets().parent / "measured.csv"
DOCUMENT = Path(__file__).parents[1] / "docs/zoo.md"
BEGIN, END = "<!-- what the script writes -->", "<!-- end -->"


class Set(NamedTuple):
    name: str
    target: str
    metric: str


SETS = {
    "freesolv": Set("FreeSolv", "freesolv", "rmse"),
    "esol": Set("ESOL", "logSolubility", "rmse"),
    "lipo": Set("Lipophilicity", "lipo", "rmse"),
    "bace": Set("BACE", "Class", "roc_auc"),
    "bbbp": Set("BBBP", "p_np", "roc_auc"),
}
SPECS = get_args(get_args(ModelSpec)[0])
NAMES = [s.model_fields["name"].default for s in SPECS]
NETWORKS = [s.model_fields["name"].default for s in SPECS if s in ENCODERS]


def main() -> None:
    """Run all models on all sets, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[], choices=list(SETS))
    parser.add_argument("--models", nargs="+", default=NETWORKS, choices=NAMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--recipe", default="defaults", help="or a preset that is laid over that of the model: small")
    parser.add_argument("--keep", type=Path, help="folder for the checkpoints of fits that take hours")
    args = parser.parse_args()
    for name in args.sets:
        for model in args.models:
            for seed in args.seeds:
                wanted = (model, SETS[name].name, args.recipe, seed)
                if wanted in {(f.model, f.set, f.recipe, f.seed) for f in read(RECORD)}:
                    continue
                add(RECORD, measured(name, model, args.recipe, seed, args.keep))
            mine = (SETS[name].name, model, args.recipe)
            own = ranked(results(read(RECORD)))
            shown = next(line(*r) for r in own if (r[0].fits[0].set, r[0].fits[0].model, r[0].fits[0].recipe) == mine)
            print(shown, flush=True)
    if not args.sets:
        document(ranked(results(read(RECORD))))


def document(found: list[tuple[Result, float | None]]) -> None:
    """Put the table where the old one was."""
    head = [f"| set | model | test | how | to {REFERENCE} | each | parameters | CPU s per fit |", "|---" * 8 + "|"]
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text("\n".join([before + BEGIN, *head, *(line(*r) for r in found), END + after]), "utf-8")


def line(result: Result, beside: float | None) -> str:
    """A line of the table."""
    first, each = result.fits[0], ", ".join(f"{t:.3f}" for t in result.tests)
    size = f"{first.parameters:,}" if first.parameters else ""
    difference = "" if beside is None else f"{beside:+.3f}"
    score = f"{first.metric} {result.score}"
    cells = [first.set, first.model, score, result.how, difference, each, size, f"{result.seconds:.0f}"]
    return "| " + " | ".join(cells) + " |"


class Spent(Silent):
    """Counts processor seconds, those of a fit that was stopped included; what its last epoch lost is not."""

    def __init__(self, file: Path) -> None:
        self.file, self.before = file, float(file.read_text()) if file.exists() else 0.0
        self.start = time.process_time()

    @property
    def seconds(self) -> float:
        """So far."""
        return self.before + time.process_time() - self.start

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        """Its checkpoint is written."""
        self.file.write_text(str(self.seconds))


def measured(name: str, model: str, recipe: str, seed: int, keep: Path | None) -> Fit:
    """Train once and judge the test fold."""
    shown, target, metric = SETS[name]
    kind = "random" if metric == "rmse" else "scaffold"
    split = f"{{kind: random, seed: {seed}}}" if kind == "random" else "{kind: scaffold, order: largest_first}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"base: [{', '.join(f'drugml:{b}' for b in (model, recipe) if b != 'defaults')}]\n"
            f"data: {{path: {TABLES / f'{name}.csv'}, targets: [{target}], split: {split}}}\n"
            f"task: {'regression' if kind == 'random' else 'classification'}\n"
            f"train: {{seed: {seed}}}\n"
        )
        dataset = prepare(load(RunSpec, config))
        at = keep or Path(folder)
        at.mkdir(parents=True, exist_ok=True)
        of = hashlib.sha256(dataset.config.model_dump_json().encode()).hexdigest()[:8]  # other settings begin anew
        checkpoint = at / f"{name}-{model}-{recipe}-{seed}-{of}.ckpt"
        spent = Spent(checkpoint.with_suffix(".seconds"))
        fitted = fit(dataset.config, dataset.training, checkpoint, spent)
        seconds = spent.seconds
        for file in (checkpoint, spent.file):
            file.unlink(missing_ok=True)
    trained = fitted.trained
    indices, labels = dataset.training.fold("test")
    values = trained.predict(dataset.training.store, indices, 256)
    score = evaluate([metric], dataset.training.targets, labels, values)[metric]
    learned = trained.network.parameters() if isinstance(trained, TrainedNetwork) else ()
    size = sum(p.numel() for p in learned)
    return Fit(model, shown, recipe, kind, seed, metric, round(score, 4), round(seconds, 1), size)


if __name__ == "__main__":
    main()
