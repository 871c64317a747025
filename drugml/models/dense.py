"""Molecules side by side, padded to the largest: what attention between all atoms of a molecule needs.

Shape letters: B molecules, N atoms, S atoms of the largest molecule, K steps.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drugml.data.batch import MoleculeBatch
from drugml.models.segments import count

NO_ATOM = 3.0
"""Eigenvalue of a place without an atom; those of molecules are at most 2."""


class Dense:
    """Where the atoms of a batch stand in (B, S)."""

    def __init__(self, batch: MoleculeBatch) -> None:
        self.shape = batch.num_graphs, batch.largest
        size = count(batch.batch, batch.num_graphs).squeeze(1).long()
        first = size.cumsum(0) - size
        within = torch.arange(len(batch.batch), device=size.device) - first.index_select(0, batch.batch)
        self.slot = batch.batch * batch.largest + within
        """(N,) place of each atom among B × S."""
        self.mask: Bool[Tensor, "B S"] = torch.arange(batch.largest, device=size.device) < size.unsqueeze(1)
        """Where there is an atom."""
        source, target = batch.edge_index
        # one row of S places per target atom
        self.pair = self.slot.index_select(0, target) * batch.largest + within.index_select(0, source)
        """(E,) place of each directed bond among B × S × S, target first."""

    def spread(self, atoms: Float[Tensor, "N D"]) -> Float[Tensor, "B S D"]:
        """Atoms to their places; zeros elsewhere."""
        rows, width = self.shape[0] * self.shape[1], atoms.shape[1]
        return atoms.new_zeros(rows, width).index_copy(0, self.slot, atoms).view(*self.shape, width)

    def gather(self, places: Float[Tensor, "B S D"]) -> Float[Tensor, "N D"]:
        """The inverse of `spread`."""
        return places.flatten(0, 1).index_select(0, self.slot)

    def adjacency(self) -> Float[Tensor, "B S S"]:
        """One where two atoms have a bond."""
        molecules, atoms = self.shape
        flat = torch.zeros(molecules * atoms * atoms, device=self.slot.device)
        return flat.index_fill(0, self.pair, 1.0).view(molecules, atoms, atoms)

    def returns(self, steps: int) -> Float[Tensor, "N K"]:
        """Chance that a random walk from each atom is back after 1..K steps (Dwivedi et al. 2022, arXiv:2110.07875)."""
        with torch.autocast(self.slot.device.type, enabled=False):
            near = self.adjacency()
            step = near / near.sum(2, keepdim=True).clamp(min=1)
            walk, back = step, [step.diagonal(dim1=1, dim2=2)]
            for _ in range(steps - 1):
                walk = walk @ step
                back.append(walk.diagonal(dim1=1, dim2=2))
            return self.gather(torch.stack(back, dim=2))

    def spectrum(self) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S S"]]:
        """Eigenvalues of the normalised Laplacian, rising, and its eigenvectors as columns, float64.

        Places without an atom have the last ones, which are `NO_ATOM`. An eigenvector has either sign, and those of one
        eigenvalue are any basis of what they span: nothing may depend on which.
        """
        with torch.autocast(self.slot.device.type, enabled=False):
            near = self.adjacency().double()
            scale = near.sum(2).clamp(min=1).rsqrt()
            laplacian = -near * scale.unsqueeze(1) * scale.unsqueeze(2)
            diagonal = torch.where(self.mask, 1.0, NO_ATOM).double()
            values, vectors = torch.linalg.eigh(laplacian + diagonal.diag_embed())
            return values, vectors

    def distances(self, most: int) -> Int[Tensor, "B S S"]:
        """Bonds on the shortest way between two atoms; `most` if more, `most` + 1 if there is none."""
        with torch.autocast(self.slot.device.type, enabled=False):
            near, itself = self.adjacency(), torch.eye(self.shape[1], device=self.slot.device)
            there = itself.expand_as(near)
            distance = torch.full(near.shape, most, device=near.device).masked_fill(itself > 0, 0)
            for steps in range(1, most):
                reached = ((there + there @ near) > 0).float()
                distance = distance.masked_fill(reached > there, steps)
                there = reached
            linked = ((itself + near) > 0).float()
            for _ in range(max(self.shape[1] - 1, 1).bit_length()):  # ways of twice the length each time
                linked = ((linked @ linked) > 0).float()
            return distance.masked_fill(linked == 0, most + 1)
