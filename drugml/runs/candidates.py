"""Runs to be compared: fetched from where they are recorded, and refused where they do not fit together.

Shape letters: K runs, M molecules, T targets.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drugml.config.load import load
from drugml.config.run import RunSpec
from drugml.errors import UserError
from drugml.runs.inputs import CONFIG, SPLIT
from drugml.runs.outcome import METRICS, PREDICTIONS
from drugml.runs.scores import FOLDS_CSV, OUT_OF_FOLD
from drugml.tracking.find import Found, download
from drugml.tracking.run import CV, KIND, TRAIN

Floats = NDArray[np.float64]
SAME = {
    KIND: "kind of run",
    "drugml.data_hash": "data",
    "drugml.split_hash": "split",
    "drugml.metrics_hash": "definition of metrics",
}
"""Tags that must agree, and what they say."""


@dataclass(frozen=True)
class Candidate:
    """One run, with its files in a local folder."""

    run: Found
    folder: Path

    @cached_property
    def config(self) -> RunSpec:
        """As it was trained."""
        return load(RunSpec, self.folder / CONFIG)

    @property
    def is_cv(self) -> bool:
        """Whether it is a cross-validation, or else a single training run."""
        return self.run.tags.get(KIND) == CV

    @cached_property
    def test_share(self) -> float:
        """Molecules for test over those for training, averaged over folds."""
        plans = json.loads((self.folder / f"{SPLIT}.json").read_text(encoding="utf-8"))["plans"]
        return float(np.mean([p["test"] / p["train"] for p in plans]))

    @cached_property
    def scores(self) -> dict[str, Floats]:
        """Test metric to its values, by repeat and fold (F,); of a single run (1,)."""
        if not self.is_cv:
            found = json.loads((self.folder / METRICS).read_text(encoding="utf-8"))
            return {_plain(k): np.array([v]) for k, v in found.items() if k.startswith("test/")}
        rows = sorted(_rows(self.folder / FOLDS_CSV), key=lambda r: (int(r["repeat"]), int(r["fold"])))
        names = [k for k in rows[0] if k.startswith("test/")]
        return {_plain(k): np.array([float(r[k] or "nan") for r in rows]) for k in names}

    @cached_property
    def smiles(self) -> dict[str, str]:
        """Line of each test molecule to its SMILES."""
        return {r["line"]: r["smiles"] for r in _rows(self.folder / (OUT_OF_FOLD if self.is_cv else PREDICTIONS))}

    @cached_property
    def tested(self) -> tuple[list[str], Floats, Floats]:
        """Lines, labels and predictions (M, T) of the test molecules as metrics see them.

        Of a cross-validation each repeat is a further block of T columns.
        """
        rows = _rows(self.folder / (OUT_OF_FOLD if self.is_cv else PREDICTIONS))
        repeats = sorted({r.get("repeat", "1") for r in rows}, key=int)
        lines = list(dict.fromkeys(r["line"] for r in rows))
        at = {line: i for i, line in enumerate(lines)}
        targets = self.config.data.targets
        out = np.full((2, len(lines), len(repeats) * len(targets)), np.nan)
        for r in rows:
            block = repeats.index(r.get("repeat", "1")) * len(targets)
            for t, name in enumerate(targets):
                out[:, at[r["line"]], block + t] = [float(r[c] or "nan") for c in (name, f"{name}_pred")]
        logs = [t for t, name in enumerate(targets) if (s := self.config.data.labels.get(name)) and s.log10]
        for block in range(0, out.shape[2], len(targets)):
            for t in logs:
                out[:, :, block + t] = np.log10(out[:, :, block + t])
        return lines, out[0], out[1]


def candidates(found: Sequence[Found], folder: Path) -> list[Candidate]:
    """The runs, if they can be compared, with what a comparison reads of each downloaded into `folder`.

    Raises:
        UserError: if there is one run only, one is not complete, or they differ in what makes them comparable.
    """
    ids = [f.run_id for f in found]
    if len(set(ids)) < 2:
        raise UserError(f"{len(set(ids))} run found ({', '.join(ids) or 'none'}); a comparison needs at least two")
    if twice := [i for i in dict.fromkeys(ids) if ids.count(i) > 1]:
        raise UserError(f"run {twice[0]} is named more than once")
    if other := [f for f in found if f.tags.get(KIND) not in (TRAIN, CV)]:
        raise UserError(
            f"run {other[0].run_id}: is a {other[0].tags.get(KIND, 'run of another program')}; only runs of "
            "`drugml train` or `drugml cv` can be compared"
        )
    if unfinished := [f for f in found if f.status != "FINISHED"]:
        raise UserError(
            f"run {unfinished[0].run_id} ({unfinished[0].name}): is {unfinished[0].status}, not FINISHED; go on "
            "with it, or leave it out"
        )
    if differing := differences(found):
        raise UserError("\n".join(["these runs cannot be compared, they differ in", *differing,
                                   "compare runs of the same table, split and metrics"]))  # fmt: skip
    return [fetched(f, folder / f.run_id) for f in found]


def differences(found: Sequence[Found]) -> list[str]:
    """In what these runs differ that makes them comparable, a line each with the value of every run."""
    return [f"  {what}: {_each(found, tag)}" for tag, what in SAME.items() if len({f.tags.get(tag) for f in found}) > 1]


def names(found: Sequence[Candidate]) -> list[str]:
    """A name for each run (K): its own, with the parameters that tell equal ones apart, or a part of its id."""
    own = [c.run.name for c in found]
    out = list(own)
    for name in {n for n in own if own.count(n) > 1}:
        alike = [i for i, n in enumerate(own) if n == name]
        params = [found[i].run.params for i in alike]
        keys = [k for k in params[0] if len({p.get(k) for p in params}) > 1 and not k.startswith("tracking.")]
        for i, p in zip(alike, params, strict=True):
            out[i] = f"{name} {' '.join(f'{k}={p.get(k)}' for k in keys[:2])}".strip()
    return [f"{n} ({c.run.run_id[:6]})" if out.count(n) > 1 else n for n, c in zip(out, found, strict=True)]


def fetched(run: Found, folder: Path) -> Candidate:
    """A run with what a comparison reads of it, downloaded into a new folder.

    Raises:
        UserError: if the run lacks one of these files.
    """
    folder.mkdir()
    of_kind = [FOLDS_CSV, OUT_OF_FOLD] if run.tags.get(KIND) == CV else [METRICS, PREDICTIONS]
    for name in (CONFIG, f"{SPLIT}.json", *of_kind):
        download(run, name, folder)
    return Candidate(run, folder)


def _each(found: Sequence[Found], tag: str) -> str:
    return ", ".join(f"{f.name} ({f.run_id[:6]}) {f.tags.get(tag, 'none')[:12]}" for f in found)


def _plain(metric: str) -> str:
    return metric.removeprefix("test/")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
