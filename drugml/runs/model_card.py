"""The card of a model, made of what its run saved."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from drugml.data.extent import extent
from drugml.data.splits import FOLDS
from drugml.evaluation.model.card import card, card_page, description
from drugml.evaluation.model.facts import Facts, Labels
from drugml.prediction.versions import surroundings
from drugml.runs.dataset import Dataset
from drugml.runs.inputs import SPLIT
from drugml.runs.report import Examined, learned_from, model, title
from drugml.tracking.run import TrackedRun

MODEL_CARD, MODEL_PAGE = "model_card.md", "model_card.html"


def write_model_card(
    dataset: Dataset, run: TrackedRun, folder: Path, examined: Examined, metrics: Mapping[str, float]
) -> str:
    """Write the card of a model that was tested, and keep it with the run; returns it in short.

    Args:
        dataset: what was learned.
        run: where it is logged.
        folder: of the run.
        examined: its test fold.
        metrics: all of the run.
    """
    found, data = examined.found, examined.data
    facts = _facts(dataset, run.run_id, folder, examined, metrics)
    for name, text in ((MODEL_CARD, card(facts, found, data)), (MODEL_PAGE, card_page(facts, found, data))):
        (folder / name).write_text(text, encoding="utf-8")
        run.file(folder / name)
    return description(facts, found)


def _facts(dataset: Dataset, run_id: str, folder: Path, examined: Examined, metrics: Mapping[str, float]) -> Facts:
    plan, judged, spec = dataset.training.plan, dataset.judged, examined.spec
    beside = json.loads((folder / f"{SPLIT}.json").read_text(encoding="utf-8"))
    return Facts(
        spec=spec,
        config=dataset.config,
        title=title(dataset, spec),
        model=model(spec),
        run_id=run_id,
        files=judged.path.name,
        rows=dataset.counts(),
        sizes=plan.sizes,
        unused=int((plan.fold < 0).sum()),
        split_hash=plan.hash,
        leaks=beside.get("leaks"),
        labels=[*_labels(dataset)],
        extent=extent(dataset.training.store.molecule["facts"][learned_from(dataset)]),
        metrics=metrics,
        surroundings=surroundings(),
    )


def _labels(dataset: Dataset) -> Iterator[Labels]:
    data = dataset.training
    folds = {f: data.written(f) for f in FOLDS}
    bounds = np.sum([(~np.isnan(folds[f]) & np.isnan(data.fold(f)[1])).sum(axis=0) for f in FOLDS], axis=0)
    for t in range(len(data.targets)):
        numbers: dict[str, int] = {f: int((~np.isnan(w[:, t])).sum()) for f, w in folds.items()}
        train = folds["train"][:, t]
        known = train[~np.isnan(train)]
        reach = (known.min(), known.max(), known.mean()) if len(known) else (np.nan,) * 3
        yield Labels(numbers, int(bounds[t]), *map(float, reach))
