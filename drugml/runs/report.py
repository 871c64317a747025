"""The report of a run, made of what the run saved.

Shape letters: M molecules of the test fold, L molecules that were learned from.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drugml.config.tasks import ClassificationSpec
from drugml.data.prints import fingerprints
from drugml.data.splits.fingerprints import nearest
from drugml.data.splits.leaks import PAIRS
from drugml.evaluation.report.curves import history
from drugml.evaluation.report.report import Data, Summary, report
from drugml.evaluation.report.tested import SEED, Predicted, read
from drugml.prediction.spec import BundleSpec
from drugml.runs.dataset import Dataset
from drugml.runs.inputs import AUDIT
from drugml.runs.outcome import BUNDLE, HISTORY, PREDICTIONS
from drugml.tasks import TASKS
from drugml.tracking.run import TrackedRun

log = logging.getLogger(__name__)
REPORT = "report.html"
COMPARED = 20_000
"""Test molecules whose nearest training molecule is looked for."""


class Examined(NamedTuple):
    """What report and model card are made of."""

    spec: BundleSpec
    found: Summary
    data: Data


@contextmanager
def dispensable(what: str) -> Iterator[None]:
    """A run is not lost over a picture or a text: what goes wrong inside is logged with its traceback."""
    try:
        yield
    except Exception as error:
        log.warning("%s could not be made: %s; the run is complete without it", what, error, exc_info=True)


def write_report(dataset: Dataset, run: TrackedRun, folder: Path, examined: Examined) -> None:
    """Write the report of a run that was tested, and keep it with the run."""
    started, (spec, found, data) = time.monotonic(), examined
    histories = [history(f / HISTORY) for f in [folder, *sorted(folder.glob("m[0-9]*"), key=_number)]]
    html = report(title(dataset, spec), _about(dataset, run.run_id, spec), found, data, histories)
    (folder / REPORT).write_text(html, encoding="utf-8")
    run.file(folder / REPORT)
    log.info("report: %s (%.1f s)", REPORT, time.monotonic() - started)


def examined(dataset: Dataset, folder: Path) -> Examined:
    """Judge the test fold of a run by what the run saved."""
    spec = BundleSpec.model_validate_json((folder / BUNDLE / "spec.json").read_text(encoding="utf-8"))
    tested = read(
        folder / PREDICTIONS,
        classes=isinstance(spec.task, ClassificationSpec),
        targets=spec.targets,
        log10=spec.log10,
        units=spec.units,
        positive=spec.positive,
    )
    tested, learned = compared(dataset, tested)
    rejected = Counter(b.reject.status.value for b in dataset.rejected)
    audit = folder / AUDIT
    findings = json.loads(audit.read_text(encoding="utf-8")) if audit.is_file() else None
    names = TASKS.build(spec.task).metrics
    return Examined(spec, Summary(tested, names), Data(dict(rejected), findings, learned))


def compared(dataset: Dataset, tested: Predicted) -> tuple[Predicted, int]:
    """With the similarity of each molecule to the learned one most like it; and the number L of different ones.

    Of large folds a random sample is compared, and beside it those that are drawn as the worst.
    """
    plan = dataset.training.plan
    learned = learned_from(dataset)
    smiles = plan.molecules.smiles
    most = max(1, min(COMPARED, PAIRS // max(len(learned), 1)))
    rows = sample = np.arange(len(tested.lines))
    if len(rows) > most:
        sample = np.sort(np.random.default_rng(SEED).choice(rows, most, replace=False))
        rows = np.union1d(sample, [i for i, _ in tested.worst()]).astype(np.int64)
    out = np.full(len(tested.lines), np.nan)
    targets = fingerprints([smiles[i] for i in learned.tolist()])
    out[rows] = nearest(fingerprints([tested.smiles[i] for i in rows.tolist()]), targets)
    return replace(tested, similarity=out, sample=sample), len(learned)


def learned_from(dataset: Dataset) -> NDArray[np.int64]:
    """Positions (L,) of the different molecules of training.

    Of ensembles whose members draw from it also those of validation.
    """
    plan, ensemble = dataset.training.plan, dataset.config.ensemble
    at = plan.indices("train")
    if ensemble.whole and (ensemble.by == "fold" or ensemble.validation == "out_of_bag"):
        at = np.sort(np.concatenate([at, plan.indices("val")]))
    _, first = np.unique(plan.molecules.inchikeys[at], return_index=True)
    return np.asarray(at[first])


def title(dataset: Dataset, spec: BundleSpec) -> str:
    """Model, table and targets."""
    targets = ", ".join(spec.targets) if len(spec.targets) <= 3 else f"{len(spec.targets)} targets"
    return f"{model(spec)} on {dataset.judged.name}: {targets}"


def model(spec: BundleSpec) -> str:
    """Its name, and that it is an ensemble."""
    return f"{spec.model.name} ensemble of {len(spec.members)}" if spec.members else spec.model.name


def _about(dataset: Dataset, run_id: str, spec: BundleSpec) -> Mapping[str, str]:
    judged, plan = dataset.judged, dataset.training.plan
    sizes = ", ".join(f"{fold} {n:,}" for fold, n in plan.sizes.items())
    return {
        "Model": f"{model(spec)}, featurizer {spec.featurizer.name}",
        "Data": f"{judged.path.name}, {judged.rows:,} rows, {judged.hash[:12]}",
        "Targets": ", ".join(f"{t} [{spec.units[t]}]" if t in spec.units else t for t in spec.targets),
        "Split": f"{dataset.config.data.split.kind}: {sizes}; {plan.hash[:12]}",
        "Run": run_id,
        "Date": datetime.now().astimezone().isoformat(" ", "minutes"),
        "Reproduce": "drugml train config.yaml (beside this file, and among the artifacts of the run)",
        "Versions": ", ".join(f"{k} {v}" for k, v in spec.versions.items()),
    }


def _number(folder: Path) -> int:
    digits = folder.name[1:]
    return int(digits) if digits.isdecimal() else 0
