"""The Gaussian process of more molecules than fit at once, held to the exact one."""

import logging

import numpy as np
import pytest

from drugml.config.models import GpSpec
from drugml.models import BASELINES
from drugml.models.gp import GaussianProcess, swept
from drugml.models.tanimoto import Kept
from tests.test_neighbours import X, Y

M, RATIO = len(X), 0.3
KEPT = Kept.of(X, [2048])
REST = Y[:, 0] - Y[:, 0].mean()
WEIGHT = np.linspace(0.5, 1.5, M)
BLOCKS = np.array_split(np.random.default_rng(0).permutation(M), 3)


def exact(rows: np.ndarray) -> np.ndarray:
    """Coefficients of some molecules that know of no others."""
    kernel = KEPT.itself()[np.ix_(rows, rows)]
    return np.linalg.solve(kernel + np.diag(RATIO / WEIGHT[rows]), REST[rows])


def fitted(y: np.ndarray, x: np.ndarray = X, classify: bool = False, **options: object) -> GaussianProcess:
    model = BASELINES.build(GpSpec(**options))
    assert isinstance(model, GaussianProcess)
    model.fit(x, y[:, None], np.ones((len(y), 1)), widths=[2048], classify=classify, seed=0)
    return model


def test_sweeps_lead_to_the_exact_process() -> None:
    wanted = exact(np.arange(M))
    far = [np.abs(swept(KEPT, REST, WEIGHT, RATIO, BLOCKS, sweeps=n)[0] - wanted).max() for n in (1, 3, 25)]
    assert far[0] > far[1] > 1e-3
    assert far[2] < 1e-6
    np.testing.assert_allclose(swept(KEPT, REST, WEIGHT, RATIO, [np.arange(M)], sweeps=1)[0], wanted, atol=1e-10)


def test_left_out_molecules_are_unknown_to_all_that_predicts_them() -> None:
    _, tested, left_out = swept(KEPT, REST, WEIGHT, RATIO, BLOCKS, classify=True)
    assert left_out is not None
    np.testing.assert_array_equal(tested, BLOCKS[-1])
    kernel = KEPT.itself()
    for place in (0, 7, 19):
        without = np.delete(tested, place)
        others = np.concatenate([*BLOCKS[:-1], without])
        alpha = swept(
            KEPT.take(others), REST[others], WEIGHT[others], RATIO,
            np.split(np.arange(M - 1), [20, 40]), sweeps=1,
        )[0]  # fmt: skip
        assert left_out[place] == pytest.approx(kernel[tested[place], others] @ alpha, abs=1e-9)
    assert swept(KEPT, REST, WEIGHT, RATIO, BLOCKS)[2] is None


def test_blocks_come_near_the_exact_process_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    whole = fitted(Y[:, 0]).predict(X)
    with caplog.at_level(logging.INFO):
        blocks = fitted(Y[:, 0], max_molecules=25)
    assert (
        "target 1: learns from 60 labelled training molecules in 3 blocks, 3 times each, which comes near the exact "
        "process; model.max_molecules (25) limits a block, time grows with the square of all"
    ) in caplog.messages
    assert caplog.messages[-1].startswith("gp: 60 molecules, scale ")
    assert caplog.messages[-1].endswith(" by the marginal likelihood of 20")
    assert "gp: sweep 3 of 3, block 1 of 3" in caplog.messages
    moved = next(text for text in caplog.messages if text.startswith("gp: the last sweep moved the values"))
    assert moved.endswith(" % of the labels' spread")
    assert 0 < float(moved.split()[-6]) < 10
    assert np.sqrt(np.mean((blocks.predict(X) - whole) ** 2)) < 0.1 * Y[:, 0].std()
    np.testing.assert_array_equal(fitted(Y[:, 0], max_molecules=25).predict(X), blocks.predict(X))
    assert len(blocks.arrays()["coefficients"]) == M
    caplog.clear()
    np.testing.assert_array_equal(fitted(Y[:, 0], max_molecules=M).predict(X), whole)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_equal_fingerprints_learn_together() -> None:
    """Of labels that differ, they get what the exact process gives, not the label of the last block."""
    x, y = np.concatenate([X, X]), np.concatenate([Y[:, 0], Y[:, 0] + 8])
    blocks = fitted(y, x, max_molecules=40)
    for rows in blocks._blocks(Kept.of(x, [2048]), seed=0):
        assert len(rows) == 40
        assert len(set(rows % M)) == 20
    assert np.abs(blocks.predict(X) - fitted(y, x).predict(X)).max() < 1.0


def test_classes_in_blocks_get_chances() -> None:
    y = (Y[:, 0] > np.median(Y[:, 0])).astype(float)
    chance, whole = (fitted(y, classify=True, **options).predict(X)[:, 0] for options in ({"max_molecules": 25}, {}))
    assert ((chance > 0) & (chance < 1)).all()
    assert np.abs(chance - whole).mean() < 0.1
    few = np.zeros(M)
    few[3] = 1
    assert np.isfinite(fitted(few, classify=True, max_molecules=25).predict(X)).all()
    np.testing.assert_allclose(fitted(np.full(M, 3.0), max_molecules=25).predict(X), 3.0)
    flat = np.zeros(M)
    flat[[3, 4]] = 1, -1  # most blocks have nothing but the mean
    assert np.isfinite(fitted(flat, max_molecules=4).predict(X)).all()
