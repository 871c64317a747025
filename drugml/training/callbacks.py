"""What happens around the steps: progress, the best weights, early stop, and a checkpoint to resume from."""

import math
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from drugml.tasks.metrics import higher_is_better
from drugml.training.listener import Listener
from drugml.training.module import Module


class Progress(pl.Callback):
    """Tells the listener."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.listener.batch(trainer.current_epoch, batch_idx + 1, int(trainer.num_training_batches))


class BestAndLast(Checkpoint):
    """Keeps the best weights by the monitor and writes one checkpoint per epoch, replaced atomically.

    The best weights are part of the checkpoint, so that a kill at any moment loses at most one epoch.
    A monitor that is NaN counts as no better.
    """

    def __init__(self, path: Path, monitor: str, patience: int | None, listener: Listener) -> None:
        self.path, self.monitor, self.patience, self.listener = path, monitor, patience, listener
        self.rising = higher_is_better(monitor)
        self.best = -math.inf if self.rising else math.inf
        self.best_epoch = -1
        self.best_metrics: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.listener.begin(self.history)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module, epoch = cast(Module, pl_module), trainer.current_epoch
        value = module.metrics[f"val/{self.monitor}"]
        better = value > self.best if self.rising else value < self.best
        if better or not self.weights:
            self.best, self.best_epoch = (value, epoch) if better else (self.best, epoch)
            self.best_metrics = dict(module.metrics)
            self.weights = {k: v.detach().cpu().clone() for k, v in module.judged.state_dict().items()}
        if self.patience is not None and epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True
        self.history = [*self.history, dict(module.metrics)]
        part = self.path.with_suffix(".part")
        try:
            trainer.save_checkpoint(part)  # of all processes only the first one writes
        except OSError:  # of a full disk, which needs the room to say so
            part.unlink(missing_ok=True)
            raise
        if trainer.is_global_zero:
            part.replace(self.path)
        self.listener.epoch(epoch, int(trainer.max_epochs or 0), module.metrics, better)

    def state_dict(self) -> dict[str, Any]:
        keys = ("best", "best_epoch", "best_metrics", "weights", "history")
        return {k: getattr(self, k) for k in keys}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for key, value in state_dict.items():
            setattr(self, key, value)
