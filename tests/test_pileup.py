"""Assay floors and ceilings: found where they are, not found in smooth or rounded samples."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.data.audit.pileup import piles

Draw = Callable[[np.random.Generator, int], np.ndarray]

SMOOTH: dict[str, Draw] = {
    "normal": lambda r, n: r.normal(6, 1.2, n),
    "normal, one decimal": lambda r, n: r.normal(6, 1.2, n).round(1),
    "normal, half units": lambda r, n: (2 * r.normal(6, 2, n)).round() / 2,
    "uniform, rounded": lambda r, n: r.uniform(0, 100, n).round(),
    "log-normal, three digits": lambda r, n: np.array([float(f"{x:.3g}") for x in r.lognormal(3, 2, n)]),
    "log-normal, two digits": lambda r, n: np.array([float(f"{x:.2g}") for x in r.lognormal(3, 2, n)]),
    "exponential, one decimal": lambda r, n: r.exponential(5, n).round(1),
    "student": lambda r, n: r.standard_t(3, n).round(2),
    "counts": lambda r, n: r.poisson(4, n).astype(float),
    "percent, near its end": lambda r, n: (100 * r.beta(6, 0.7, n)).round(2),
    "two humps": lambda r, n: np.where(r.random(n) < 0.3, r.normal(4, 0.5, n), r.normal(8, 0.5, n)).round(2),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_sample_has_no_limit(name: str) -> None:
    wrong = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        n = int(random.choice([20, 60, 300, 1000, 5000]))
        wrong += any(p.side != "inside" for p in piles(SMOOTH[name](random, n), 0.01))
    assert wrong <= 1  # of 100


@given(
    st.integers(0, 10_000),
    st.integers(200, 3000),
    st.floats(0.05, 0.5),
    st.sampled_from(["floor", "ceiling"]),
    st.integers(0, 1),
)
def test_a_clipped_sample_has_just_its_limit(seed: int, n: int, share: float, side: str, beyond: int) -> None:
    values = np.random.default_rng(seed).normal(0, 1, n)
    limit = np.quantile(values, share if side == "floor" else 1 - share)
    clipped = np.maximum(values, limit) if side == "floor" else np.minimum(values, limit)
    if beyond:
        clipped[int(np.argmax(clipped == limit))] = limit + (-9 if side == "floor" else 9)
    found = piles(clipped, 0.01)
    assert [(p.side, p.value, p.count, p.beyond) for p in found] == [
        (side, limit, int((clipped == limit).sum()), beyond)
    ]


def test_both_ends_and_a_pile_inside() -> None:
    values = np.clip(np.random.default_rng(0).normal(0, 1, 2000), -1, 1.5)
    values[:100] = 0.25
    found = {p.side: p for p in piles(values, 0.01)}
    assert {s: p.value for s, p in found.items()} == {"floor": -1, "ceiling": 1.5, "inside": 0.25}
    assert found["inside"].count == 100


def test_few_different_values_are_grades() -> None:
    assert piles(np.array([0.0] * 90 + [1.0] * 5 + [2.0] * 5), 0.01) == ()
    assert piles(np.zeros(0), 0.01) == ()
