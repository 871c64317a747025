"""The network compiled for batches of a few shapes."""

import logging
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from drugml.data.batch import DeviceStore, MoleculeBatch
from drugml.models.network import Network

log = logging.getLogger(__name__)

SHAPES = 6
"""At most so many compilations per run."""
ROUNDING = 0.01
"""Share of the largest number by which compiled and plain may differ: more than TF32 rounds, less than a mistake."""


class Compiled:
    """A network whose batches are padded to one of a few shapes, each compiled once.

    Shapes follow the batches of one epoch; a larger batch of another epoch runs uncompiled.
    """

    def __init__(self, network: Network, packed: DeviceStore, batches: Sequence[Tensor]) -> None:
        self.network, self.packed = network, packed
        torch.compiler.reset()  # networks of earlier fits in this process count against the limit of compilations
        self.compiled = torch.compile(network, dynamic=False)
        self.molecules = max(map(len, batches)) + 1
        atoms = torch.tensor([int(packed.atoms[b].sum()) for b in batches])
        bonds = torch.tensor([int(packed.bonds[b].sum()) for b in batches])
        steps = torch.linspace(0, 1, SHAPES + 1, dtype=torch.float64)[1:]
        low, high = max(int(atoms.median()) // 2, 1), int(atoms.max()) + 1
        per_atom = float((bonds / atoms).max())
        self.shapes = sorted({(-(-int(low * (high / low) ** s) // 8) * 8) for s in steps.tolist()})
        self.bonds = {n: int(n * per_atom) + 1 for n in self.shapes}
        """Atoms of a padded batch to its bonds."""

    def __call__(self, batch: MoleculeBatch) -> Float[Tensor, "B T"]:
        atoms = next((n for n in self.shapes if self._fits(batch, n)), None)
        return self.network(batch) if atoms is None else self._padded(batch, atoms)

    def _fits(self, batch: MoleculeBatch, atoms: int) -> bool:
        fits = len(batch.x) < atoms and len(batch.bonds) <= self.bonds[atoms]
        return fits and batch.num_graphs < self.molecules

    def _padded(self, batch: MoleculeBatch, atoms: int) -> Float[Tensor, "B T"]:
        padded = batch.padded(self.molecules, atoms, self.bonds[atoms])
        for name in ("edge_index", "reverse", "edge_attr", "alike"):
            getattr(padded, name)  # made here: the lock of a cached property would cut the compiled graph in two
        out: Tensor = self.compiled(padded)
        return out[: batch.num_graphs]

    def works(self, batches: Sequence[Tensor]) -> bool:
        """Try one step of each shape, which compiles it, with the smallest batch; says why where one fails or is wrong.

        Outputs and gradients are compared with those of the plain network; of one that draws (dropout) they need only
        be finite. Shapes that even the smallest batch does not fit are given up: larger ones serve.
        """
        smallest = self.packed.batch(min(batches, key=lambda b: int(self.packed.atoms[b].sum())))
        self.shapes = [n for n in self.shapes if self._fits(smallest, n)]
        try:
            with torch.random.fork_rng():
                plain = [self._numbers(self.network(smallest)) for _ in range(2)]
                limit = ROUNDING if _apart(*plain) < ROUNDING else math.inf
                for atoms in self.shapes:
                    wrong = _apart(self._numbers(self._padded(smallest, atoms)), plain[0])
                    if wrong >= limit:
                        raise ArithmeticError(f"it differs by {wrong:.0%} from the plain network at {atoms} atoms")
        except Exception as error:  # torch raises whatever the compiler's trouble is
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            log.warning("train.compile: not compiled, the network runs as it is: %s: %s", type(error).__name__, first)
            return False
        finally:
            self.network.zero_grad(set_to_none=True)
        return True

    def _numbers(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and all gradients, each in one row."""
        self.network.zero_grad(set_to_none=True)
        out.sum().backward()
        return out.detach().flatten(), torch.cat(
            [p.grad.flatten() for p in self.network.parameters() if p.grad is not None]
        )


def _apart(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest difference, as a share of the largest number in its row; infinite where one is not finite."""
    shares = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True)]
    return max(s if math.isfinite(s) else math.inf for s in shares)
