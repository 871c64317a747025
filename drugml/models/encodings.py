"""Positional encodings: columns that say where in its molecule an atom is, beside its features, for any encoder.

Shape letters: B molecules, N atoms, S atoms of the largest molecule, K eigenvectors, W columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.base import Spec
from drugml.config.encodings import DegreeEncoding, LaplacianEncoding, WalkEncoding
from drugml.data.batch import MoleculeBatch
from drugml.data.store import Layout
from drugml.models.dense import NO_ATOM, Dense
from drugml.models.encoder import ENCODERS, Encoder
from drugml.models.segments import count, total
from drugml.registry import Registry

SAME = 1e-6
"""Eigenvalues that are no further apart are one. Float64 computes them to about 1e-15."""
DIM = 16
"""Columns of the Laplacian's encoding, and width of the network that makes them."""


class Encoding(nn.Module):
    """One kind; `width` columns of each atom that do not depend on the order of atoms."""

    width: int

    def forward(self, batch: MoleculeBatch, dense: Dense) -> Float[Tensor, "N W"]:
        raise NotImplementedError


ENCODINGS: Registry[Encoding] = Registry("encoding")


@ENCODINGS.register(WalkEncoding)
class Walk(Encoding):
    """Dwivedi et al., ICLR 2022, arXiv:2110.07875, as PyG's `AddRandomWalkPE`."""

    def __init__(self, *, steps: int) -> None:
        super().__init__()
        self.width = steps

    def forward(self, batch: MoleculeBatch, dense: Dense) -> Float[Tensor, "N W"]:
        return dense.returns(self.width)


@ENCODINGS.register(DegreeEncoding)
class Degree(Encoding):
    """One-hot numbers of bonds, the last column for `most` and more."""

    def __init__(self, *, most: int) -> None:
        super().__init__()
        self.width = most + 1

    def forward(self, batch: MoleculeBatch, dense: Dense) -> Float[Tensor, "N W"]:
        bonds = count(batch.edge_index[1], len(batch.x)).squeeze(1).clamp(max=self.width - 1)
        return F.one_hot(bonds.long(), self.width).to(batch.x.dtype)


@ENCODINGS.register(LaplacianEncoding)
class Laplacian(Encoding):
    r"""Lim et al., "Sign and Basis Invariant Networks for Spectral Graph Representation Learning", ICLR 2023,
    arXiv:2202.13013: :math:`\rho([\phi(v_i) + \phi(-v_i)]_i)`, with one round of messages in :math:`\phi`.

    An eigenvalue that several eigenvectors share leaves their basis open, not only signs: in their place is zero, and
    :math:`\phi` sees how long the projection of the atom onto what they span is, which no choice of a basis changes.
    So no sign has to be flipped at random in training, and equal molecules have equal encodings.
    Differs from the paper: that length instead of its BasisNet; the directions within such a space are lost.
    """

    def __init__(self, *, vectors: int) -> None:
        super().__init__()
        self.vectors, self.width = vectors, DIM
        self.see, self.hear = nn.Linear(3, DIM), nn.Linear(DIM, DIM)
        self.join = nn.Linear(vectors * DIM, DIM)

    def forward(self, batch: MoleculeBatch, dense: Dense) -> Float[Tensor, "N W"]:
        found = eigenvectors(dense, self.vectors)
        both = torch.stack([found.vector, -found.vector], dim=1)  # (N, 2, K)
        seen = torch.stack([both, *(x.unsqueeze(1).expand_as(both) for x in (found.length, found.value))], dim=3)
        h = torch.relu(self.see(seen))  # (N, 2, K, D)
        source, target = batch.edge_index
        h = torch.relu(self.hear(h + total(h.index_select(0, source), target, len(h)))).sum(1)
        out: Tensor = self.join((h * found.there.unsqueeze(2)).flatten(1))
        return out


class Eigenvectors(NamedTuple):
    """Of the K smallest eigenvalues of each molecule but the first; zeros where a molecule has fewer."""

    vector: Float[Tensor, "N K"]
    """The eigenvector, zero where others share its eigenvalue."""
    length: Float[Tensor, "N K"]
    """How long the atom's projection is onto all eigenvectors that share the eigenvalue."""
    value: Float[Tensor, "N K"]
    """The eigenvalue."""
    there: Float[Tensor, "N K"]
    """One where there is an eigenvalue."""


def eigenvectors(dense: Dense, most: int) -> Eigenvectors:
    """Up to signs nothing in them depends on the order of atoms."""
    values, vectors = dense.spectrum()
    values, vectors = (
        F.pad(x, (0, max(most + 1 - x.shape[-1], 0)), value=v) for x, v in ((values, NO_ATOM), (vectors, 0.0))
    )
    chosen = values[:, 1 : most + 1]
    same = ((values.unsqueeze(2) - chosen.unsqueeze(1)).abs() <= SAME).to(values.dtype)  # (B, S, K)
    there = chosen < NO_ATOM - 0.5
    alone = (same.sum(1) == 1) & there
    vector = vectors[:, :, 1 : most + 1] * alone.unsqueeze(1)
    length = (vectors.square() @ same).sqrt() * there.unsqueeze(1)
    per_atom = [(x * there).unsqueeze(1).expand_as(vector) for x in (chosen, there)]
    return Eigenvectors(*(dense.gather(x.float()) for x in (vector, length, *per_atom)))


class Encoded(nn.Module):
    """An encoder whose atoms have encodings after their features."""

    def __init__(self, encodings: Sequence[Encoding], encoder: Encoder) -> None:
        super().__init__()
        assert isinstance(encoder, nn.Module)
        self.encodings, self.encoder = nn.ModuleList(encodings), encoder
        self.out_dim = encoder.out_dim

    def layers(self) -> list[list[nn.Module]]:
        first, *rest = self.encoder.layers()
        return [[*self.encodings, *first], *rest]

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "B D"]:
        dense = Dense(batch)
        atoms = torch.cat([batch.x, *(encoding(batch, dense) for encoding in self.encodings)], dim=1)
        out: Tensor = self.encoder(replace(batch, x=atoms))
        return out


def encoder_of(model: Spec, layout: Layout) -> Encoder:
    """The network that a spec describes for these features, with its encodings."""
    if reads_descriptors(ENCODERS[type(model)]):
        return ENCODERS.build(model, layout.fingerprint + layout.descriptors)
    encodings = [ENCODINGS.build(spec) for spec in getattr(model, "encodings", ())]
    width = layout.atoms.width + sum(e.width for e in encodings)
    encoder = ENCODERS.build(model, width, layout.bonds.width)
    return Encoded(encodings, encoder) if encodings else encoder


def reads_descriptors(encoder: object) -> bool:
    """Whether an encoder, or its class, reads fingerprints and descriptors itself."""
    return bool(getattr(encoder, "reads_descriptors", False))
