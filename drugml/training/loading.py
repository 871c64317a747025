"""Batches for the steps: gathered where the data lies, or ahead of time in a thread where it does not fit."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.data.memory import available
from drugml.data.store import Layout, PackedStore
from drugml.training.ranks import ALONE, Ranks

log = logging.getLogger(__name__)

AHEAD = 4
"""Batches that a thread may be ahead of the model."""


class Loaded(NamedTuple):
    """What a training step gets."""

    molecules: Int[Tensor, "B"]
    """Positions in the store, in main memory."""
    graph: MoleculeBatch | None
    """None where it is gathered in parts, when their turn comes."""
    whole: Int[Tensor, "W"]
    """Positions of all molecules of the step, of which other processes have the others."""


def load(store: PackedStore, layout: Layout, device: torch.device) -> DeviceStore:
    """Lay a store on the device if it takes at most half of the memory that is free there; says what was decided."""
    free = available(device)
    resident = store.nbytes <= free / 2
    where = f"resident on {device}" if resident else "too large to be resident, read ahead in a thread"
    log.info("batches: %.0f MB of features, %.0f MB free on %s: %s", store.nbytes / 1e6, free / 1e6, device, where)
    return DeviceStore(store, layout, device, resident=resident)


class Batches:
    """The batches of one epoch, each with the graph of this process's share.

    Without it where `in_parts()` says at that moment that steps are divided.
    """

    def __init__(
        self,
        packed: DeviceStore,
        batches: Sequence[Int[Tensor, "B"]],
        ranks: Ranks = ALONE,
        in_parts: Callable[[], bool] = lambda: False,
    ) -> None:
        self.packed, self.batches, self.ranks, self.in_parts = packed, batches, ranks, in_parts

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Loaded]:
        shares = ((self.ranks.busy(b), b) for b in self.batches)
        loaded = (Loaded(own, None if self.in_parts() else self.packed.batch(own), whole) for own, whole in shares)
        return loaded if self.packed.resident else ahead(loaded)


def ahead(items: Iterator[Loaded]) -> Iterator[Loaded]:
    """The same items in the same order, made by a thread up to `AHEAD` of them before they are asked for.

    An error in the thread is raised here. The thread ends with this iterator.
    """
    made: queue.Queue[Loaded | BaseException | None] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def work() -> None:
        try:
            for item in items:
                made.put(item)
                if stopped.is_set():
                    return
            made.put(None)
        except BaseException as error:  # the consumer raises it
            made.put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():  # it may wait for room
            try:
                made.get(timeout=0.01)
            except queue.Empty:
                thread.join(0)
