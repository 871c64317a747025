"""`data curate`: a raw table in, one row per molecule out, every row of the input accounted for."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from drugml.config.run import RunSpec
from drugml.data.molecule import parse
from drugml.data.standardize import STANDARDIZERS
from drugml.data.status import Reject
from drugml.data.targets import as_written, exact
from drugml.errors import UserError
from drugml.runs.dataset import Curated, curate
from drugml.runs.judged import judge

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
    curated = curate(judge(config))
    rejects = out.with_name(f"{out.name.removesuffix('.csv')}.rejects.csv")
    if out.exists() and any(map(out.samefile, curated.judged.files)):
        raise UserError(f"{out}: is the input itself, which would be lost; name another output file")
    try:
        _write(out, _columns(curated))
        with rejects.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "smiles", "status", "reason"])
            faulty = sorted([*curated.rejected, *curated.judged.partial], key=lambda r: r.place)
            writer.writerows([r.where, r.text, r.reject.status.value, r.reject.reason] for r in faulty)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from None
    return Report(out, rejects, curated)


def _columns(curated: Curated) -> dict[str, list[str]]:
    judged = curated.judged
    out = {
        "smiles": _standard_smiles([judged.smiles[r[0]] for r in curated.rows], judged.config),
        "inchikey": [k.decode() for k in curated.store.molecule["inchikey"]],
    }
    for t, name in enumerate(judged.config.data.targets):
        low, high = curated.low[:, t], curated.high[:, t]
        bounded = low != high
        # between two bounds the upper one is written; both are true
        values = np.where(bounded & np.isfinite(high), high, as_written(low, high))
        out[name] = [_shown(v) for v in values]
        if (bounded & ~np.isnan(low)).any():
            signs = np.where(np.isnan(low), "", np.where(~bounded, "=", np.where(np.isfinite(high), "<", ">")))
            out[f"{name}_relation"] = signs.tolist()
        if len(curated.rows) < len(judged.lines):
            out[f"{name}_n"] = [str(int((~np.isnan(judged.low[r, t])).sum())) for r in curated.rows]
            out[f"{name}_sd"] = [_shown(v) for v in curated.sd[:, t]]
    out["lines"] = [" ".join(judged.lines[i] for i in r) for r in curated.rows]
    return out


def _standard_smiles(smiles: list[str], config: RunSpec) -> list[str]:
    """Canonical SMILES of the standard molecules; none of them is a reject, they were judged before."""
    standardizer = STANDARDIZERS.build(config.data.standardize)
    out = []
    for text in smiles:
        mol = parse(text, config.data.max_atoms)
        assert not isinstance(mol, Reject)
        (standard,) = standardizer.standardize([mol])
        assert not isinstance(standard, Reject)
        out.append(str(Chem.MolToSmiles(standard.mol)))
    return out


def _shown(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _write(out: Path, columns: dict[str, list[str]]) -> None:
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
