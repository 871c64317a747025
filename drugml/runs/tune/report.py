"""What a study comes to: the best config, a table of all trials, and figures."""

import csv
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from drugml.config.dump import to_yaml
from drugml.config.run import RunSpec
from drugml.config.search import Value
from drugml.evaluation.search_plots import plot_history, plot_importance
from drugml.runs.tune.claims import NUMBER, Claims, reason

log = logging.getLogger(__name__)
BEST, TRIALS_CSV, HISTORY, IMPORTANCE = "best.yaml", "trials.csv", "history.png", "importance.png"
FIRST = 5
"""Trials in the printed table."""
ENOUGH = 10
"""Complete trials below which importances are noise."""


@dataclass(frozen=True)
class Standing:
    """A study as it stands."""

    claims: Claims
    entries: Sequence[FrozenTrial]
    metric: str
    rising: bool

    @property
    def ranked(self) -> list[FrozenTrial]:
        """Complete trials, the best first; of equals the earlier one."""
        sign = -1 if self.rising else 1
        complete = [t for t in self.entries if t.state == TrialState.COMPLETE]
        return sorted(complete, key=lambda t: (sign * _value(t), t.user_attrs[NUMBER]))

    def count(self, state: TrialState) -> int:
        """Trials in a state."""
        return sum(t.state == state for t in self.entries)

    def metrics(self) -> dict[str, float]:
        """Of the study's run."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        best = {f"best/val/{self.metric}": _value(t) for t in self.ranked[:1]}
        return {**best, **{f"trials/{s.name.lower()}": float(self.count(s)) for s in states}}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the best trials, with the settings in which they differ."""
        space, first = self.claims.space, self.ranked[:FIRST]
        points = [space.readable(t.params) for t in first]
        keys = [*dict.fromkeys(".".join(p.key) for p in space.parameters)]
        differ = [k for k in keys if len({repr(p.get(k)) for p in points}) > 1]
        rows = [
            [str(t.user_attrs[NUMBER]), f"{_value(t):.4f}", *(shown(p[k]) if k in p else "" for k in differ)]
            for t, p in zip(first, points, strict=True)
        ]
        return ["trial", f"val/{self.metric}", *differ], rows

    def same(self) -> dict[str, Value]:
        """Settings that all trials of the table share."""
        points = [self.claims.space.readable(t.params) for t in self.ranked[:FIRST]]
        return {k: v for k, v in points[0].items() if all(k in p and p[k] == v for p in points)} if points else {}

    def write(self, folder: Path, study: str, run_id: str, tags: dict[str, str]) -> list[Path]:
        """Write all files; return them."""
        written = [self._trials(folder / TRIALS_CSV), self._history(folder / HISTORY)]
        if self.ranked:
            best = self.ranked[0]
            text = self._origin(best, study, run_id, tags) + to_yaml(self.claims.space.config(best.params))
            (folder / BEST).write_text(text, encoding="utf-8")
            written.append(folder / BEST)
        if importance := self._importance():
            plot_importance(importance, len(self.ranked), folder / IMPORTANCE)
            written.append(folder / IMPORTANCE)
        return written

    def _origin(self, best: FrozenTrial, study: str, run_id: str, tags: dict[str, str]) -> str:
        of = f"{len(self.entries)} trials ({self.count(TrialState.COMPLETE)} complete)"
        data, split = tags["drugml.data_hash"][:12], tags["drugml.split_hash"][:12]
        return (
            f"# Trial {best.user_attrs[NUMBER]} of study {study}, the best of {of} by val/{self.metric}: "
            f"{_value(best):.6g}\n"
            f"# Run {run_id}, data {data}, split {split}.\n"
            "# It was chosen on the validation fold, which flatters it. The test fold was not read; what it says:\n"
            "# drugml train THIS_FILE\n"
        )

    def _trials(self, path: Path) -> Path:
        keys = [*dict.fromkeys(".".join(p.key) for p in self.claims.space.parameters)]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["trial", "state", f"val/{self.metric}", "seconds", "reason", *keys])
            for t in self.entries:
                value = "" if t.state != TrialState.COMPLETE else repr(_value(t))
                seconds = "" if t.duration is None else f"{t.duration.total_seconds():.1f}"
                why = reason(t) if t.state == TrialState.FAIL else t.user_attrs.get("reason", "")
                point = self.claims.space.readable(t.params)
                writer.writerow(
                    [t.user_attrs[NUMBER], t.state.name.lower(), value, seconds, why]
                    + ["" if k not in point else shown(point[k]) for k in keys]
                )
        return path

    def _history(self, path: Path) -> Path:
        complete = {t.user_attrs[NUMBER]: _value(t) for t in self.ranked}
        pruned = {
            t.user_attrs[NUMBER]: t.intermediate_values[t.last_step]
            for t in self.entries
            if t.state == TrialState.PRUNED and t.last_step is not None
        }
        plot_history(complete, pruned, self.metric, self.rising, path)
        return path

    def _importance(self) -> dict[str, float]:
        if len(self.ranked) < ENOUGH:
            log.info("importance of settings: %d complete trials tell nothing, %d may", len(self.ranked), ENOUGH)
            return {}
        if len({_value(t) for t in self.ranked}) < 2:
            log.info("importance of settings: all trials came to the same value")
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's, on settings that rarely count
            return dict(optuna.importance.get_param_importances(self.claims.study))


def standing_alone(config: RunSpec) -> RunSpec:
    """The config with absolute paths, so that its file may lie anywhere."""
    data = config.data
    if not data.path.startswith("drugml:"):
        data = data.model_copy(update={"path": str(Path(data.path).absolute())})
    if (path := getattr(data.split, "path", None)) is not None:
        split = data.split.model_copy(update={"path": str(Path(path).absolute())})
        data = data.model_copy(update={"split": split})
    return config.model_copy(update={"data": data})


def shown(value: Value) -> str:
    """A setting for people."""
    return f"{value:.4g}" if isinstance(value, float) else "null" if value is None else str(value)


def _value(entry: FrozenTrial) -> float:
    assert entry.value is not None
    return float(entry.value)
