"""Fit one model, network or baseline."""

import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch

from drugml.config.run import RunSpec
from drugml.config.tasks import ClassificationSpec
from drugml.config.training import TrainSpec
from drugml.data.memory import give_back, keep_freed
from drugml.errors import UserError, nearest
from drugml.featurizers import DESCRIPTORS, FEATURIZERS
from drugml.models import BASELINES
from drugml.prediction.trained import Trained, TrainedBaseline, TrainedNetwork, columns, medians
from drugml.tasks import TASKS
from drugml.tasks.metrics import evaluate
from drugml.tasks.task import Scaling
from drugml.training.autosize import with_largest
from drugml.training.balance import balanced
from drugml.training.callbacks import BestAndLast, Progress
from drugml.training.choice import burst, passed_over
from drugml.training.data import TrainingData
from drugml.training.finite import Finite
from drugml.training.listener import Listener
from drugml.training.module import Module
from drugml.training.ranks import trainer_options
from drugml.training.transfer import merge

log = logging.getLogger(__name__)


class Fitted(NamedTuple):
    """The outcome of a fit."""

    trained: Trained
    scaling: Scaling
    best: dict[str, float]
    """Metrics of the chosen epoch, such as val/rmse."""
    best_epoch: int | None
    """Counted from 1; None for baselines."""
    seconds: float
    tags: Mapping[str, str] = MappingProxyType({})
    """What came about otherwise than the config says."""


def check_monitor(config: RunSpec) -> None:
    """Refuse a monitor that the task does not have.

    Raises:
        UserError: with the nearest name.
    """
    known = ("loss", *TASKS[type(config.task)].metrics)  # type: ignore[attr-defined]
    if config.train.monitor not in known:
        raise UserError(
            f"train.monitor = {config.train.monitor!r} is no {config.task.kind} metric; "
            f"{nearest(config.train.monitor, known)}"
        )


def check_validation(config: RunSpec, data: TrainingData) -> None:
    """Refuse a monitor that the validation fold leaves undefined: no epoch could be called the best.

    Raises:
        UserError: with the number of labels and what to use instead.
    """
    monitor, (_, labels) = config.train.monitor, data.fold("val")
    # labels as their own predictions: what is undefined even so depends on the labels alone
    if monitor == "loss" or not math.isnan(evaluate((monitor,), data.targets, labels, labels)[monitor]):
        return
    known = labels[~np.isnan(labels)]
    raise UserError(
        f"train.monitor = {monitor!r} is undefined on the validation fold: it has {len(known)} labels of "
        f"{len(np.unique(known))} different values; use train.monitor=loss"
    )


def check_devices(spec: TrainSpec) -> None:
    """Refuse hardware that is not there.

    Raises:
        UserError: for GPUs that torch does not see, or what several devices cannot do.
    """
    if spec.accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError("train.accelerator = 'gpu': torch sees no GPU on this machine; use auto or cpu")
    gpus = torch.cuda.device_count() if spec.accelerator != "cpu" else 0
    if gpus and spec.devices > gpus:
        raise UserError(f"train.devices = {spec.devices}: torch sees {gpus} GPUs on this machine; use at most as many")
    if spec.devices * spec.nodes > 1 and spec.compile:
        raise UserError("train.compile = true: is not built for several devices; use train.compile=false")
    if spec.devices * spec.nodes > 1:
        _check_alone(spec)


def _check_alone(spec: TrainSpec) -> None:
    """Refuse what processes would do differently, and then wait for each other for ever."""
    for there, what, instead in (
        (spec.accumulate > 1, f"accumulate = {spec.accumulate}", "a larger train.batch_size, which they share"),
        (spec.batch_size == "largest", "batch_size = 'largest'", "a number"),
        (spec.freeze.kind == "gradual", "freeze = 'gradual'", "train.freeze=encoder or none"),
    ):
        if there:
            raise UserError(f"train.{what}: is not built for several devices; use {instead}")


def fit(config: RunSpec, data: TrainingData, checkpoint: Path, listener: Listener) -> Fitted:
    """Train; goes on from `checkpoint` where it exists.

    Args:
        config: a resolved config (no `auto` left).
        data: what to learn.
        checkpoint: file that is replaced after every epoch of a network.
        listener: told of the progress.

    Raises:
        UserError: if the loss is not finite.
    """
    start, data = time.monotonic(), balanced(config, data)
    tell_undefined(config, data)
    if type(config.model) in BASELINES:
        keep_freed()  # matrices of the same size again and again
        try:
            return _fit_baseline(config, data, start)
        finally:
            give_back()
    config = config.with_batch_size(len(data.store))  # of a trial of a search; otherwise it has a number
    asked, config = config.train.batch_size, with_largest(config, data, checkpoint)
    train = config.train
    resume = checkpoint.exists()
    give_back()  # what reading and auditing the table took
    keep_freed()
    with _lightning(train):
        torch.manual_seed(train.seed)
        module = Module(config, data)
        best = BestAndLast(checkpoint, train.monitor, train.patience, listener)
        trainer = pl.Trainer(
            max_epochs=train.epochs,
            accelerator=train.accelerator,
            **trainer_options(train),  # type: ignore[arg-type]
            precision=train.precision,
            gradient_clip_val=train.gradient_clip,
            deterministic=train.deterministic or None,
            callbacks=[Progress(listener), Finite(checkpoint), best],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=True,
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,
            default_root_dir=checkpoint.parent,
        )
        try:
            trainer.fit(module, ckpt_path=checkpoint if resume else None, weights_only=True)
        finally:
            listener.end()
            give_back()  # the room of a step, which nothing after it needs
    _tell_best(module, best)
    module.network.load_state_dict(best.weights)
    merge(module.network.encoder)
    trained = TrainedNetwork(module.network, module.layout, module.task, module.scaling)
    tags = {"drugml.batch_halved": module.parts.told} if module.parts.halvings else {}
    if asked == "largest":
        tags["drugml.batch_size"] = str(train.batch_size)
    return Fitted(trained, module.scaling, best.best_metrics, best.best_epoch + 1, time.monotonic() - start, tags)


def _tell_best(module: Module, best: BestAndLast) -> None:
    """Say what is to be known of the epoch that is kept, and of the others.

    Raises:
        UserError: if there is none.
    """
    train = module.config.train
    if not math.isfinite(best.best):
        raise UserError(
            f"train.monitor = {train.monitor!r} was not a finite number after any of {len(best.history)} epochs, "
            "so none is the best; lower train.lr or use train.monitor=loss"
        )
    if module.average is not None and best.best_epoch < module.average.first:
        log.warning(
            "train.average: the best epoch is %d, before the average began with epoch %d; its plain weights are saved",
            best.best_epoch + 1,
            module.average.first + 1,
        )
    for said in (
        passed_over(train.monitor, best.best_epoch, best.history),
        burst(train.lr, train.gradient_clip, best.history),
    ):
        if said:
            log.warning(said)


def tell_undefined(config: RunSpec, data: TrainingData) -> None:
    """Say which descriptors training molecules lack, and what stands there."""
    if "descriptors" not in data.store.molecule:
        return
    undefined = np.isnan(data.store.molecule["descriptors"][data.plan.indices("train")]).sum(axis=0)
    if undefined.any():
        names = [n for part in config.featurizer.descriptors or () for n in DESCRIPTORS.build(part).names]
        log.info(
            "descriptors: %d of %d are undefined for up to %d training molecules, such as %s; these count as the "
            "middle of the others",
            (undefined > 0).sum(),
            len(names),
            undefined.max(),
            names[int(undefined.argmax())],
        )


def _fit_baseline(config: RunSpec, data: TrainingData, start: float) -> Fitted:
    baseline = BASELINES.build(config.model)
    train, labels = data.plan.indices("train"), data.written("train")
    fill = medians(data.store, train)
    counts = data.store.molecule["fingerprint"].shape[1]
    classify = isinstance(config.task, ClassificationSpec)
    described = FEATURIZERS.build(config.featurizer).describe()
    baseline.fit(
        columns(data.store, train, fill),
        labels,
        data.weight[train],
        widths=described.get("widths", [counts]),
        classify=classify,
        seed=config.train.seed,
    )
    val, val_labels = data.fold("val")
    trained = TrainedBaseline(baseline, fill)
    predicted = trained.predict(data.store, val, len(val))
    metrics = evaluate(TASKS.build(config.task).metrics, data.targets, val_labels, predicted)
    best = {f"val/{k}": v for k, v in metrics.items()}
    scaling = TASKS.build(config.task).scaling(labels)
    return Fitted(trained, scaling, best, None, time.monotonic() - start)


@contextmanager
def _lightning(train: TrainSpec) -> Iterator[None]:
    """Lightning without its advertisements; torch's flags are restored afterwards."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    torch.use_deterministic_algorithms(train.deterministic)  # before the network is built
    torch.set_float32_matmul_precision(train.matmul_precision)
    noisy = logging.getLogger("lightning.pytorch")
    level = noisy.level
    noisy.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        noisy.setLevel(level)
        torch.use_deterministic_algorithms(before[0])
        torch.set_float32_matmul_precision(before[1])
