"""Experimental noise from replicates: simulated data of known error."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score, root_mean_squared_error

from drugml.data.audit.noise import class_noise, noise


def simulated(sigma: float, seed: int, molecules: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, molecules and true values: 1 to 4 replicates of values with spread 1."""
    random = np.random.default_rng(seed)
    truth = random.normal(6, 1, molecules)
    molecule = np.repeat(np.arange(molecules), random.integers(1, 5, molecules))
    return truth[molecule] + random.normal(0, sigma, len(molecule)), molecule, truth


@pytest.mark.parametrize("sigma", [0.1, 0.54, 2.0])
def test_the_error_of_simulated_replicates_is_found(sigma: float) -> None:
    inside = 0
    for seed in range(200):
        values, molecule, _ = simulated(sigma, seed)
        found = noise(values, molecule, logs=False)
        assert found is not None
        assert found.freedom == len(values) - 400
        assert found.sigma == pytest.approx(sigma, rel=0.15)
        inside += found.low <= sigma <= found.high
    assert 180 <= inside <= 199  # 95 % of 200 intervals hold the truth, within three standard errors


def test_a_perfect_model_reaches_the_promised_figures_and_no_better() -> None:
    values, molecule, truth = simulated(0.5, 1, molecules=20_000)
    found = noise(values, molecule, logs=False)
    assert found is not None
    first = np.unique(molecule, return_index=True)[1]
    assert root_mean_squared_error(values[first], truth) == pytest.approx(found.sigma, rel=0.02)
    assert r2_score(values[first], truth) == pytest.approx(found.r2, abs=0.01)
    assert pearsonr(values[first], truth)[0] == pytest.approx(found.pearson, abs=0.01)


def test_the_example_of_kramer() -> None:
    """By these equations their error of 0.54 and highest R2 of 0.81, of public Ki values, go with a spread of 1.24."""
    truth = np.sqrt(1.24**2 - 0.54**2)
    values, molecule, _ = simulated(0.54 / truth, 3, molecules=20_000)
    found = noise(values * truth, molecule, logs=False)
    assert found is not None
    assert found.spread == pytest.approx(1.24, rel=0.02)
    assert found.r2 == pytest.approx(0.81, abs=0.01)


def test_a_molecule_measured_often_does_not_rule_the_spread() -> None:
    values = np.array([0.0, 1.0, 2.0] + [9.0, 9.2] * 500)
    found = noise(values, np.array([0, 1, 2] + [3] * 1000), logs=False)
    assert found is not None
    assert found.spread == pytest.approx(np.std([0, 1, 2, 9.1]), rel=0.01)
    assert found.freedom == 999


def test_copies_are_counted() -> None:
    found = noise(np.array([1.0, 1.0, 2.0, 3.0, 5.0]), np.array([7, 7, 8, 8, 9]), logs=False)
    assert found is not None
    assert (found.molecules, found.identical, found.freedom) == (2, 1, 2)


def test_without_replicates_nothing_is_said() -> None:
    assert noise(np.array([1.0, 2.0]), np.array([0, 1]), logs=False) is None
    assert class_noise(np.array([1.0, 0.0]), np.array([0, 1])) is None


@pytest.mark.parametrize("wrong", [0.02, 0.1, 0.25])
def test_wrong_classes_are_found_from_their_disagreement(wrong: float) -> None:
    random = np.random.default_rng(0)
    molecule = np.repeat(np.arange(30_000), 2)
    truth = random.integers(0, 2, 30_000)
    labels = np.where(random.random(len(molecule)) < wrong, 1 - truth[molecule], truth[molecule]).astype(float)
    found = class_noise(labels, molecule)
    assert found is not None
    assert found.disagreement == pytest.approx(2 * wrong * (1 - wrong), abs=0.01)
    assert found.error == pytest.approx(wrong, abs=0.01)
    assert found.accuracy == pytest.approx(float((labels == truth[molecule]).mean()), abs=0.01)
    assert found.discordant == sum(labels[::2] != labels[1::2])
