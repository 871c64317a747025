"""The Lightning module: one network, one task, batches gathered on the device.

Shape letters: B molecules of a batch, T targets.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from drugml.config.run import RunSpec
from drugml.config.techniques import Lora
from drugml.data.batch import DeviceStore
from drugml.models.network import Network
from drugml.prediction.predictor import ON_CPU
from drugml.prediction.trained import layout_of, outputs
from drugml.tasks import TASKS
from drugml.tasks.masks import label_losses, masked_loss
from drugml.tasks.metrics import evaluate, higher_is_better
from drugml.training.averaging import average
from drugml.training.compiled import Compiled
from drugml.training.data import TrainingData
from drugml.training.likelihood import likelihood, squared_errors
from drugml.training.loading import Batches, Loaded, load
from drugml.training.order import Order, epoch_seed, size_of
from drugml.training.parts import Parts, fitting
from drugml.training.ranks import Ranks
from drugml.training.rates import cut, optimizer
from drugml.training.schedule import schedule
from drugml.training.transfer import Thaw, adapt, begin

log = logging.getLogger(__name__)

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
        if self.network.normalizer is not None:
            self.network.normalizer.fit(np.asarray(data.store.molecule["descriptors"])[data.plan.indices("train")])
        shift, scale = np.array(self.scaling.shift), np.array(self.scaling.scale)
        parts = ((data.low - shift) / scale, (data.high - shift) / scale, data.weight)
        self.labels = [torch.as_tensor(p, dtype=torch.float32) for p in parts]
        """Scaled low and high, and weight; (M, T) each."""
        self.errors = torch.as_tensor(squared_errors(config, data, scale), dtype=torch.float32)
        """Squared standard errors of scaled labels, (M, T)."""
        self.likelihood = likelihood(config, data)
        self.metrics: dict[str, float] = {}
        """Of the last epoch: train/loss, val/loss, val/rmse, …"""
        train = torch.as_tensor(data.plan.indices("train"))
        self.order = Order(train, torch.as_tensor(np.diff(data.store.atom_start))[train], config.train)
        self.ranks = Ranks.now()
        if config.train.init_from is not None and data.source is None:
            raise RuntimeError("train.init_from is set, but no encoder was handed over")  # never silently from scratch
        if data.source is not None:
            begin(self.network, data.source, data.targets)
        if isinstance(config.train.adapters, Lora):
            adapt(self.network.encoder, config.train.adapters)
        self.thaw = Thaw(self.network, config.train.freeze)
        self.thaw.epoch(0)
        self.average = average(self.network, config.train.average, config.train.epochs)
        self.parts = Parts(torch.as_tensor(np.diff(data.store.atom_start)), config.train)
        self._sums: list[tuple[Tensor, Tensor]] = []
        """Loss and weight of the parts of the step under way."""
        self._packed: DeviceStore | None = None
        self._compiled: Compiled | None = None

    @property
    def judged(self) -> Network:
        """The network that is validated and saved: the trained one, or the average of its weights."""
        if self.average is None or self.current_epoch < self.average.first:
            return self.network
        return self.average.network

    def packed(self) -> DeviceStore:
        """The store where batches are gathered from."""
        if self._packed is None:
            self._packed = load(self.data.store, self.layout, self.device)
        return self._packed

    def train_dataloader(self) -> Batches:
        """Batches of the current epoch; Lightning asks anew for every epoch."""
        ranks, parts, epoch = self.ranks, self.parts, self.current_epoch
        return Batches(self.packed(), self.order.batches(epoch), ranks, lambda: parts.divided, epoch)

    def transfer_batch_to_device(self, batch: Loaded, device: torch.device, dataloader_idx: int) -> Loaded:
        """It is there already."""
        return batch

    def on_fit_start(self) -> None:
        self.labels = [t.to(self.device) for t in self.labels]
        self.errors = self.errors.to(self.device)
        model = self.config.model
        shaped = getattr(model, "compiles", False) and not getattr(model, "encodings", None)
        if self.config.train.compile and not shaped:
            log.warning(
                "train.compile: not compiled, it is not built for %s%s",
                model.name,
                " with encodings" if getattr(model, "encodings", None) else "",
            )
        elif self.config.train.compile:
            batches = [part for batch in self.order.batches(0) for part in self.parts.cut(batch)]
            compiled = Compiled(self.network, self.packed(), batches)
            self._compiled = compiled if compiled.works(batches) else None

    def on_train_epoch_start(self) -> None:
        # dropout of an epoch depends on seed and epoch only, so that resuming is exact
        torch.manual_seed((epoch_seed(self.config.train.seed, self.current_epoch) ^ 1) + self.ranks.rank)
        self.thaw.epoch(self.current_epoch)
        self._loss = torch.zeros((), device=self.device)
        self._weight = torch.zeros((), device=self.device)

    def on_train_batch_start(self, batch: Loaded, _: int) -> None:
        self.parts.begin(batch)

    def training_step(self, batch: Loaded, _: int) -> Tensor:
        """Loss of the part under way, as a share of that of the whole batch: gradients of the parts add up."""
        part = self.parts.now(batch)
        graph = self.packed().in_turn(part.molecules, self.current_epoch) if part.graph is None else part.graph
        output: Float[Tensor, "B T"] = (self._compiled or self.network)(graph)
        at = part.molecules.to(self.device, non_blocking=True)
        low, high, each = (t[at] for t in self.labels)
        losses, known = label_losses(self.task, output, low, high, each)
        total = plain = torch.where(known, losses * each, 0.0).sum()
        weight = whole = torch.where(known, each, 0.0).sum()
        if self.likelihood is not None:
            losses = self.likelihood(losses, low == high, self.errors[at])
            total = torch.where(known, losses * each, 0.0).sum()
        if part is not batch:
            whole = self._weight_of(batch)
        if self.ranks.world > 1:
            # such that the ratio, averaged over processes, is that of the whole batch
            weight = whole = self._weight_of(batch) / self.ranks.world
            idle = 0.0 if self.ranks.rank >= len(batch.whole) else 1.0
            plain, total = plain * idle, total * idle
        self._sums.append((plain.detach(), weight))
        return total / whole.clamp(min=TINY)

    def _weight_of(self, batch: Loaded) -> Tensor:
        """Weight of all labels of a step, in this process and others."""
        at = batch.whole.to(self.device, non_blocking=True)
        low, _, weights = self.labels
        return torch.where(low[at].isnan(), 0.0, weights[at]).sum()

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """One step for all parts of the batch."""
        assert optimizer_closure is not None
        again = self.forget if self.trainer.world_size == 1 else None
        closure = partial(self.parts.run, optimizer_closure, again)
        super().optimizer_step(epoch, batch_idx, optimizer, closure)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Before the first part only."""
        if self.parts.number == 0:
            optimizer.zero_grad()

    def forget(self) -> None:
        """Leave nothing of a step that is tried anew."""
        self._sums.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint |= {"halvings": self.parts.halvings, "batch_size": size_of(self.config.train)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.parts.halvings = checkpoint["halvings"]

    def on_train_batch_end(self, *_: Any) -> None:
        for total, weight in self._sums:
            self._loss += total
            self._weight += weight
        self._sums.clear()
        if self.average is not None:
            self.average.step(self.network, self.trainer.global_step)

    def on_train_epoch_end(self) -> None:
        """Validate here rather than in a validation loop: one forward pass over the fold, no second copy of state."""
        if self.average is not None:
            self.average.epoch(self.network, self.current_epoch)
        loss, weight = self.ranks.total(self._loss, self._weight)
        train_loss = (loss / weight.clamp(min=TINY)).item()
        self.metrics = {"train/loss": train_loss, **self.validate(), "lr": self._rate()}
        if self.likelihood is not None:
            of = zip(self.data.targets, self.likelihood.weights(), strict=True)
            self.metrics |= {f"task_weight/{name}": weight for name, weight in of}
        cut(self.lr_schedulers(), self.metrics[f"val/{self.config.train.monitor}"])  # type: ignore[arg-type]

    def validate(self) -> dict[str, float]:
        """Metrics of the validation fold."""
        indices, labels = self.data.fold("val")
        at = torch.as_tensor(indices)
        share = self.ranks.busy(at)
        # on a CPU a step of training has room for so many; more would only be more memory
        size = ON_CPU if self.device.type == "cpu" else max(size_of(self.config.train), 256)
        own = fitting(partial(outputs, self.judged, self.packed(), share), size)
        out = self.ranks.joined(own[: len(self.ranks.share(at))], len(at))
        at = at.to(self.device)
        total, weight = masked_loss(self.task, out, *(t[at] for t in self.labels))
        predicted = self.task.predictions(out.double().cpu().numpy(), self.scaling)
        metrics = evaluate(self.task.metrics, self.data.targets, labels, predicted)
        loss = (total / weight).item()  # NaN without a single label
        return {"val/loss": loss, **{f"val/{k}": v for k, v in metrics.items()}}

    def configure_optimizers(self) -> Any:
        spec = self.config.train
        steps = len(self.order.batches(0))  # by an atom budget epochs differ a little
        shares = schedule(spec.schedule, steps, spec.epochs, rising=higher_is_better(spec.monitor))
        besides = [] if self.likelihood is None else [self.likelihood.log_variance]
        made = optimizer(self.network, besides, spec)
        return {"optimizer": made, "lr_scheduler": {"scheduler": LambdaLR(made, shares), "interval": "step"}}

    def _rate(self) -> float:
        optimizer = self.optimizers()
        assert isinstance(optimizer, torch.optim.Optimizer)
        return float(optimizer.param_groups[0]["lr"])
