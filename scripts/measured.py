"""What the benchmarks of whole commands share: time, memory and processor seconds of a command and all it starts."""

import csv
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
DRUGML = [sys.executable, "-c", "from drugml.cli.main import main; main()", "--quiet"]
NOTE = "import atexit, sys; atexit.register(lambda: open({file!r}, 'w').write('\\n'.join(sys.modules))); {main}"
AGAIN = """
import contextlib, importlib
for name in open({file!r}).read().split():
    with contextlib.suppress(Exception):
        importlib.import_module(name)
"""


class Measured(NamedTuple):
    """What a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all processes."""
    memory: float
    """MiB of all processes at their peak."""


def run(command: Sequence[str], folder: Path) -> None:
    """Run to its end."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])


def measure(command: Sequence[str], folder: Path, every: float = 0.2) -> Measured:
    """Run a command and watch its session, every so many seconds."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, start_new_session=True)
        cpu: dict[str, float] = {}
        memory = 0.0
        while True:
            now = 0.0
            for each in session(process.pid):
                cpu[each.name] = max(cpu.get(each.name, 0), seconds(each))
                now += proportional(each)
            memory = max(memory, now)
            try:
                process.wait(every)
                break
            except subprocess.TimeoutExpired:
                continue
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read()[-3000:])
    return Measured(time.monotonic() - start, sum(cpu.values()), memory)


def of_imports(command: Sequence[str], folder: Path) -> float:
    """MiB of a process that imports all modules which a command, `python -c CODE ...`, has imported at its end."""
    python, option, main, *rest = command
    file = str(folder / "modules.txt")
    run([python, option, NOTE.format(file=file, main=main), *rest], folder)
    return measure([python, option, AGAIN.format(file=file)], folder, 0.05).memory


def session(leader: int) -> list[Path]:
    """The processes that a command has started, and itself."""
    found = []
    for each in Path("/proc").iterdir():
        try:
            if each.name.isdigit() and os.getsid(int(each.name)) == leader:
                found.append(each)
        except ProcessLookupError:
            continue
    return found


def seconds(process: Path) -> float:
    """CPU time of a process."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def proportional(process: Path) -> float:
    """MiB of a process, each shared page divided by those who share it."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def read(path: Path) -> list[str]:
    """The SMILES of a csv, by the name of their column."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        rows = csv.DictReader(file)
        name = next(c for c in rows.fieldnames or [] if c.lower() in ("smiles", "drug", "mol"))
        return [r[name] for r in rows]
