"""Classes that are rare weigh more."""

import logging
from dataclasses import replace

from drugml.config.run import RunSpec
from drugml.config.tasks import ClassificationSpec
from drugml.training.data import TrainingData

log = logging.getLogger(__name__)


def balanced(config: RunSpec, data: TrainingData) -> TrainingData:
    """The data with weights by class, where `task.balance` asks for them.

    Of each target both classes weigh the same in the training fold, and all its labels as much as before: the weight of
    a label is multiplied by W / (2 W_c), where W_c is the weight of its class there and W that of both. Other folds
    have a say in nothing.
    """
    if not isinstance(config.task, ClassificationSpec) or config.task.balance == "none":
        return data
    weight, train = data.weight.copy(), data.plan.indices("train")
    for t, name in enumerate(data.targets):
        labels = data.low[:, t]
        totals = [float(data.weight[train, t][labels[train] == c].sum()) for c in (0, 1)]
        if min(totals) == 0:
            log.warning("task.balance: the training fold has one class of %s only; its labels weigh as before", name)
            continue
        for c, total in enumerate(totals):
            weight[labels == c, t] *= sum(totals) / (2 * total)
        log.info("task.balance: %s: positives weigh %.3g times as much as negatives", name, totals[0] / totals[1])
    return replace(data, weight=weight)
