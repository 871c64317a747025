"""What the models of the zoo were measured to do: every single fit in `configs/measured.csv`, summed up here."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import fmean, stdev

SETS = ("FreeSolv", "ESOL", "Lipophilicity", "BACE", "BBBP")
"""In the order in which they are shown."""
REFERENCE = "dmpnn"
"""The model that has fits on all splits of every set, on which others are compared with it."""
KINDS = {"random": "random split{s}", "scaffold": "seed{s} on one scaffold split"}
"""What the seeds of a set draw: at random the folds and the weights; of DeepChem's scaffold split only the weights."""


@dataclass(frozen=True)
class Fit:
    """One trained model and its test score; a line of the file."""

    model: str
    set: str
    recipe: str
    """`defaults`, or the preset on top of them."""
    split: str
    """A key of `KINDS`."""
    seed: int
    metric: str
    test: float
    cpu_s: float
    """Processor seconds of training, features made before."""
    parameters: int
    """Learned numbers, head included; 0 for baselines."""


@dataclass(frozen=True)
class Result:
    """All fits of one model, set and recipe."""

    fits: list[Fit]

    @property
    def tests(self) -> list[float]:
        """One score per seed."""
        return [f.test for f in self.fits]

    @property
    def score(self) -> str:
        """Mean and standard deviation (n - 1), the way they are documented."""
        spread = f" ± {stdev(self.tests):.3f}" if len(self.fits) > 1 else ""
        return f"{fmean(self.tests):.3f}{spread}"

    @property
    def how(self) -> str:
        """How many fits, of which kind."""
        first = self.fits[0]
        what = KINDS[first.split].format(s="s" if len(self.fits) > 1 else "")
        return f"{len(self.fits)} {what}" + ("" if first.recipe == "defaults" else f", preset {first.recipe}")

    @property
    def lower_is_better(self) -> bool:
        """As of errors; not as of a ROC-AUC."""
        return "auc" not in self.fits[0].metric

    @property
    def seconds(self) -> float:
        """Processor seconds per fit."""
        return fmean(f.cpu_s for f in self.fits)


def read(path: Path) -> list[Fit]:
    """All fits of a file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Fit(
                row["model"],
                row["set"],
                row["recipe"],
                row["split"],
                int(row["seed"]),
                row["metric"],
                float(row["test"]),
                float(row["cpu_s"]),
                int(row["parameters"]),
            )
            for row in csv.DictReader(file)
        ]


def add(path: Path, fit: Fit) -> None:
    """Write one more line; several processes may do so at once."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        head = [",".join(f.name for f in fields(Fit))] if new else []
        file.write("\n".join([*head, ",".join(str(v) for v in astuple(fit)), ""]))


def results(fits: Iterable[Fit]) -> list[Result]:
    """Fits of one model, set and recipe together, in the order of their seeds."""
    groups: dict[Sequence[str], list[Fit]] = {}
    for fit in fits:
        groups.setdefault((fit.set, fit.recipe, fit.split, fit.model), []).append(fit)
    return [Result(sorted(g, key=lambda f: f.seed)) for g in groups.values()]


def beside_reference(result: Result, found: Iterable[Result]) -> float | None:
    """How much its score is above that of `REFERENCE` with its defaults, in the mean over the splits that both have.

    Means over other splits cannot be compared: one of FreeSolv is half as hard as the next. None without such a split.
    """
    first = result.fits[0]
    alike = [r for r in found if (r.fits[0].set, r.fits[0].model) == (first.set, REFERENCE)]
    theirs = {f.seed: f.test for r in alike for f in r.fits if f.recipe == "defaults"}
    if first.split == "scaffold" and theirs:  # one split, whatever the seed
        return fmean(result.tests) - fmean(theirs.values())
    shared = [f.test - theirs[f.seed] for f in result.fits if f.seed in theirs]
    return fmean(shared) if shared else None


def ranked(found: Sequence[Result]) -> list[tuple[Result, float | None]]:
    """Set by set, defaults before presets on top of them, the best first; each with how it is beside the reference."""
    sign = {False: -1.0, True: 1.0}
    paired = [(r, beside_reference(r, found)) for r in found]

    def place(pair: tuple[Result, float | None]) -> tuple[object, ...]:
        result, beside = pair
        first = result.fits[0]
        score = float("inf") if beside is None else sign[result.lower_is_better] * beside
        return SETS.index(first.set), first.recipe != "defaults", first.recipe, score

    return sorted(paired, key=place)
