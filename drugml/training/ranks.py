"""Several processes that train one network: which molecules are whose, and what all of them come to.

Every process plans the same batches and takes its share of each, so that a step sees the molecules that it would see
in one process. What is averaged is weighted by labels, not by processes; predictions are put back in their order.

Shape letters: B molecules of a batch, M molecules, T targets.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed

from drugml.config.training import TrainSpec
from drugml.errors import UserError


class Ranks(NamedTuple):
    """One process among those that train together; alone it is the first of one."""

    rank: int
    world: int

    @classmethod
    def now(cls) -> "Ranks":
        """As torch's process group has it."""
        if not distributed.is_initialized():
            return cls(0, 1)
        return cls(distributed.get_rank(), distributed.get_world_size())

    def share(self, whole: Int[Tensor, "B"]) -> Int[Tensor, "b"]:
        """The molecules of a batch that are of this process; none where there are fewer than processes."""
        return whole[self.rank :: self.world]

    def busy(self, whole: Int[Tensor, "B"]) -> Int[Tensor, "b"]:
        """The same, but one molecule of somebody else's rather than none: each process must take every step."""
        return self.share(whole) if self.rank < len(whole) else whole[:1]

    def total(self, *values: Tensor) -> list[Tensor]:
        """Sums over all processes."""
        if self.world == 1:
            return list(values)
        stacked = torch.stack([v.detach().double().cpu() for v in values])
        distributed.all_reduce(stacked)
        return list(stacked)

    def joined(self, own: Float[Tensor, "b T"], count: int) -> Float[Tensor, "M T"]:
        """Rows of `count` molecules from the `share` of each process, every molecule once and in its place."""
        if self.world == 1:
            return own
        longest = -(-count // self.world)
        sent = torch.zeros(longest, *own.shape[1:])
        sent[: len(own)] = own.cpu()
        parts = [torch.empty_like(sent) for _ in range(self.world)]
        distributed.all_gather(parts, sent)
        out = torch.empty(count, *own.shape[1:])
        for rank, part in enumerate(parts):
            place = out[rank :: self.world]
            place.copy_(part[: len(place)])
        return out.to(own.device)


ALONE = Ranks(0, 1)


class _Group(ClusterEnvironment):
    """Tells Lightning that the processes are there and joined already."""

    creates_processes_externally = True
    main_address, main_port = "", 0

    def __init__(self, devices: int) -> None:
        super().__init__()
        self._devices = devices

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return distributed.get_world_size()

    def set_world_size(self, size: int) -> None:
        assert size == self.world_size()

    def global_rank(self) -> int:
        return distributed.get_rank()

    def set_global_rank(self, rank: int) -> None:
        assert rank == self.global_rank()

    def local_rank(self) -> int:
        return self.global_rank() % self._devices

    def node_rank(self) -> int:
        return self.global_rank() // self._devices


def trainer_options(spec: TrainSpec) -> dict[str, object]:
    """Of Lightning's Trainer.

    Raises:
        UserError: if the processes that the config asks for are not there.
    """
    wanted, there = spec.devices * spec.nodes, Ranks.now().world
    if wanted != there:
        raise UserError(
            f"train.devices = {spec.devices}, train.nodes = {spec.nodes}: this trains in {there} process(es), "
            f"not in {wanted}; several are for drugml train, use 1 of both"
        )
    if wanted == 1:
        return {"devices": 1}
    return {
        "devices": spec.devices,
        "num_nodes": spec.nodes,
        "strategy": DDPStrategy(cluster_environment=_Group(spec.devices)),
    }
