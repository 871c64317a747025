"""A step of the optimiser in parts that fit into memory, whose gradients add up to those of the whole."""

import gc
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from drugml.config.training import TrainSpec
from drugml.errors import UserError
from drugml.training.loading import Loaded
from drugml.training.order import lengths

log = logging.getLogger(__name__)
T = TypeVar("T")
SHORT = ("DefaultCPUAllocator: ", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What torch says in a plain RuntimeError where memory is short: on a CPU, and in libraries of a GPU."""


class Parts:
    """The parts of the step under way: `train.accumulate` of them, more where memory is short.

    Args:
        atoms: of every molecule of the store, in main memory.
        spec: how many molecules or atoms a part has, before any halving.
    """

    def __init__(self, atoms: Int[Tensor, "M"], spec: TrainSpec) -> None:
        self.atoms, self.spec = atoms, spec
        self.halvings = 0
        """How often parts were halved; kept in the checkpoint, so that a resumed run goes on with the same parts."""
        self.number = 0
        """Of the part under way, from 0."""
        self._parts: list[Loaded] = []

    @property
    def divided(self) -> bool:
        """Whether a step has more than one part."""
        return self.spec.accumulate > 1 or self.halvings > 0

    def cut(self, molecules: Int[Tensor, "B"]) -> list[Int[Tensor, "B"]]:
        """The molecules of a step, part by part."""
        return list(molecules.split(lengths(self.atoms[molecules], self.spec, 1, self.halvings)))

    def begin(self, batch: Loaded) -> None:
        """A step begins."""
        self._parts = [Loaded(m, None, batch.whole) for m in self.cut(batch.molecules)] if self.divided else [batch]

    def now(self, batch: Loaded) -> Loaded:
        """The part under way; the whole batch outside of a step."""
        return self._parts[self.number] if self._parts else batch

    def run(self, closure: Callable[[], T], again: Callable[[], None] | None) -> T:
        """Forward and backward pass of every part; where memory is short, of all of them anew and smaller.

        Args:
            closure: passes of the part under way, which adds to gradients; clears them first for number 0.
            again: forgets what the passes of this step left behind; None does not try anew, as where other processes
                wait for this one's gradients.

        Raises:
            UserError: if a single molecule does not fit.
        """
        while True:
            try:
                for number in range(len(self._parts)):
                    self.number = number
                    result = closure()
                return result
            except (RuntimeError, MemoryError) as error:
                if again is None or not out_of_memory(error):
                    raise
                if all(len(p.molecules) == 1 for p in self._parts):
                    largest = max(int(self.atoms[p.molecules].sum()) for p in self._parts)
                    raise UserError(
                        f"a molecule of up to {largest} atoms does not fit into memory even alone; set a smaller "
                        f"model.hidden_dim, or leave large molecules out with data.max_atoms"
                    ) from None
            finally:
                self.number = 0
            again()
            self._halve()  # behind the handler: an error that is being handled holds the memory of its frames

    def _halve(self) -> None:
        release()
        molecules = torch.cat([p.molecules for p in self._parts])
        before = max(len(p.molecules) for p in self._parts)
        while len(parts := self.cut(molecules)) <= len(self._parts):
            self.halvings += 1
        self._parts = [Loaded(m, None, self._parts[0].whole) for m in parts]
        log.warning(
            "out of memory with %d molecules at a time: %s; gradients are added up, so that a step is still one of as "
            "many molecules as before",
            before,
            self.told,
        )

    @property
    def told(self) -> str:
        """What halving came to."""
        unit, size = ("atoms", self.spec.batch_atoms) if self.spec.batch_atoms else ("molecules", self.spec.batch_size)
        return f"from here on at most {max(int(size) >> self.halvings, 1)} {unit} instead of {size}"


def fitting(run: Callable[[int], T], size: int) -> T:
    """The result of `run(size)`, with half the size and half of that where memory is short."""
    while True:
        try:
            return run(size)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not out_of_memory(error):
                raise
        release()
        log.warning("out of memory with %d molecules at a time in validation: with %d", size, size // 2)
        size //= 2


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short; on a CPU torch has no class for that."""
    kinds: tuple[Any, ...] = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(text in str(error) for text in SHORT)


def release() -> None:
    """Give back what is not in use."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
