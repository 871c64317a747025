"""Which columns of MLflow's table of runs are worth a look, and how the UI is told of them."""

import json
from collections.abc import Sequence
from typing import Any

from drugml.tasks.metrics import METRICS
from drugml.tracking.find import Found
from drugml.tracking.run import KIND, NESTED
from drugml.tracking.store import Store

from mlflow.exceptions import MlflowException  # isort: skip

KEY = "drugml"
SHARED = "mlflow.sharedViewState."
"""Tag of an experiment under which the UI keeps a view that was shared, as the button "Share" does."""
ALWAYS = ("model.name", "featurizer.name", "data.split.kind", "train.seed")
FIRST = ("0", "attributes.`Run Name`", "runDateAndNestInfo")
"""What the table calls the columns that it has always."""
ATTRIBUTES = ("attributes.`Models`", "attributes.`Dataset`")
VARIED = 6
"""Most params beside these."""


def share_view(store: Store, experiment_id: str, runs: Sequence[Found]) -> str | None:
    """Keep a view of an experiment that shows what tells its runs apart, return its key.

    None where this user may not write to the experiment.
    """
    metrics = measured(runs)
    shown = [f"metrics.`{m}`" for m in metrics] + [f"params.`{p}`" for p in params(runs)]
    shown += [f"tags.`{t}`" for t in (KIND, "drugml.verdict") if any(t in r.tags for r in runs)]
    view: dict[str, Any] = {
        "selectedColumns": [*shown, *ATTRIBUTES],
        "columnOrder": [*FIRST, *shown, *ATTRIBUTES],  # by name otherwise, and the table's data before its scores
        "columnWidths": {c: 170 if c in ATTRIBUTES else 110 for c in (*shown, *ATTRIBUTES)},
        # folds and members stay with the run that they are part of; here they would stand between the models
        "searchFilter": " AND ".join(f"tags.`{KIND}` != '{k}'" for k in NESTED),
    }
    if metrics:
        best = METRICS[metrics[0].removeprefix("test/")]
        view |= {"orderByKey": f"metrics.`{metrics[0]}`", "orderByAsc": not best.higher_is_better}
    try:
        store.client.set_experiment_tag(experiment_id, SHARED + KEY, json.dumps(view))
    except MlflowException as error:
        if error.error_code not in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
            raise
        return None
    return KEY


def measured(runs: Sequence[Found]) -> list[str]:
    """Test metrics that any run has: means over targets, the first of the task first, and the time of training."""
    known = {m for r in runs for m in r.metrics}
    return [m for m in (*(f"test/{m}" for m in METRICS), "train_seconds") if m in known]


def params(runs: Sequence[Found]) -> list[str]:
    """Params that say what a run is, and those that differ between runs of one model: what its user has varied."""
    varied: dict[str, None] = {}
    for name in dict.fromkeys(r.params.get("model.name") for r in runs):
        alike = [r.params for r in runs if r.params.get("model.name") == name]
        for key in alike[0]:
            if not key.startswith("tracking.") and len({p.get(key) for p in alike}) > 1:
                varied[key] = None
    known = {p for r in runs for p in r.params}
    more = [p for p in varied if p not in ALWAYS]
    return [p for p in ALWAYS if p in known] + more[:VARIED]
