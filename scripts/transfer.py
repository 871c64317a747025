"""Does an encoder trained on HIV screening data help on BACE and BBBP? Against training from scratch, several seeds.

    DRUGML_DATA=… python scripts/transfer.py

Each seed is a scaffold split and the seed of weights and batches; all ways of training see the same five. Molecules
of the two tables (same InChIKey) are removed from the screening data before the encoder is trained, so that no test
molecule is known to it. A p value is that of the corrected resampled t-test against scratch, adjusted by Holm for the
number of ways.
"""

import argparse
import csv
import gzip
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from drugml.config.load import check
from drugml.config.run import RunSpec
from drugml.evaluation.comparison.paired import corrected_t, holm
from drugml.runs.dataset import prepare
from drugml.runs.train import train
from drugml.training.listener import Silent

TARGETS = {"bace": ("bace.csv", "mol", "Class"), "bbbp": ("bbbp.csv", "smiles", "p_np")}
METRIC = "test/roc_auc"
WAYS: dict[str, list[str]] = {
    "scratch": [],
    "fine-tuned": [],
    "fine-tuned, layer_decay 0.5": ["train.optimizer.layer_decay=0.5"],
    "gradual": ["train.freeze=gradual"],
    "frozen": ["train.freeze=encoder"],
    "lora": ["train.adapters=lora"],
}


def main() -> None:
    """Train all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--pretrain-epochs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    args = parser.parse_args()
    folder = Path(os.environ["DRUGML_DATA"]) / "moleculenet"
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        source = pretrained(folder, args.pretrain_epochs, args.seeds)
        print("| data | way | ROC-AUC, mean | per seed | against scratch | 95 % interval | p | s per run |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for target in TARGETS:
            for line in compared(folder, target, args.ways, args.seeds, args.epochs, source):
                print(line, flush=True)


def pretrained(folder: Path, epochs: int, seeds: Sequence[int]) -> Path:
    """Run folder of a network trained on the screening data without the molecules of the targets."""
    table, known = Path("hiv.csv"), set[bytes]()
    with gzip.open(folder / "hiv_41127.csv.gz", "rt", newline="") as file:
        table.write_text(file.read())
    hiv = prepare(spec({"path": str(table.absolute()), "targets": ["HIV_active"]}, []))
    keys = np.asarray(hiv.training.store.molecule["inchikey"]).tolist()
    for target in TARGETS:
        all_of, tested = set[bytes](), set[bytes]()
        for seed in seeds:
            data = prepare(spec(section(folder, target, seed), [])).training
            of = np.asarray(data.store.molecule["inchikey"])
            all_of |= set(of.tolist())
            tested |= set(of[data.plan.indices("test")].tolist())
        n, m = (sum(k in some for k in keys) for some in (all_of, tested))
        print(f"{target}: {n} of {len(keys):,} screened molecules are in it, {m} in one of its test folds; removed")
        known |= all_of
    with table.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["smiles", "HIV_active"])
        rows = zip(keys, hiv.smiles, hiv.training.low[:, 0], strict=True)
        writer.writerows((s, int(y)) for k, s, y in rows if k not in known)
    start = time.process_time()
    split = {"kind": "scaffold", "sizes": [0.9, 0.05, 0.05]}
    data = {"path": str(table.absolute()), "targets": ["HIV_active"], "split": split}
    result = train(spec(data, [f"train.epochs={epochs}"]), Silent())
    minutes = (time.process_time() - start) / 60
    print(
        f"pre-training: {epochs} epochs, {minutes:.1f} min of CPU, {METRIC} {result.metrics[METRIC]:.3f}\n", flush=True
    )
    return result.folder


def compared(
    folder: Path, target: str, ways: Sequence[str], seeds: Sequence[int], epochs: int, source: Path
) -> Iterator[str]:
    """Rows of the table for one target."""
    values, seconds = np.zeros((len(seeds), len(ways))), np.zeros(len(ways))
    shares = []
    for i, seed in enumerate(seeds):
        for j, way in enumerate(ways):
            start = time.monotonic()
            begin = [] if way == "scratch" else [f"train.init_from={source}"]
            config = spec(
                section(folder, target, seed),
                [*begin, *WAYS[way], f"train.epochs={epochs}", "train.batch_size=64"],
                seed,
            )
            values[i, j] = train(config, Silent()).metrics[METRIC]
            seconds[j] += (time.monotonic() - start) / len(seeds)
        sizes = prepare(spec(section(folder, target, seed), [])).training.plan.sizes
        shares.append(sizes["test"] / sizes["train"])
    tests = [corrected_t(values[:, [j, 0]], float(np.mean(shares))) for j in range(1, len(ways))]
    p = holm(np.array([t.p[0, 1] for t in tests]))
    for j, way in enumerate(ways):
        each = ", ".join(f"{v:.3f}" for v in values[:, j])
        versus = "| | |"
        if j:
            t = tests[j - 1]
            ends = f"{t.low[0, 1]:+.3f} to {t.high[0, 1]:+.3f}"
            versus = f"{t.difference[0, 1]:+.3f} | {ends} | {p[j - 1]:.2f}"
        yield f"| {target} | {way} | {values[:, j].mean():.3f} | {each} | {versus} | {seconds[j]:.0f} |"


def section(folder: Path, target: str, seed: int) -> dict[str, object]:
    """`data:` of one seed."""
    file, smiles, column = TARGETS[target]
    split = {"kind": "scaffold", "seed": seed}
    return {"path": str(folder / file), "smiles": smiles, "targets": [column], "split": split}


def spec(data: dict[str, object], overrides: Sequence[str], seed: int = 0) -> RunSpec:
    """A D-MPNN of the default size on a CPU."""
    shared = {"accelerator": "cpu", "seed": seed}
    start = {"data": data, "task": {"kind": "classification"}, "train": shared}
    return check(RunSpec, start, {(): "script"}, overrides)


if __name__ == "__main__":
    main()
