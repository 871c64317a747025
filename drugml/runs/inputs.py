"""The files of a run folder that say what is trained on: config, rejects, split, data card."""

import csv
import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from drugml.config.dump import to_yaml
from drugml.data.splits import SplitPlan
from drugml.data.splits.file import write as write_split
from drugml.data.splits.leaks import report
from drugml.errors import UserError
from drugml.runs.check import write_training_card
from drugml.runs.dataset import Dataset

log = logging.getLogger(__name__)

CONFIG, REJECTS, SPLIT, CARD, AUDIT, CHANGED = (
    "config.yaml",
    "rejects.csv",
    "split.csv",
    "data_card.html",
    "audit.json",
    "standardized.csv",
)
INPUTS = (CONFIG, REJECTS, SPLIT, f"{SPLIT}.json", CARD, AUDIT, CHANGED)
"""All of them; the last one is not always there."""


def write_inputs(dataset: Dataset, folder: Path, plans: Sequence[SplitPlan]) -> None:
    """Write what a run is trained on.

    Args:
        dataset: in the folds of the first plan, of which leaks and data card are made.
        folder: of the run.
        plans: one, or those of a cross-validation.
    """
    (folder / CONFIG).write_text(to_yaml(dataset.config), encoding="utf-8")
    if dataset.judged.changed:
        with (folder / CHANGED).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("line", "smiles", "note"), *dataset.judged.changed])
        log.info("standardisation changed %s rows; see %s", f"{len(dataset.judged.changed):,}", CHANGED)
    plan, data = dataset.training.plan, dataset.config.data
    write_split(folder / SPLIT, data.split, plans, {"leaks": report(plan, data.targets).as_dict()})
    findings = write_training_card(dataset, folder / CARD).findings
    said = [{"severity": f.severity.value, "kind": f.kind.replace("_", " "), "text": f.text} for f in findings]
    (folder / AUDIT).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    found = Counter(f.severity.value for f in findings)
    log.info("audit: %s; see %s", ", ".join(f"{n} {s}s" for s, n in found.items()) or "no findings", CARD)
    write_rejects(dataset, folder)


def write_rejects(dataset: Dataset, folder: Path) -> None:
    """Write which rows are not used, or not with all their labels, and why."""
    with (folder / REJECTS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "smiles", "status", "reason"])
        writer.writerows([b.where, b.text, b.reject.status.value, b.reject.reason] for b in dataset.rejected)


def check_writable(folder: Path) -> None:
    """Fail before training rather than after it.

    Raises:
        UserError: if the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-{os.getpid()}"
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{folder}: the run folder cannot be written: {error.strerror or error}; "
            "set tracking.folder to another place"
        ) from None
