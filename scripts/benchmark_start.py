"""How long `drugml --help` takes, as a multiple of starting Python with Typer imported; best of ten each.

python scripts/benchmark_start.py
"""

import subprocess
import sys
import time

PROGRAMS = {
    "python": "pass",
    "python, typer imported": "import typer, rich.console",
    "drugml --help": "import sys; sys.argv = ['drugml', '--help']; from drugml.cli.main import main; main()",
}


def best(program: str) -> float:
    """Seconds of the fastest of ten starts."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


seconds = {name: best(program) for name, program in PROGRAMS.items()}
ceiling = seconds["python, typer imported"]
for name, value in seconds.items():
    print(f"{name:<24}{value:6.2f} s   {value / ceiling:5.2f} x")
