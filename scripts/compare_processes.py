"""One process against two that train the same run: started by drugml, by torchrun, and killed and resumed.

    python scripts/compare_processes.py [--epochs 3]

Prints Markdown: largest difference of a number in metrics.csv (losses and validation metrics of every epoch), absolute
or relative, whichever is less.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "drugml"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "drugml"]
OPTIONS = ("model.hidden_dim=64", "head.hidden_dim=64", "train.batch_size=50", "train.accelerator=cpu", "train.lr=3e-3")
TWO = "train.devices=2"


def start(command: list[str], folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A command in a group of its own; what it says goes to a file."""
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=said, stderr=said, text=True, start_new_session=True
        )


def trained(name: str, root: Path, command: list[str], *options: str) -> Path:
    """Train in a folder of its own and return that."""
    folder = root / name
    folder.mkdir()
    code = start(command, folder, "train", *options).wait()
    if code:
        raise SystemExit(f"{name}: exit code {code}\n{(folder / 'said.txt').read_text()[-3000:]}")
    return folder


def killed_and_resumed(root: Path, *options: str) -> Path:
    """Kill all processes with SIGKILL after the first epoch, and go on."""
    folder = root / "killed"
    folder.mkdir()
    process = start(COMMAND, folder, "train", *options)
    while "epoch   1/" not in (folder / "said.txt").read_text():
        if process.poll() is not None:
            raise SystemExit((folder / "said.txt").read_text()[-3000:])
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)  # the first process only: the other one must end by itself
    process.wait()
    begun = time.monotonic()
    while alive(process.pid):
        time.sleep(0.1)
    print(f"the other process ended {time.monotonic() - begun:.1f} s after the first one was killed")
    before = len(rows(folder))
    if start(COMMAND, folder, "train", "--resume", "last").wait():
        raise SystemExit((folder / "said.txt").read_text()[-3000:])
    print(f"killed after epoch {before}, resumed\n")
    return folder


def alive(group: int) -> bool:
    """Whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def rows(folder: Path) -> list[dict[str, str]]:
    """The epochs of the only run in a folder."""
    (path,) = (folder / "runs").rglob("metrics.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def difference(one: Path, other: Path) -> str:
    """The largest between two runs, and of what."""
    a, b = rows(one), rows(other)
    assert len(a) == len(b)
    pairs = [(float(x[k]), float(y[k]), k) for x, y in zip(a, b, strict=True) for k in x]
    most, name = max((min(abs(p - q), abs(p - q) / max(abs(p), 1e-12)), k) for p, q, k in pairs)
    return f"{most:.1e} ({name})" if most else "0"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    own = ("drugml:b3db-logbb", "--target", "logBB", "data.split=random", f"train.epochs={args.epochs}", *OPTIONS)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        alone = trained("alone", root, COMMAND, *own)
        two = trained("two", root, COMMAND, *own, TWO)
        runs = {"two processes": two, "two, by torchrun": trained("torchrun", root, TORCHRUN, *own, TWO)}
        runs["two, killed and resumed"] = killed_and_resumed(root, *own, TWO)
        print("| run | from one process | from two uninterrupted |\n|---|---|---|")
        for what, folder in runs.items():
            print(f"| {what} | {difference(alone, folder)} | {difference(two, folder)} |")


if __name__ == "__main__":
    main()
