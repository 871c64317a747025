"""What can be written under `train:`."""

from typing import Annotated, Literal

from pydantic import Field

from drugml.config.base import Spec

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


class Constant(Spec):
    """The same rate at every step."""

    kind: Literal["constant"] = "constant"


ScheduleSpec = Annotated[WarmupDecay | WarmupCosine | Constant, Field(discriminator="kind")]


class OptimizerSpec(Spec):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980) or AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101)."""

    name: Literal["adam", "adamw"] = "adam"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled for adamw, part of the gradient for adam."""


class TrainSpec(Spec):
    """How a network is trained; of these only `seed` matters to baselines."""

    epochs: Annotated[int, Field(ge=1)] = 50
    """Passes over the training fold at most."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Molecules per step."""
    batch_atoms: Annotated[int, Field(ge=1)] | None = None
    """Atoms per step at most, where batches are to be of one size in memory; null counts molecules (`batch_size`)."""
    order: Literal["random", "bucketed"] = "random"
    """Order of the molecules within an epoch; bucketed puts molecules of similar size into one batch."""
    lr: Rate = 1e-3
    """Peak learning rate."""
    schedule: ScheduleSpec = WarmupDecay()
    """Learning rate over the run."""
    optimizer: OptimizerSpec = OptimizerSpec()
    """Which optimiser."""
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    """Largest gradient norm; null does not clip."""
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
