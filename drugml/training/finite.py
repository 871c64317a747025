"""Losses and weights that are no finite numbers: where it began, and an end before the checkpoint is replaced."""

from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor

from drugml.errors import UserError
from drugml.training.module import Module


class NotFinite(UserError):
    """A training that came to numbers that are none."""

    def __init__(self, message: str, molecules: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.molecules = molecules
        """Positions in the store of those of the step at which it was seen first."""


class Finite(pl.Callback):
    """Ends the run after an epoch with such a loss, or that left such weights; nothing is written of this epoch.

    Losses stay on the device until then: to look at each would make it wait.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.losses: list[Tensor] = []
        self.rates: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.losses, self.rates = [], []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, idx: int) -> None:
        self.rates.append(float(trainer.optimizers[0].param_groups[0]["lr"]))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append((outputs["loss"] if isinstance(outputs, dict) else outputs).detach())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the epoch is validated and its checkpoint is written."""
        module, epoch = cast(Module, pl_module), trainer.current_epoch
        (losses,) = module.ranks.total(torch.stack(self.losses))  # so that all processes end, not one
        bad = torch.nonzero(~losses.isfinite()).flatten().tolist()
        if bad:
            step = bad[0]
            where = f"epoch {epoch + 1}, step {step + 1} of {len(losses)}: the training loss is {losses[step].item()}"
            molecules = tuple(module.order.batches(epoch)[step].tolist())
        elif not all(bool(v.isfinite().all()) for v in module.network.state_dict().values()):
            where, step, molecules = f"epoch {epoch + 1}: the last step left weights that are no numbers", -1, ()
        else:
            return
        raise NotFinite(
            f"{where}, at a learning rate of {self.rates[step]:.2g}; {_advice(module)}. {self._left(epoch)}", molecules
        )

    def _left(self, epoch: int) -> str:
        if not self.checkpoint.exists():
            return "No epoch before it was good"
        return f"The last good epoch, {epoch}, is in {self.checkpoint}; --resume would go the same way, train anew"


def _advice(module: Module) -> str:
    train = module.config.train
    clip = "" if train.gradient_clip else " or set train.gradient_clip=1.0"
    half = ", or train.precision=bf16-mixed, whose numbers reach further" if train.precision == "16-mixed" else ""
    return f"lower train.lr{clip}{half}"
