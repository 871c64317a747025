"""`compare`: runs of the same data, split and metrics side by side, with a verdict that is written back to MLflow."""

import csv
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from drugml.errors import UserError, nearest
from drugml.evaluation.comparison.comparison import FEWEST, Comparison, over_folds, over_molecules, shown
from drugml.evaluation.comparison.plots import intervals, matrix
from drugml.evaluation.comparison.report import HEADER, write_report
from drugml.prediction.versions import versions
from drugml.runs.candidates import SAME, Candidate, candidates, names
from drugml.runs.inputs import check_writable
from drugml.tasks import TASKS
from drugml.tracking.find import finished, lookup
from drugml.tracking.run import COMPARE, KIND, start, tracked
from drugml.tracking.store import Store, connect

log = logging.getLogger(__name__)
REPORT, PAIRS, RESULT = "comparison.html", "pairs.csv", "comparison.json"


@dataclass(frozen=True)
class Compared:
    """A finished comparison."""

    run_id: str
    folder: Path
    comparisons: list[Comparison]
    """One per metric."""
    test_share: float

    @property
    def header(self) -> Sequence[str]:
        """Of `rows`."""
        return HEADER

    def rows(self, found: Comparison) -> list[list[str]]:
        """A table for a terminal."""
        return shown(found, self.test_share)

    def summary(self) -> str:
        """What follows the tables."""
        return "\n".join(
            [f"report    {self.folder / REPORT}", f"run       {self.run_id} (comparison, with all files in MLflow)"]
        )


def compare(
    references: Sequence[str],
    experiment: str | None,
    metrics: Sequence[str],
    margin: float,
    out: Path | None,
    uri: str | None,
) -> Compared:
    """Compare runs.

    Args:
        references: run ids, run folders, or registered models (`models:/NAME/VERSION`).
        experiment: take all complete cross-validations of it, or training runs where it has none.
        metrics: test metrics, also of one target (`rmse/logS`); the first of the task if empty.
        margin: difference that does not matter, in units of the metric.
        out: folder of the report; beside the runs if None.
        uri: tracking URI, as in `connect`.

    Raises:
        UserError: if runs are not found or not comparable.
    """
    if margin < 0:
        raise UserError(f"--margin {margin:g}: is a difference that does not matter, expected 0 or more")
    store = connect(uri)
    found = [lookup(store, r) for r in references] + (finished(store, experiment) if experiment else [])
    with TemporaryDirectory() as files:
        runs = candidates(found, Path(files))
        labels = names(runs)
        chosen = list(metrics) or [TASKS.build(runs[0].config.task).metrics[0]]
        results = [compared_by(m, runs, labels, margin) for m in chosen]
        if results[0].tukey is None and runs[0].is_cv:
            log.warning("fewer than %d folds: a test over molecules stands in for one over folds", FEWEST)
        return _recorded(store, runs, labels, results, out)


def _recorded(
    store: Store, runs: list[Candidate], labels: list[str], results: list[Comparison], out: Path | None
) -> Compared:
    """Keep a comparison as a run of its own, and its verdict with each run that it compares."""
    experiment, ids = runs[0].run.experiment, ",".join(r.run.run_id for r in runs)
    tags = {KIND: COMPARE, "drugml.compared": ids, "drugml.version": versions()["drugml"]}
    run_id = start(store, experiment, f"comparison of {len(runs)}", tags)
    folder = out or Path(runs[0].config.tracking.folder).absolute() / experiment / run_id
    check_writable(folder)
    with tracked(store, run_id, folder) as run:
        for file in _write(folder, results, runs, labels):
            run.file(file)
        run.tags({"mlflow.note.content": f"{results[0].headline()}.\n\nSee {REPORT} among the artifacts."})
        _tell_runs(store, run_id, results[0], dict(zip(labels, runs, strict=True)))
    return Compared(run_id, folder, results, runs[0].test_share)


def compared_by(metric: str, runs: Sequence[Candidate], labels: list[str], margin: float) -> Comparison:
    """Compare runs that fit together by a logged metric: over folds where there are enough, else over test molecules.

    Raises:
        UserError: if the runs have no such metric, it is undefined, or test labels differ.
    """
    known = runs[0].scores
    if metric not in known:
        raise UserError(f"--metric {metric!r}: the runs have no such test metric; {nearest(metric, known)}")
    scores = np.stack([r.scores[metric] for r in runs], axis=1)
    if runs[0].is_cv and len(scores) >= FEWEST:
        return over_folds(metric, labels, scores, runs[0].test_share, margin)
    return over_test(metric, runs, labels, margin)


def over_test(metric: str, runs: Sequence[Candidate], labels: list[str], margin: float) -> Comparison:
    """Compare runs that fit together by one metric, logged or not, by drawing test molecules.

    Raises:
        UserError: if it is undefined, or test labels differ.
    """
    name, _, target = metric.partition("/")
    lines, y, _ = runs[0].tested
    targets = runs[0].config.data.targets
    columns = [c for c in range(y.shape[1]) if target in ("", targets[c % len(targets)])]
    predictions = []
    for r in runs:
        own, labelled, predicted = r.tested
        at = {line: i for i, line in enumerate(own)}
        order = [at[line] for line in lines]
        if not np.array_equal(labelled[order], y, equal_nan=True):
            raise UserError(f"run {r.run.run_id}: has other test labels than {runs[0].run.run_id}; train it anew")
        predictions.append(predicted[order][:, columns])
    return replace(over_molecules(name, labels, y[:, columns], predictions, margin), metric=metric)


def _write(folder: Path, results: list[Comparison], runs: list[Candidate], labels: list[str]) -> list[Path]:
    tags = runs[0].run.tags
    about = {what: tags.get(tag, "")[:12] for tag, what in SAME.items() if tag != KIND}
    described = [
        {"model": n, "run": r.run.run_id, **{k: r.run.params.get(k, "") for k in ("model.name", "train.seed")}}
        for n, r in zip(labels, runs, strict=True)
    ]
    share = runs[0].test_share
    write_report(folder / REPORT, results, share, about, described)
    result: dict[str, Any] = {
        "runs": {n: r.run.run_id for n, r in zip(labels, runs, strict=True)},
        "test_share": share,
        "metrics": [
            {"metric": c.metric, "headline": c.headline(), "test": c.how, "margin": c.margin, "order": c.names,
             "scores": {n: c.scores[:, k].tolist() for k, n in enumerate(c.names)}, "pairs": c.rows()}
            for c in results
        ],
    }  # fmt: skip
    (folder / RESULT).write_text(json.dumps(result, indent=1), encoding="utf-8")
    rows = [{"metric": c.metric, **row} for c in results for row in c.rows()]
    with (folder / PAIRS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    pictures = {"intervals.png": intervals(results[0]), "pairs.png": matrix(results[0])}
    for name, figure in pictures.items():
        figure.savefig(folder / name, dpi=150)
    return [folder / n for n in (REPORT, RESULT, PAIRS, *pictures)]


def _tell_runs(store: Store, comparison: str, found: Comparison, runs: dict[str, Candidate]) -> None:
    """Leave the verdict as a tag with each run, where the UI shows it as a column."""
    for k, name in enumerate(found.names):
        of = f"of {len(found.names)} by {found.metric}"
        said = f"best {of}" if k == 0 else f"{found.verdict(k, 0).value} beside {found.names[0]}, {k + 1}. {of}"
        for tag, value in (("drugml.verdict", said), ("drugml.comparison", comparison)):
            store.client.set_tag(runs[name].run.run_id, tag, value)
