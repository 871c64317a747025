"""What trials may see: the table without its test fold, with the features that each asks for."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drugml.config.featurizers import FeaturizerSpec
from drugml.config.run import RunSpec
from drugml.data.splits import SplitPlan
from drugml.data.splits.plan import FOLDS
from drugml.data.store import select
from drugml.errors import UserError
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.outcome import hashes
from drugml.runs.source import find_source
from drugml.training.data import TrainingData

KEPT = 3
"""Featurized tables that are kept in memory; others come from the cache again."""


def without_test(data: TrainingData) -> TrainingData:
    """The molecules for training and validation. Those for test are gone: no row, no label."""
    keep: NDArray[np.int64] = np.flatnonzero(np.isin(data.plan.fold, [FOLDS.index("train"), FOLDS.index("val")]))
    every = data.plan.molecules
    molecules = every._replace(
        lines=[every.lines[i] for i in keep.tolist()],
        inchikeys=every.inchikeys[keep],
        scaffolds=every.scaffolds[keep],
        column=None,
        smiles=[every.smiles[i] for i in keep.tolist()],
        labels=every.labels[keep],
    )
    return TrainingData(
        select(data.store, keep),
        data.targets,
        data.low[keep],
        data.high[keep],
        data.weight[keep],
        SplitPlan(molecules, data.plan.fold[keep]),
        None if data.error is None else data.error[keep],
    )


class Tables:
    """One table, read again for each featurizer; it must stay the same."""

    def __init__(self, first: Dataset) -> None:
        self.tags = self._tags(first)
        self._kept: OrderedDict[FeaturizerSpec, TrainingData] = OrderedDict()
        self._keep(first)

    def data(self, config: RunSpec) -> TrainingData:
        """What a trial learns from.

        Raises:
            UserError: if the table is not the one that the study began with, a featurizer rejects other rows of it, or
                the encoder of `train.init_from` does not fit the trial's model.
        """
        if config.featurizer not in self._kept:
            dataset = prepare(config)
            now = self._tags(dataset)
            if changed := [k for k in self.tags if self.tags[k] != now[k]]:
                raise UserError(
                    f"{dataset.judged.path}: {', '.join(changed)} of featurizer {config.featurizer.name!r} is not that "
                    "of the study: the table changed since, or the featurizer rejects other rows; mend the table, or "
                    "search without this featurizer"
                )
            self._keep(dataset)
        self._kept.move_to_end(config.featurizer)
        source = find_source(config)  # that of this trial: its model, and what is searched, may be others
        return replace(self._kept[config.featurizer], source=source)

    def _keep(self, dataset: Dataset) -> None:
        self._kept[dataset.config.featurizer] = without_test(dataset.training)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    @staticmethod
    def _tags(dataset: Dataset) -> dict[str, str]:
        return hashes(dataset.judged, dataset.training.plan.hash)
