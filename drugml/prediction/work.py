"""Several models on the same molecules: what one worker process does with a task."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from drugml.data.crew import run_here
from drugml.data.isolate import Task, settle
from drugml.data.status import Reject
from drugml.data.store import concatenate, select
from drugml.featurizers.pack import Packed
from drugml.prediction.bundle import load
from drugml.prediction.predictor import Predictions, Predictor, prepare
from drugml.prediction.spec import BundleSpec


class Prepare:
    """SMILES to packed molecules, one result for each distinct preparation: models that prepare alike share it."""

    def __init__(self, specs: Sequence[BundleSpec]) -> None:
        keys = [(s.featurizer.model_dump_json(), s.standardize.model_dump_json(), s.max_atoms) for s in specs]
        distinct = list(dict.fromkeys(keys))
        self._first = [specs[keys.index(k)] for k in distinct]
        self.of = [distinct.index(k) for k in keys]
        """For each model, which of the results is its."""

    def __call__(self, task: Task[str]) -> Iterator[list[Packed]]:
        if task.singly:
            for smiles in task.items:
                yield [prepare([smiles], spec) for spec in self._first]
        else:
            tried = ["" if i in task.known else s for i, s in enumerate(task.items)]
            packed = [prepare(tried, spec) for spec in self._first]
            yield [p._replace(rejects=p.rejects | task.known) for p in packed]


class Predict:
    """SMILES to predictions, one result for each model."""

    def __init__(self, predictors: Sequence[Predictor]) -> None:
        self._predictors, self._prepare = predictors, Prepare([p.spec for p in predictors])

    def __call__(self, task: Task[str]) -> Iterator[list[Predictions]]:
        for packed in self._prepare(task):
            yield self.infer(packed, 1 if task.singly else len(task.items))

    def infer(self, packed: Sequence[Packed], rows: int) -> list[Predictions]:
        """What each model says of so many rows, packed as `Prepare` does."""
        return [p.infer(packed[of], rows) for p, of in zip(self._predictors, self._prepare.of, strict=True)]

    def infer_safely(self, packed: Sequence[Packed], rows: int) -> list[Predictions]:
        """As `infer`; a molecule on which a model fails costs only itself."""

        def work(task: Task[int]) -> Iterator[list[Predictions]]:
            if task.singly:
                for row in task.items:
                    yield self.infer([_only(p, row) for p in packed], 1)
            else:
                yield self.infer([_without(p, task.known, rows) for p in packed], rows)

        (answer,) = run_here(work, iter([settle(range(rows), float("inf"), join_predictions)]))
        return answer


def make_predict(bundles: Sequence[tuple[Path, str]]) -> Predict:
    """The work of a new process on the CPU, from bundles and the hashes that the main process found and checked.

    Raises:
        RuntimeError: if a bundle is no longer the same.
    """
    torch.set_num_threads(1)  # there is a process per core
    predictors = [load(folder, check_probes=False) for folder, _ in bundles]
    for predictor, (folder, expected) in zip(predictors, bundles, strict=True):
        if predictor.spec.hash != expected:
            raise RuntimeError(f"{folder}: was replaced while it was used")
    return Predict(predictors)


def make_prepare(specs: Sequence[str]) -> Prepare:
    """The work of a new process where the main process has the models on its accelerator, from specs as JSON."""
    return Prepare([BundleSpec.model_validate_json(s) for s in specs])


def join_packed(single: Sequence[list[Packed]], known: dict[int, Reject]) -> list[Packed]:
    """As `isolate.Join`."""
    rows = _places(len(single) + len(known), known)
    out = []
    for parts in zip(*single, strict=True):
        stores = [p.store for p in parts if p.store is not None]
        rejects = known | {i: p.rejects[0] for i, p in zip(rows, parts, strict=True) if p.rejects}
        out.append(Packed(concatenate(stores) if stores else None, dict(sorted(rejects.items())), {}))
    return out


def join_predictions(single: Sequence[list[Predictions]], known: dict[int, Reject]) -> list[Predictions]:
    """As `isolate.Join`."""
    total = len(single) + len(known)
    rows = _places(total, known)
    out = []
    for parts in zip(*single, strict=True):
        values = _placed([p.values for p in parts], rows, total)
        spreads = [p.spread for p in parts if p.spread is not None]
        rejects = known | {i: p.rejects[0] for i, p in zip(rows, parts, strict=True) if p.rejects}
        apart = _placed(spreads, rows, total) if spreads else None
        notes = {i: p.notes[0] for i, p in zip(rows, parts, strict=True) if p.notes}
        out.append(Predictions(values, dict(sorted(rejects.items())), apart, notes))
    return out


def _placed(parts: Sequence[NDArray[np.float64]], rows: list[int], total: int) -> NDArray[np.float64]:
    out = np.full((total, parts[0].shape[1]), np.nan)
    out[rows] = np.concatenate(parts)
    return out


def _places(total: int, known: dict[int, Reject]) -> list[int]:
    return [i for i in range(total) if i not in known]


def _only(packed: Packed, row: int) -> Packed:
    if row in packed.rejects or packed.store is None:
        return Packed(None, {0: packed.rejects[row]}, {})
    place = row - sum(i < row for i in packed.rejects)
    return Packed(select(packed.store, np.array([place])), {}, {})


def _without(packed: Packed, known: dict[int, Reject], rows: int) -> Packed:
    if not known or packed.store is None:
        return packed._replace(rejects=packed.rejects | known)
    good = [i for i in range(rows) if i not in packed.rejects]
    kept = np.array([n for n, i in enumerate(good) if i not in known], np.int64)
    return Packed(select(packed.store, kept) if len(kept) else None, packed.rejects | known, {})
