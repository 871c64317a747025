"""`train.batch_size: largest`: the largest batch that fits, found before training."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from drugml.config.run import RunSpec
from drugml.training.data import TrainingData
from drugml.training.loading import Loaded
from drugml.training.module import Module
from drugml.training.parts import out_of_memory, release

log = logging.getLogger(__name__)
DEFAULT = 64
"""What is tried first, and taken on a CPU."""
STEPS = 10
"""An epoch has at least so many steps: fewer learn little from it, however fast they are."""


def with_largest(config: RunSpec, data: TrainingData, checkpoint: Path) -> RunSpec:
    """The config with a number in the place of `batch_size: largest`; that of the checkpoint where there is one.

    On an accelerator the largest molecules of the training fold are tried, forward and backward in full precision,
    with twice as many each time.
    """
    if config.train.batch_size != "largest":
        return config
    device = torch.device("cuda" if torch.cuda.is_available() and config.train.accelerator != "cpu" else "cpu")
    if checkpoint.exists():
        size = int(torch.load(checkpoint, map_location="cpu", weights_only=True)["batch_size"])
        log.info("train.batch_size = largest: %d, as before", size)
    elif device.type == "cpu":
        size = DEFAULT
        log.info(
            "train.batch_size = largest: on a CPU there is nothing to find, larger batches are not faster: %d", size
        )
    else:
        size = _found(_sized(config, DEFAULT), data, device)
    return _sized(config, size)


def largest(fits: Callable[[int], bool], least: int, most: int) -> int:
    """The largest of least, 2 × least, 4 × least, … up to `most` that fits, `least` if none does."""
    size = least
    while size * 2 <= most and fits(size * 2):
        size *= 2
    return size


def _found(config: RunSpec, data: TrainingData, device: torch.device) -> int:
    train = data.plan.indices("train")
    biggest = torch.as_tensor(train[np.argsort(-np.diff(data.store.atom_start)[train], kind="stable")])
    module = Module(config, data).to(device)
    module.on_fit_start()
    size = largest(lambda n: fits(module, biggest[:n]), DEFAULT, len(train) // STEPS)
    log.info("train.batch_size = largest: %d molecules of %s fit on %s", size, f"{len(train):,}", device)
    del module
    release()
    return size


def fits(module: Module, molecules: torch.Tensor) -> bool:
    """Whether a forward and backward pass of these molecules fits into memory; leaves no gradient."""
    try:
        with torch.random.fork_rng():
            module.training_step(Loaded(molecules, None, molecules), 0).backward()
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return False
    finally:
        module.forget()
        module.zero_grad(set_to_none=True)
        release()
    return True


def _sized(config: RunSpec, size: int) -> RunSpec:
    return config.model_copy(update={"train": config.train.model_copy(update={"batch_size": size})})
