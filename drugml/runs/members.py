"""What each member of an ensemble learns from: which molecules, how often, and which it validates on.

Shape letters: M molecules.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drugml.data.splits import FOLDS, SPLITTERS, SplitPlan
from drugml.data.splits.draw import Grouped, deal, join
from drugml.data.splits.plan import UNUSED
from drugml.errors import UserError
from drugml.runs.dataset import Dataset, check_train_labels

TRAIN, VAL, _ = range(len(FOLDS))
Drawn = tuple[SplitPlan, NDArray[np.float64]]
"""The plan of a member, and how often each molecule counts (M,)."""


def members_of(dataset: Dataset) -> list[Dataset]:
    """The same table as each member sees it, with configs that train one member alone.

    The test fold is that of the whole. A molecule that was drawn twice counts twice in every loss.

    Args:
        dataset: of the whole, in the folds of its split.

    Raises:
        UserError: if a fold of a member is empty, or it has no label of a target to train on.
    """
    drawn = {"seed": _alike, "bagging": _bags, "fold": _parts}[dataset.config.ensemble.by](dataset)
    return [_member(dataset, n, plan, times) for n, (plan, times) in enumerate(drawn, 1)]


def _member(dataset: Dataset, number: int, plan: SplitPlan, times: NDArray[np.float64]) -> Dataset:
    spec, data = dataset.config.ensemble.model_copy(update={"member": number}), dataset.training
    if empty := [f for f, n in plan.sizes.items() if n == 0]:
        raise UserError(
            f"ensemble.by = {spec.by!r}: member {number} has no molecule for {' and '.join(empty)}; use fewer "
            "members or more molecules"
        )
    training = replace(data, plan=plan, weight=data.weight * times[:, None])
    try:
        check_train_labels(training)
    except UserError as error:
        raise UserError(f"ensemble, member {number}: {error}") from None
    config = dataset.config.model_copy(update={"ensemble": spec})
    judged = replace(dataset.judged, config=config)
    return replace(dataset, curated=replace(dataset.curated, judged=judged), training=training)


def _alike(dataset: Dataset) -> list[Drawn]:
    plan = dataset.training.plan
    return [(plan, np.ones(len(plan.fold)))] * dataset.config.ensemble.members


def _bags(dataset: Dataset) -> list[Drawn]:
    """As many molecules as there are, drawn with replacement; rows of one molecule are drawn together."""
    plan, config = dataset.training.plan, dataset.config
    joint = config.ensemble.validation == "out_of_bag"
    pool = np.flatnonzero((plan.fold == TRAIN) | (joint & (plan.fold == VAL)))
    groups = join(plan.molecules.inchikeys[pool])
    count = int(groups.max(initial=-1)) + 1
    bags = []
    for number in range(1, config.ensemble.members + 1):
        chosen = np.random.default_rng([config.train.seed, number]).integers(0, count, count)
        often = np.bincount(chosen, minlength=count)[groups]
        fold, times = plan.fold.copy(), np.ones(len(plan.fold))
        fold[pool] = np.where(often > 0, TRAIN, VAL if joint else UNUSED)
        times[pool] = np.maximum(often, 1)
        bags.append((SplitPlan(plan.molecules, fold), times))
    return bags


def _parts(dataset: Dataset) -> list[Drawn]:
    """Training and validation molecules in as many parts as there are members; each validates on one of them.

    A split of groups, such as scaffolds, leaves these whole; any other one leaves molecules whole.
    """
    plan, config = dataset.training.plan, dataset.config
    pool = np.flatnonzero((plan.fold == TRAIN) | (plan.fold == VAL))
    splitter, molecules = SPLITTERS.build(config.data.split), plan.molecules
    groups = splitter.groups(molecules) if isinstance(splitter, Grouped) else join(molecules.inchikeys)
    _, left = np.unique(groups[pool], return_inverse=True)
    part = deal(left.astype(np.int64), config.ensemble.members, [config.train.seed, 0])
    parts = []
    for number in range(config.ensemble.members):
        fold = plan.fold.copy()
        fold[pool] = np.where(part == number, VAL, TRAIN)
        parts.append((SplitPlan(molecules, fold), np.ones(len(fold))))
    return parts
