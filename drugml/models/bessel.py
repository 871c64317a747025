"""Waves in a sphere: functions of a distance and of an angle that are orthogonal to each other.

Shape letters: Q pairs, T triplets, L angular functions, R radial functions.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor


def roots(orders: int, number: int) -> NDArray[np.float64]:
    """First positive roots of the spherical Bessel functions of orders 0 … `orders` - 1, (orders, number).

    Those of an order lie between those of the order below.
    """
    found = np.arange(1, number + orders) * np.pi
    rows = [found[:number]]
    for order in range(1, orders):
        between = pairwise(found)
        found = np.array([optimize.brentq(lambda x, n=order: special.spherical_jn(n, x), a, b) for a, b in between])
        rows.append(found[:number])
    return np.stack(rows)


def scales(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """What makes the functions of these roots orthonormal in the unit sphere, of the same shape."""
    order = np.arange(len(at))[:, None]
    return np.asarray(np.sqrt(2.0) / np.abs(special.spherical_jn(order + 1, at)))


def spherical(x: Float[Tensor, "Q L R"]) -> Float[Tensor, "Q L R"]:
    """Spherical Bessel functions, in place l of order l, by recurrence upwards: of double precision, since near 0 the
    terms of high orders cancel out.
    """
    below, now = x.sin() / x, x.sin() / x.square() - x.cos() / x
    out = [below[:, 0]]
    for order in range(1, x.shape[1]):
        out.append(now[:, order])
        below, now = now, (2 * order + 1) / x * now - below
    return torch.stack(out, dim=1)


def harmonics(cosine: Float[Tensor, "T"], number: int) -> Float[Tensor, "T L"]:
    """Spherical harmonics of an angle alone (m = 0), by Bonnet's recurrence of Legendre polynomials."""
    out = [torch.ones_like(cosine), cosine]
    for order in range(2, number):
        out.append(((2 * order - 1) * cosine * out[-1] - (order - 1) * out[-2]) / order)
    factors = [math.sqrt((2 * order + 1) / (4 * math.pi)) for order in range(number)]
    return torch.stack([f * p for f, p in zip(factors, out, strict=False)], dim=1)


def envelope(x: Float[Tensor, "..."], exponent: int = 5) -> Float[Tensor, "..."]:
    """1/x at first, falling to 0 at 1 with two continuous derivatives."""
    p = exponent + 1
    a, b, c = -(p + 1) * (p + 2) / 2, p * (p + 2), -p * (p + 1) / 2
    return 1.0 / x + x.pow(p - 1) * (a + x * (b + x * c))
