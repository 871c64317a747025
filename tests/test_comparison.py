"""Statistics of a comparison held to statsmodels, pingouin, scikit-posthocs and scipy, and their words."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drugml.errors import UserError
from drugml.evaluation.comparison.comparison import Comparison, over_folds, over_molecules
from drugml.evaluation.comparison.paired import Pairwise, corrected_t, effect, holm, ranks, tukey
from drugml.evaluation.comparison.verdict import Verdict, verdict
from drugml.tasks.metrics import evaluate
from tests.conftest import ROOT

GOLDEN = json.loads((Path(__file__).parent / "golden/statistics.json").read_text())
PAIR = np.random.default_rng(0).normal([0.6, 0.7], 0.1, (10, 2))


@pytest.mark.parametrize("case", GOLDEN)
def test_the_error_of_tukey_is_that_of_a_repeated_measures_anova(case: dict[str, list[list[float]]]) -> None:
    scores = np.array(case["scores"])
    folds, models = scores.shape
    found = tukey(scores)
    reach = (found.high - found.low)[0, 1] / 2
    error = reach / stats.studentized_range.ppf(0.95, models, (folds - 1) * (models - 1))
    between = folds * scores.mean(axis=0).var(ddof=1)
    assert between / (error**2 * folds) == pytest.approx(case["anova_f"], rel=1e-9)


@pytest.mark.parametrize("case", GOLDEN)
def test_pairs_agree_with_pingouin_and_scikit_posthocs(case: dict[str, list[list[float]]]) -> None:
    scores = np.array(case["scores"])
    upper = np.triu_indices(scores.shape[1], 1)
    np.testing.assert_allclose(corrected_t(scores, 0.0).p[upper], case["paired_t_holm"], rtol=1e-9)
    found = ranks(scores)
    assert found.p == pytest.approx(case["friedman_p"], rel=1e-9)
    np.testing.assert_allclose(found.pairs, case["conover_holm"], rtol=1e-7, atol=1e-12)


def test_of_two_models_tukey_is_the_paired_t_test_and_ranks_are_wilcoxons() -> None:
    paired = stats.ttest_rel(PAIR[:, 0], PAIR[:, 1])
    ends = paired.confidence_interval(0.95)
    for found in (tukey(PAIR), corrected_t(PAIR, 0.0)):
        assert found.p[0, 1] == pytest.approx(paired.pvalue, rel=1e-5)
        assert (found.low[0, 1], found.high[0, 1]) == pytest.approx((ends.low, ends.high), rel=1e-5)
    assert ranks(PAIR).p == stats.wilcoxon(PAIR[:, 0], PAIR[:, 1]).pvalue
    assert effect(PAIR)[0, 1] == pytest.approx(paired.statistic / np.sqrt(10))


def test_the_corrected_test_is_that_of_nadeau_and_bengio() -> None:
    each = PAIR[:, 0] - PAIR[:, 1]
    t = each.mean() / np.sqrt((1 / 10 + 1 / 4) * each.var(ddof=1))
    assert corrected_t(PAIR, 0.25).p[0, 1] == pytest.approx(2 * stats.t.sf(abs(t), 9))


@given(st.integers(5, 12), st.integers(2, 5), st.integers(0, 100))
def test_pairs_are_seen_alike_from_both_sides_and_the_order_of_models_does_not_matter(
    f: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores, order = rng.normal(size=(f, k)), rng.permutation(k)
    for test in (tukey, lambda s: corrected_t(s, 0.2)):
        found, other = test(scores), test(scores[:, order])
        np.testing.assert_allclose(found.difference, -found.difference.T)
        np.testing.assert_allclose(found.low, -found.high.T)
        np.testing.assert_allclose(found.p, found.p.T)
        for a, b in zip(found, other, strict=True):
            np.testing.assert_allclose(a[np.ix_(order, order)], b, rtol=1e-8, atol=1e-12)


def test_equal_models_differ_nowhere() -> None:
    scores = np.repeat(PAIR[:, :1], 3, axis=1)
    for found in (tukey(scores), corrected_t(scores, 0.2)):
        np.testing.assert_array_equal(found.p, np.ones((3, 3)))
    assert ranks(scores).p == 1
    np.testing.assert_array_equal(effect(scores), np.zeros((3, 3)))


def test_a_difference_that_is_the_same_in_every_fold_is_certain() -> None:
    scores = np.stack([np.arange(6.0), np.arange(6.0) + 1], axis=1)
    assert corrected_t(scores, 0.2).p[0, 1] == 0


def test_holm() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_a_null_is_found_as_often_as_was_said_and_an_effect_is_found() -> None:
    import runpy

    simulated = runpy.run_path(str(ROOT / "scripts/simulate_comparison.py"))["simulated"]
    null = simulated(100, 0.0, 0.0, fixed=False)
    assert null[2] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    assert null[0] > 0.2  # which is why no verdict rests on Tukey's test
    assert simulated(40, 0.4, 0.0, fixed=False)[2] > 0.7


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.1, 0.3, 0, Verdict.BETTER),
        (-0.3, -0.1, 0, Verdict.WORSE),
        (-0.1, 0.3, 0, Verdict.OPEN),
        (0.1, 0.3, 0.2, Verdict.OPEN),
        (0.25, 0.3, 0.2, Verdict.BETTER),
        (-0.1, 0.1, 0.2, Verdict.EQUIVALENT),
        (0.05, 0.1, 0.2, Verdict.EQUIVALENT),
    ],
)
def test_verdicts_follow_the_interval_and_the_margin(low: float, high: float, margin: float, expected: Verdict) -> None:
    one = np.array([[0, (low + high) / 2], [-(low + high) / 2, 0]])
    test = Pairwise(one, np.ones((2, 2)), np.array([[0, low], [-high, 0]]), np.array([[0, high], [-low, 0]]))
    assert verdict(test, 0, 1, higher_is_better=True, margin=margin) == expected
    turned = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}.get(expected, expected)
    assert verdict(test, 0, 1, higher_is_better=False, margin=margin) == turned
    assert verdict(test, 1, 0, higher_is_better=True, margin=margin) == turned


def compared(*means: float, margin: float = 0.0, noise: float = 0.01) -> Comparison:
    scores = np.random.default_rng(1).normal(means, noise, (25, len(means)))
    return over_folds("rmse", [f"m{i}" for i in range(len(means))], scores, 0.25, margin)


def test_the_headline_says_what_was_found() -> None:
    assert compared(0.6, 0.5).headline() == "m1 has the best rmse; m0 is worse"
    assert compared(0.6, 0.5, 0.5001, 0.7).headline() == (
        f"{compared(0.6, 0.5, 0.5001, 0.7).names[0]} has the best rmse; {compared(0.6, 0.5, 0.5001, 0.7).names[1]} is "
        "not shown to be worse; m0 and m3 are worse"
    )
    assert compared(0.5, 0.5001, margin=0.1).headline().endswith("is equivalent to it within the margin")
    row = compared(0.6, 0.5).rows()[0]
    assert (row["model"], row["verdict"], row["folds_won"], row["folds"]) == ("m1", "better", 25, 25)


def test_folds_without_a_value_are_left_out_and_too_few_are_refused() -> None:
    scores = np.random.default_rng(2).normal(0.5, 0.1, (8, 2))
    scores[:2, 0] = np.nan
    assert over_folds("roc_auc", ["a", "b"], scores, 0.25, 0).left_out == 2
    scores[:5, 1] = np.nan
    with pytest.raises(UserError, match="roc_auc: defined for all models in 3 of 8 folds, expected at least 5"):
        over_folds("roc_auc", ["a", "b"], scores, 0.25, 0)


def test_molecules_are_drawn_for_all_models_alike() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(200, 1))
    good, bad = y + rng.normal(0, 0.3, y.shape), y + rng.normal(0, 0.6, y.shape)
    found = over_molecules("rmse", ["bad", "good", "twin"], y, [bad, good, good], 0)
    assert found.names[-1] == "bad"
    assert found.verdict(0, 1) == Verdict.OPEN
    assert (found.test.low[0, 1], found.test.high[0, 1]) == (0, 0)
    assert found.verdict(0, 2) == Verdict.BETTER
    for name, p in (("bad", bad), ("good", good)):
        assert found.mean[found.names.index(name)] == evaluate(("rmse",), ["0"], y, p)["rmse"]
    with pytest.raises(UserError, match="pearson: is undefined on the test molecules"):
        over_molecules("pearson", ["a", "b"], y, [good, np.zeros_like(y)], 0)
