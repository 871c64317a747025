"""Principal neighbourhood aggregation: four aggregates of the neighbours, each at three scales of the degree.

Shape letters: D width; R, A, I and K as in `Hood`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from drugml.config.encoders import PnaSpec
from drugml.models.encoder import ENCODERS
from drugml.models.layered import Conv, Layered
from drugml.models.rounds import Hood
from drugml.models.segments import count, maximum, mean

LOG_DEGREE = 1.1
"""Mean of log(degree + 1) over the heavy atoms of drug-like molecules; a constant, so that a network is whole without
the molecules that it was trained on."""
LEAST = 1e-5
"""Least variance of which a root is taken; less is none."""


class PnaConv(Conv):
    """One round; the same function and parameter names as PyG's `PNAConv(dim, dim, ["mean", "min", "max", "std"],
    ["identity", "amplification", "attenuation"], deg, edge_dim=…)` with one tower.
    """

    def __init__(self, dim: int, bond_dim: int) -> None:
        super().__init__(dim, bond_dim)
        self.edge_encoder = nn.Linear(bond_dim, dim)
        self.pre_nns = nn.ModuleList([nn.Sequential(nn.Linear(3 * dim, dim))])
        self.post_nns = nn.ModuleList([nn.Sequential(nn.Linear(13 * dim, dim))])
        self.lin = nn.Linear(dim, dim)

    def forward(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "A D"]:
        target, atoms = hood.target, hood.atoms
        heard = self._messages(h, hood)  # (I, D)
        middle = mean(heard, target, atoms)
        variance = mean(heard * heard, target, atoms) - middle * middle
        spread = variance.clamp(min=LEAST).sqrt()
        spread = spread.masked_fill(spread <= math.sqrt(LEAST), 0.0)
        aggregates = torch.cat([middle, -maximum(-heard, target, atoms), maximum(heard, target, atoms), spread], dim=1)
        degree = count(target, atoms)
        more = ((degree + 1).log() / LOG_DEGREE).to(h.dtype)
        less = (LOG_DEGREE / (degree.clamp(min=1) + 1).log()).to(h.dtype)
        seen = torch.cat([hood.of_atoms(h), aggregates, aggregates * more, aggregates * less], dim=1)
        out: Tensor = self.lin(self.post_nns[0](seen))
        return out

    def _messages(self, h: Float[Tensor, "R D"], hood: Hood) -> Float[Tensor, "I D"]:
        """A linear layer on target, source and bond, applied to each of the three before they meet."""
        linear = self.pre_nns[0].get_submodule("0")
        assert isinstance(linear, nn.Linear)
        to, from_, bond = linear.weight.split(h.shape[1], dim=1)
        bonds = F.linear(self.edge_encoder(hood.bonds), bond, linear.bias).index_select(0, hood.bond)
        hears = F.linear(hood.of_atoms(h), to).index_select(0, hood.target)
        return hears + F.linear(h, from_).index_select(0, hood.source) + bonds


@ENCODERS.register(PnaSpec)
class Pna(Layered):
    r"""Corso et al., "Principal Neighbourhood Aggregation for Graph Nets", NeurIPS 2020, arXiv:2004.05718.

    .. math:: h_v \leftarrow h_v + \mathrm{ReLU}\Big(U\Big[h_v, \{1, s_v, s_v^{-1}\} \otimes
              \{\mathrm{mean}, \min, \max, \mathrm{std}\}_{u \in N(v)} M[h_v, h_u, e_{uv}]\Big]\Big), \quad
              s_v = \log(d_v + 1) / \delta

    Differs from the paper: residual connections, layer instead of batch norm (a prediction must not depend on its
    neighbours in the batch); one tower; and the mean of log(degree + 1) is a constant of drug-like molecules instead of
    that of the training set.
    """

    conv = PnaConv
