"""`runs list`: what was run, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drugml.errors import UserError, nearest
from drugml.tasks import TASKS
from drugml.tracking.find import Found, newest
from drugml.tracking.run import COMPARE, CV, IMPORT, KIND, TRAIN, TUNE
from drugml.tracking.store import connect

KINDS = (TRAIN, CV, TUNE, COMPARE, IMPORT)
SHORT = 8
"""Characters of a run id; `lookup` takes so few where they name one run."""


@dataclass(frozen=True)
class Listing:
    """A table for a terminal."""

    runs: Sequence[Found]

    @property
    def header(self) -> list[str]:
        """Of `rows`."""
        return ["run", "experiment", "name", "kind", "status", "started", "test metric", "verdict"]

    @property
    def rows(self) -> list[list[str]]:
        """A row per run."""
        return [
            [
                r.run_id[:SHORT],
                r.experiment,
                r.name,
                r.tags.get(KIND, ""),
                r.status,
                datetime.fromtimestamp(r.started / 1000).astimezone().strftime("%Y-%m-%d %H:%M"),
                _score(r),
                _verdict(r),
            ]
            for r in self.runs
        ]


def listed(experiment: str | None, kind: str | None, limit: int, uri: str | None) -> Listing:
    """The last runs that were started, the newest first; not the folds and trials nested in them.

    Args:
        experiment: of this one; of all if None.
        kind: train, cv, tune, comparison or import; all if None.
        limit: at most so many.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if there is no such experiment or kind, or the limit is less than 1.
    """
    if kind is not None and kind not in KINDS:
        raise UserError(f"--kind {kind!r}: there is no such kind of run; {nearest(kind, KINDS)}")
    if limit < 1:
        raise UserError(f"--limit {limit}: expected 1 or more")
    return Listing(newest(connect(uri), experiment, kind, limit))


def _score(run: Found) -> str:
    """The first test metric of the task; of a cross-validation its mean with SD and interval; of a search its best."""
    if run.tags.get(KIND) == TUNE:
        best = {k: v for k, v in run.metrics.items() if k.startswith("best/val/")}
        return ", ".join(f"{k.removeprefix('best/')} {v:.4g}" for k, v in best.items())
    heads = {s.model_fields["kind"].default: TASKS[s] for s in TASKS}
    task = heads.get(run.params.get("task.kind"))
    name = f"test/{task.metrics[0]}" if task is not None else None  # type: ignore[attr-defined]
    if name is None or name not in run.metrics:
        return ""
    shown = f"{name.removeprefix('test/')} {run.metrics[name]:.4g}"
    sd, low, high = (run.metrics.get(f"{name}_{end}") for end in ("sd", "low", "high"))
    if sd is None or low is None or high is None:
        return shown
    return f"{shown} ± {sd:.2g} ({low:.4g} to {high:.4g})"


def _verdict(run: Found) -> str:
    """Of a run beside others, or the sentence in which a comparison ends."""
    if run.tags.get(KIND) == COMPARE:
        return run.tags.get("mlflow.note.content", "").split(".\n")[0]
    return run.tags.get("drugml.verdict", "")
