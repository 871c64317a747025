"""`data curate`: a raw table in, one row per molecule out, every row of the input accounted for."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from drugml.config.run import RunSpec
from drugml.config.standardize import StandardizeSpec
from drugml.data.chunks import cores, mapped
from drugml.data.molecule import parse
from drugml.data.progress import progress
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject
from drugml.data.targets import as_written, exact
from drugml.errors import UserError
from drugml.featurizers.pack import CHUNK, WORTH_A_POOL
from drugml.runs.dataset import Curated, curate
from drugml.runs.judged import judge

Floats = NDArray[np.float64]
DEFAULTS = ("data.standardize=fast", "data.replicates=merge", "data.max_rejected=1.0")
"""What curating means where the user says nothing else."""


@dataclass(frozen=True)
class Report:
    """What became of the rows."""

    out: Path
    rejects: Path
    curated: Curated

    def summary(self) -> str:
        """The accounting; its lines add up to the rows of the input."""
        judged, rejected = self.curated.judged, self.curated.rejected
        merged = len(judged.lines) - len(self.curated.conflicting) - len(self.curated.rows)
        bounds = int(
            (~np.isnan(self.curated.low)).sum() - (~np.isnan(exact(self.curated.low, self.curated.high))).sum()
        )
        kinds = Counter(r.reject.status.value for r in rejected)
        lines = [f"{judged.rows:>8,} rows of {judged.path.name}"]
        lines += [f"{-n:>8,} {kind}" for kind, n in kinds.most_common()]
        lines += [
            f"{-judged.unlabelled:>8,} without a label",
            f"{-merged:>8,} merged into another row of their molecule",
        ]
        lines += [f"{len(self.curated.rows):>8,} molecules in {self.out} ({bounds:,} labels are bounds)"]
        return "\n".join([*lines, f"rejected rows with their reasons: {self.rejects}"])


def curate_table(config: RunSpec, out: Path) -> Report:
    """Write one row per molecule, and beside it the rejected rows.

    Columns: smiles (canonical, of the standard molecule), inchikey, of each target its value, `_relation` where there
    are bounds, and for merged replicates `_n` and `_sd`; lines of the input.

    Raises:
        UserError: as `prepare`; or if the file cannot be written.
    """
    curated = curate(judge(config, features=False))
    rejects = out.with_name(f"{out.name.removesuffix('.csv')}.rejects.csv")
    if out.exists() and any(map(out.samefile, curated.judged.files)):
        raise UserError(f"{out}: is the input itself, which would be lost; name another output file")
    try:
        _write(out, _blocks(curated), len(curated.rows))
        with rejects.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "smiles", "status", "reason"])
            faulty = sorted([*curated.rejected, *curated.judged.partial], key=lambda r: r.place)
            writer.writerows([r.where, r.text, r.reject.status.value, r.reject.reason] for r in faulty)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from None
    return Report(out, rejects, curated)


def _blocks(curated: Curated) -> Iterator[dict[str, Sequence[str]]]:
    """The columns of the output, some molecules at a time."""
    judged, first = curated.judged, curated.rows.first
    config, merged = judged.config, len(curated.rows) < len(judged.lines)
    job = partial(_standard_smiles, standardize=config.data.standardize, max_atoms=config.data.max_atoms)
    starts = range(0, max(len(first), 1), CHUNK)  # a table without rows has its header still
    chunks = [judged.smiles.take(first[i : i + CHUNK]) for i in starts]
    bounded = ((curated.low != curated.high) & ~np.isnan(curated.low)).any(axis=0)
    written = mapped(job, chunks, cores() if len(first) >= WORTH_A_POOL else 1)
    for start, smiles in zip(starts, written, strict=True):
        part = slice(start, start + CHUNK)
        rows = curated.rows[part]
        out: dict[str, Sequence[str]] = {
            "smiles": smiles,
            "inchikey": [k.decode() for k in curated.store.molecule["inchikey"][part]],
        }
        for t, name in enumerate(config.data.targets):
            label = curated.low[part, t], curated.high[part, t]
            out[name], signs = _values(*label)
            if bounded[t]:
                out[f"{name}_relation"] = signs
            if merged:
                out[f"{name}_n"] = [str(int((~np.isnan(judged.low[r, t])).sum())) for r in rows]
                out[f"{name}_sd"] = [_shown(v) for v in curated.sd[part, t]]
        yield out | {"lines": [" ".join(judged.lines[i] for i in r) for r in rows]}


def _values(low: Floats, high: Floats) -> tuple[list[str], list[str]]:
    """Labels and their relations; between two bounds the upper one is written, both are true."""
    bounded = low != high
    values = np.where(bounded & np.isfinite(high), high, as_written(low, high))
    signs = np.where(np.isnan(low), "", np.where(~bounded, "=", np.where(np.isfinite(high), "<", ">")))
    return [_shown(v) for v in values], signs.tolist()


def _standard_smiles(smiles: Sequence[str], *, standardize: StandardizeSpec, max_atoms: int) -> list[str]:
    """Canonical SMILES of the standard molecules; none of them is a reject, they were judged before."""
    mols = [parse(text, max_atoms) for text in smiles]
    good = [m for m in mols if not isinstance(m, Reject)]
    standard = [s for s in STANDARDIZERS.build(standardize).standardize(good) if not isinstance(s, Reject)]
    assert len(standard) == len(mols)
    return [str(Chem.MolToSmiles(s.mol)) for s in standard]


def _shown(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _write(out: Path, blocks: Iterator[dict[str, Sequence[str]]], molecules: int) -> None:
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        with progress(molecules, "molecules written") as done:
            for n, columns in enumerate(blocks):
                if n == 0:
                    writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
                done(min(molecules, (n + 1) * CHUNK))
