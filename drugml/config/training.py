"""What can be written under `train:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec
from drugml.config.techniques import (
    AdapterSpec,
    AverageSpec,
    FreezeSpec,
    NoAdapters,
    NoAverage,
    NoFreeze,
)

Rate = Annotated[float, Field(gt=0)]


class WarmupDecay(Spec):
    """Linear from lr/10 to lr, then exponential back to lr/10 at the last epoch, as Chemprop does."""

    kind: Literal["warmup_decay"] = "warmup_decay"
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0
    """Epochs until `train.lr` is reached."""
    floor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """First and last rate as a share of `train.lr`."""


class WarmupCosine(Spec):
    """Linear from lr × floor to lr, then half a cosine down to lr × floor."""

    kind: Literal["warmup_cosine"] = "warmup_cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0
    """Epochs until `train.lr` is reached."""
    floor: Annotated[float, Field(gt=0, le=1)] = 0.01
    """First and last rate as a share of `train.lr`."""


class Noam(Spec):
    """Linear to lr, then as one over the square root of the step (Vaswani et al. 2017, arXiv:1706.03762, eq. 3).

    What Chemprop calls Noam is `warmup_decay`.
    """

    kind: Literal["noam"] = "noam"
    warmup_epochs: Annotated[float, Field(gt=0)] = 2.0
    """Epochs until `train.lr` is reached."""


class Plateau(Spec):
    """Linear to lr, then cut whenever `train.monitor` has not become better for a while."""

    kind: Literal["plateau"] = "plateau"
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0
    """Epochs until `train.lr` is reached."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """What the rate is multiplied by at a cut."""
    patience: Annotated[int, Field(ge=1)] = 5
    """Epochs without a better `train.monitor` until the next cut."""
    floor: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Least rate as a share of `train.lr`."""


class Constant(Spec):
    """The same rate at every step."""

    kind: Literal["constant"] = "constant"


ScheduleSpec = Annotated[WarmupDecay | WarmupCosine | Noam | Plateau | Constant, Field(discriminator="kind")]


class OptimizerSpec(Spec):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980) or AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101)."""

    name: Literal["adam", "adamw"] = "adam"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled for adamw, part of the gradient for adam."""
    decayed: Literal["matrices", "all"] = "matrices"
    """What `weight_decay` acts on: matrices alone, not biases and the gains of norms, or all parameters."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Rate of a layer over that of the layer behind it; the head has `train.lr`, the layer at the input the least."""


class TrainSpec(Spec):
    """How a network is trained; of these only `seed` matters to baselines."""

    epochs: Annotated[int, Field(ge=1)] = 50
    """Passes over the training fold at most."""
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto", "largest"] = "auto"
    """Molecules per batch; auto: 64, but 32 in tables of up to 4,000 molecules and 16 up to 2,000; largest: the largest
    64 × 2ⁿ that fits on the accelerator, 64 on a CPU."""
    batch_atoms: Annotated[int, Field(ge=1)] | None = None
    """Atoms per step at most, where batches are to be of one size in memory; null counts molecules (`batch_size`)."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches per step of the optimiser, which sees the gradient of all of them as of one."""
    order: Literal["random", "bucketed"] = "random"
    """Order of the molecules within an epoch; bucketed puts molecules of similar size into one batch."""
    lr: Rate = 1e-3
    """Peak learning rate."""
    schedule: ScheduleSpec = WarmupDecay()
    """Learning rate over the run."""
    optimizer: OptimizerSpec = OptimizerSpec()
    """Which optimiser."""
    init_from: str | None = None
    """Trained encoder to start from: a bundle, checkpoint or run folder, a run id, or models:/NAME@ALIAS."""
    freeze: FreezeSpec = NoFreeze()
    """Which layers keep the weights of `init_from`, and how long."""
    adapters: AdapterSpec = NoAdapters()
    """What learns in the place of the encoder's weights."""
    average: AverageSpec = NoAverage()
    """Averages of the weights, judged and saved in their place."""
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    """Largest gradient norm; null does not clip."""
    task_weights: Literal["equal", "learned"] = "equal"
    """Weight of each target in the loss: the same, or learned with the network (arXiv:1705.07115)."""
    monitor: str = "loss"
    """Validation metric that chooses the best epoch: loss, rmse, mae, r2, roc_auc, …"""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many epochs without a better `monitor`; null runs all epochs."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, order of batches and dropout; the split has its own."""
    deterministic: bool = False
    """Only deterministic algorithms, at some speed on a GPU."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Floating-point precision as Lightning names it."""
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    """Precision of float32 matrix products as torch names it; high is TF32 where the GPU has it, medium bfloat16."""
    compile: bool = False
    """Compile the network with torch.compile, for batches of a few padded shapes; said where it fails."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train."""
    devices: Annotated[int, Field(ge=1)] = 1
    """Devices of each node, each with a process that takes its share of every batch; `batch_size` is that of all."""
    nodes: Annotated[int, Field(ge=1)] = 1
    """Machines; more than one are started by torchrun on each."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        freezes, adapts = self.freeze.kind != "none", self.adapters.kind != "none"
        if (freezes or adapts) and self.init_from is None:
            what = f"freeze={self.freeze.kind}" if freezes else f"adapters={self.adapters.kind}"
            raise ValueError(f"{what} is for an encoder that was trained before; name it with `init_from`")
        if freezes and adapts:
            raise ValueError(f"adapters={self.adapters.kind} freezes the encoder by itself; leave `freeze` out")
        if self.batch_size == "largest" and self.batch_atoms is not None:
            raise ValueError("batch_size=largest has no meaning where `batch_atoms` counts; leave one of them out")
        if self.compile and (adapts or self.freeze.kind == "gradual"):
            what = f"adapters={self.adapters.kind}" if adapts else "freeze=gradual"
            raise ValueError(f"compile=true does not go with {what}; leave one of them out")
        return self
