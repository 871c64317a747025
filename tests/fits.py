"""Fits of a second: 60 molecules, a tiny network, and what resuming must come to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem

from drugml.config.load import check
from drugml.config.models import DmpnnSpec
from drugml.config.run import RunSpec
from drugml.data.splits import SplitPlan
from drugml.data.splits.plan import Molecules
from drugml.featurizers import FEATURIZERS
from drugml.training.data import TrainingData
from drugml.training.fit import Fitted, fit
from drugml.training.listener import Silent
from tests.conftest import SMILES


def sixty() -> TrainingData:
    """60 molecules and their numbers of atoms, 45 of them to train on."""
    mols = [Chem.MolFromSmiles(s) for s in SMILES]
    labels = np.array([[float(m.GetNumAtoms())] for m in mols])
    fold = np.array([1 if i % 4 == 0 else 0 for i in range(len(mols))], np.int8)
    nobody = Molecules((), np.array([], bytes), np.array([], bytes), None, (), labels)
    store = FEATURIZERS.build(DmpnnSpec.featurizer).pack(mols)
    return TrainingData(store, ("atoms",), labels, labels, np.ones_like(labels), SplitPlan(nobody, fold))


def run_spec(**train: object) -> RunSpec:
    config = {
        "data": {"path": "x.csv", "targets": ["atoms"]},
        "task": {"kind": "regression"},
        "featurizer": {"name": "chemprop_v2"},
        "model": {"name": "dmpnn", "hidden_dim": 20, "dropout": 0.1},
        "head": {"hidden_dim": 16},
        "train": {"accelerator": "cpu", "batch_size": 8, "epochs": 4, "deterministic": True, **train},
    }
    return check(RunSpec, config, {(): "test"})


class Epochs(Silent):
    """Keeps the metrics; stops after `last` epochs, as a crash does."""

    def __init__(self, last: int = 99) -> None:
        self.last, self.metrics = last, []  # type: ignore[var-annotated]

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        self.metrics.append(dict(metrics))
        if len(self.metrics) == self.last:
            raise RuntimeError("crash")


def fitted(config: RunSpec, data: TrainingData, folder: Path, name: str = "whole") -> tuple[Fitted, list[Any]]:
    listener = Epochs()
    return fit(config, data, folder / f"{name}.ckpt", listener), listener.metrics


def check_resumes_exactly(config: RunSpec, data: TrainingData, folder: Path, crash: int = 2) -> list[Any]:
    """A fit that crashes after some epochs and goes on comes to the metrics and weights of one that does not."""
    whole, metrics = fitted(config, data, folder)
    with pytest.raises(RuntimeError, match="crash"):
        fit(config, data, folder / "cut.ckpt", Epochs(crash))
    again, rest = fitted(config, data, folder, "cut")
    assert repr(rest) == repr(metrics[crash:])  # NaN is NaN
    assert again.best_epoch == whole.best_epoch
    for name, tensor in whole.trained.tensors().items():
        assert torch.equal(tensor, again.trained.tensors()[name])
    return metrics
