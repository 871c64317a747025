"""`data split`: a table in, a split file and what it lets through out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from drugml.config.run import RunSpec
from drugml.data.splits import SplitPlan, folds, split
from drugml.data.splits.file import beside, whole_hash, write
from drugml.data.splits.leaks import LeakReport, report
from drugml.errors import UserError
from drugml.runs.dataset import Curated, curate, molecules_of
from drugml.runs.judged import judge

SHOWN = 5
"""Rejected rows that are named."""


@dataclass(frozen=True)
class SplitResult:
    """A split that has been written."""

    out: Path
    plans: list[SplitPlan]
    """One, or those of a cross-validation, one repeat after the other."""
    leaks: LeakReport
    """Of the first plan."""
    curated: Curated
    """What was split; its rejected rows are in no fold."""

    def summary(self) -> str:
        """What a user wants to know at the end."""
        plans, rejected = self.plans, self.curated.rejected
        rows, none = self.curated.judged.rows, self.curated.judged.unlabelled
        unlabelled = f", {none:,} without a label" if none else ""
        lines = [f"{rows:,} rows, {len(plans[0].fold):,} molecules split, {len(rejected):,} rejected{unlabelled}"]
        lines += [f"  line {r.where}: {r.reject.reason}" for r in rejected[:SHOWN]]
        if len(rejected) > SHOWN:
            kinds = Counter(r.reject.status.value for r in rejected).most_common()
            lines.append(f"  … ({', '.join(f'{n} × {s}' for s, n in kinds)})")
        if len(plans) > 1:
            repeats, k = plans[-1].repeat, plans[-1].number
            lines.append(f"{k} folds, {repeats} repeat{'s' if repeats > 1 else ''}; the first split:")
        lines += self.leaks.lines()
        return "\n".join([*lines, f"written             {self.out} and {beside(self.out).name}, hash {self.hash[:12]}"])

    @property
    def hash(self) -> str:
        """As in the JSON file."""
        return whole_hash(self.plans)


def split_table(config: RunSpec, out: Path, *, k: int | None = None, repeats: int = 1) -> SplitResult:
    """Split the molecules of a table as training would, write the folds, and look for leaks.

    Args:
        config: table, labels, curation and split, as training reads them.
        out: csv file to write; a JSON file goes beside it.
        k: folds of a cross-validation; None for one split.
        repeats: of the cross-validation.

    Raises:
        UserError: for anything wrong with the table, its columns, or the split.
    """
    curated = curate(judge(config, features=False))
    if out.exists() and any(map(out.samefile, curated.judged.files)):
        raise UserError(f"{out}: is the table itself; name another file with --out")
    if not out.parent.is_dir():
        raise UserError(f"{out}: there is no folder {out.parent}")
    molecules, spec = molecules_of(curated), config.data.split
    plans = [split(spec, molecules)] if k is None else folds(spec, molecules, k, repeats)
    rejected = [{"line": r.where, "status": r.reject.status.value, "reason": r.reject.reason} for r in curated.rejected]
    leaks = report(plans[0], config.data.targets)
    write(out, spec, plans, {"leaks": leaks.as_dict(), "rejected": rejected})
    return SplitResult(out, plans, leaks, curated)
