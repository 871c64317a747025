"""The Lightning module: one network, one task, batches gathered on the device.

Shape letters: B molecules of a batch, T targets.
"""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drugml.config.run import RunSpec
from drugml.data.batch import DeviceStore
from drugml.models.network import Network
from drugml.prediction.trained import layout_of, outputs
from drugml.tasks import TASKS
from drugml.tasks.masks import masked_loss
from drugml.tasks.metrics import evaluate
from drugml.training.compiled import Compiled
from drugml.training.data import TrainingData
from drugml.training.loading import Batches, Loaded, load
from drugml.training.order import Order, epoch_seed
from drugml.training.ranks import Ranks
from drugml.training.schedule import schedule

TINY = 1e-12
"""A batch without a label has weight 0; its loss is 0, not NaN."""


class Module(pl.LightningModule):
    """Loss, optimiser and validation. Every metric comes from concatenated predictions, once per epoch."""

    def __init__(self, config: RunSpec, data: TrainingData) -> None:
        super().__init__()
        self.config, self.data = config, data
        self.task = TASKS.build(config.task)
        self.scaling = self.task.scaling(data.written("train"))
        self.layout = layout_of(config.featurizer)
        self.network = Network(config.model, config.head, self.layout, len(data.targets))
        shift, scale = np.array(self.scaling.shift), np.array(self.scaling.scale)
        parts = ((data.low - shift) / scale, (data.high - shift) / scale, data.weight)
        self.labels = [torch.as_tensor(p, dtype=torch.float32) for p in parts]
        """Scaled low and high, and weight; (M, T) each."""
        self.metrics: dict[str, float] = {}
        """Of the last epoch: train/loss, val/loss, val/rmse, …"""
        train = torch.as_tensor(data.plan.indices("train"))
        self.order = Order(train, torch.as_tensor(np.diff(data.store.atom_start))[train], config.train)
        self.ranks = Ranks.now()
        self._packed: DeviceStore | None = None
        self._compiled: Compiled | None = None

    def packed(self) -> DeviceStore:
        """The store where batches are gathered from."""
        if self._packed is None:
            self._packed = load(self.data.store, self.layout, self.device)
        return self._packed

    def train_dataloader(self) -> Batches:
        """Batches of the current epoch; Lightning asks anew for every epoch."""
        return Batches(self.packed(), self.order.batches(self.current_epoch), self.ranks)

    def transfer_batch_to_device(self, batch: Loaded, device: torch.device, dataloader_idx: int) -> Loaded:
        """It is there already."""
        return batch

    def on_fit_start(self) -> None:
        self.labels = [t.to(self.device) for t in self.labels]
        if self.config.train.compile:
            batches = self.order.batches(0)
            compiled = Compiled(self.network, self.packed(), batches)
            self._compiled = compiled if compiled.works(batches) else None

    def on_train_epoch_start(self) -> None:
        # dropout of an epoch depends on seed and epoch only, so that resuming is exact
        torch.manual_seed((epoch_seed(self.config.train.seed, self.current_epoch) ^ 1) + self.ranks.rank)
        self._loss = torch.zeros((), device=self.device)
        self._weight = torch.zeros((), device=self.device)

    def training_step(self, batch: Loaded, _: int) -> Tensor:
        output: Float[Tensor, "B T"] = (self._compiled or self.network)(batch.graph)
        at = batch.molecules.to(self.device, non_blocking=True)
        total, weight = masked_loss(self.task, output, *(t[at] for t in self.labels))
        if self.ranks.world > 1:
            total, weight = self._shared(batch, total, weight)
        self._loss += total.detach()
        self._weight += weight
        return total / weight.clamp(min=TINY)

    def _shared(self, batch: Loaded, total: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and weight of a share, such that their ratio, averaged over processes, is that of the whole batch."""
        at = batch.whole.to(self.device, non_blocking=True)
        low, _, weights = self.labels
        whole = torch.where(low[at].isnan(), 0.0, weights[at]).sum()
        idle = 0.0 if self.ranks.rank >= len(batch.whole) else 1.0
        return total * idle, whole / self.ranks.world

    def on_train_epoch_end(self) -> None:
        """Validate here rather than in a validation loop: one forward pass over the fold, no second copy of state."""
        loss, weight = self.ranks.total(self._loss, self._weight)
        train_loss = (loss / weight.clamp(min=TINY)).item()
        self.metrics = {"train/loss": train_loss, **self.validate(), "lr": self._rate()}

    def validate(self) -> dict[str, float]:
        """Metrics of the validation fold."""
        indices, labels = self.data.fold("val")
        at = torch.as_tensor(indices)
        share = self.ranks.busy(at)
        own = outputs(self.network, self.packed(), share, max(self.config.train.batch_size, 256))
        out = self.ranks.joined(own[: len(self.ranks.share(at))], len(at))
        at = at.to(self.device)
        total, weight = masked_loss(self.task, out, *(t[at] for t in self.labels))
        predicted = self.task.predictions(out.double().cpu().numpy(), self.scaling)
        metrics = evaluate(self.task.metrics, self.data.targets, labels, predicted)
        loss = (total / weight).item()  # NaN without a single label
        return {"val/loss": loss, **{f"val/{k}": v for k, v in metrics.items()}}

    def configure_optimizers(self) -> Any:
        spec = self.config.train
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[spec.optimizer.name]
        scaled = spec.precision == "16-mixed"  # Lightning clips no gradients that a fused optimiser unscales itself
        optimizer = kind(self.parameters(), lr=spec.lr, weight_decay=spec.optimizer.weight_decay, fused=not scaled)
        steps = len(self.order.batches(0))  # by an atom budget epochs differ a little
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(spec.schedule, steps, spec.epochs))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate(self) -> float:
        optimizer = self.optimizers()
        assert isinstance(optimizer, torch.optim.Optimizer)
        return float(optimizer.param_groups[0]["lr"])
