"""Training K members of an ensemble: side by side with torch.func.vmap, against one after the other.

DRUGML_DATA=... OMP_NUM_THREADS=1 python scripts/benchmark_ensemble.py [--members 5] [--device cpu|cuda]

Both do the same steps on the same batches, the members' gradients are compared first. The batches are those of one
seed for all members, which is the best case for vmap: members with an order of their own would need graphs padded to
one size. Figures are medians over the rounds, in molecules times members per second.
"""

import argparse
import copy
from collections.abc import Callable

import torch
from benchmarked import interleaved, machine, molecules, training_data
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from drugml.config.models import DmpnnSpec, HeadSpec
from drugml.data.batch import DeviceStore
from drugml.data.memory import keep_freed
from drugml.models.network import Network
from drugml.prediction.trained import layout_of

WIDTHS = (32, 100, 300)


def networks(count: int, width: int, device: torch.device) -> list[Network]:
    """Members that differ by seed."""
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        model, head = DmpnnSpec(hidden_dim=width), HeadSpec(hidden_dim=width)
        made.append(Network(model, head, layout_of(DmpnnSpec.featurizer), 1).to(device))
    return made


def one_by_one(members: list[Network], packed: DeviceStore, labels: Tensor) -> Callable[[Tensor], None]:
    """A step of each member, one after the other; as an ensemble in one process is trained, a batch is gathered anew
    for each.
    """
    optimizers = [torch.optim.Adam(n.parameters(), lr=1e-4, fused=True) for n in members]

    def step(at: Tensor) -> None:
        for network, optimizer in zip(members, optimizers, strict=True):
            optimizer.zero_grad()
            (network(packed.batch(at)) - labels[at]).square().mean().backward()
            optimizer.step()

    return step


def side_by_side(members: list[Network], packed: DeviceStore, labels: Tensor) -> Callable[[Tensor], None]:
    """A step of all members at once: their weights are stacked, the batch is shared."""
    stacked, _ = stack_module_state(members)  # type: ignore[arg-type]
    base = copy.deepcopy(members[0]).to("meta")
    optimizer = torch.optim.Adam(stacked.values(), lr=1e-4, fused=True)

    def step(at: Tensor) -> None:
        optimizer.zero_grad()
        graph = packed.batch(at)
        out = vmap(lambda p: functional_call(base, p, (graph,)), randomness="different")(stacked)
        (out - labels[at]).square().mean(dim=(1, 2)).sum().backward()
        optimizer.step()

    step.gradients = lambda: {k: v.grad for k, v in stacked.items()}  # type: ignore[attr-defined]
    return step


def check_equal(count: int, packed: DeviceStore, labels: Tensor, at: Tensor) -> float:
    """Largest difference of a gradient, in shares of the largest gradient of its tensor."""
    single, shared = networks(count, 32, packed.device), networks(count, 32, packed.device)
    one_by_one(single, packed, labels)(at)
    step = side_by_side(shared, packed, labels)
    step(at)
    worst = 0.0
    for name, stacked in step.gradients().items():  # type: ignore[attr-defined]
        for network, found in zip(single, stacked, strict=True):
            expected = network.get_parameter(name).grad
            assert expected is not None
            worst = max(worst, float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12)))
    return worst


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="steps per kind and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    keep_freed()
    device = torch.device(args.device)
    _, store = molecules(2000)
    labels = torch.as_tensor(training_data(store).low, dtype=torch.float32).to(device)
    labels = (labels - labels.mean()) / labels.std()
    packed = DeviceStore(store, layout_of(DmpnnSpec.featurizer), device)
    batches = list(torch.randperm(len(store))[: args.steps * args.batch_size].split(args.batch_size))
    print(machine(), f"{args.members} members, batch {args.batch_size}, {device}", sep="; ")
    print(f"largest difference of a gradient: {check_equal(args.members, packed, labels, batches[0]):.1e}")
    print(
        "| width | one after the other (cpu) | side by side (cpu) | ratio (cpu) | ratio (clock) |",
        "|---|---|---|---|---|",
        sep="\n",
    )
    for width in WIDTHS:
        kinds = {
            k.__name__: k(networks(args.members, width, device), packed, labels) for k in (one_by_one, side_by_side)
        }

        def job(step: Callable[[Tensor], None]) -> int:
            for at in batches:
                step(at)
            if device.type == "cuda":
                torch.cuda.synchronize()
            return sum(map(len, batches)) * args.members

        for step in kinds.values():
            job(step)  # warm
        rates = interleaved({n: lambda s=s: job(s) for n, s in kinds.items()}, args.rounds)
        one, many = rates["one_by_one"], rates["side_by_side"]
        print(f"| {width} | {one.cpu:.0f} | {many.cpu:.0f} | {many.cpu / one.cpu:.2f} | {many.wall / one.wall:.2f} |")


if __name__ == "__main__":
    main()
