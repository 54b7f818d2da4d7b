import numpy as np
import pytest
import scipy.stats

from model_build.artifacts import Interval
from model_build.evaluation import intervals as module
from model_build.evaluation.intervals import (
    Estimates,
    Weights,
    bootstrap,
    compute_intervals,
    exact_interval,
    interval_of_difference,
    interval_of_ratio,
    wilson_interval,
)


def weights_of(rows: int, resamples: int = 200, seed: int = 1) -> Weights:
    return bootstrap(lambda weights: weights, rows, resamples, seed)


def test_resample_has_as_many_rows_as_the_split() -> None:
    weights = weights_of(8)
    assert weights.shape == (8, 200)
    assert set(weights.sum(axis=0)) == {8}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_deviation_of_a_share_is_binomial(share: float) -> None:
    is_counted = np.arange(1000) < 1000 * share
    estimates = bootstrap(lambda weights: is_counted[None] @ weights / 1000, 1000, 4000, seed=1)
    assert estimates.std() == pytest.approx((share * (1 - share) / 1000) ** 0.5, rel=0.05)


def test_rows_are_drawn_with_replacement_and_equal_probability() -> None:
    weights = weights_of(100, resamples=2000)
    assert weights.mean(axis=1) == pytest.approx(np.ones(100), abs=0.1)
    assert (weights == 0).mean() == pytest.approx(0.99**100, abs=0.01)


def test_same_seed_gives_the_same_resamples() -> None:
    assert (weights_of(8) == weights_of(8)).all()
    assert (weights_of(8, seed=2) != weights_of(8)).any()


def test_last_block_may_be_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []

    def statistic(weights: Weights) -> Estimates:
        widths.append(weights.shape[1])
        return np.asarray(weights.mean(axis=0, keepdims=True))

    monkeypatch.setattr(module, "BLOCK", 24)
    assert bootstrap(statistic, 8, 10, seed=1) == pytest.approx(np.ones((1, 10)))
    assert widths == [3, 3, 3, 1]


def test_more_rows_than_a_block_are_resampled_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)
    assert weights_of(8, 3).shape == (8, 3)


def test_interval_of_a_mean_equals_that_of_scipy() -> None:
    values = np.random.default_rng(0).exponential(size=200)
    estimates = bootstrap(lambda weights: values[None] @ weights / 200, 200, 5000, seed=1)
    interval = compute_intervals(["mean"], [values.mean()], estimates, 0.9, {})["mean"]
    expected = scipy.stats.bootstrap(
        [values], np.mean, n_resamples=5000, confidence_level=0.9, method="percentile", rng=1
    ).confidence_interval
    assert interval.value == values.mean()
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=0.02)


def test_resamples_in_which_a_metric_is_undefined_do_not_count() -> None:
    estimates = np.array([[0.0, 1.0, np.nan, np.nan], [np.nan] * 4, [np.nan] * 4])
    assert compute_intervals(["a", "b", "c"], [0.5, 0.25, np.nan], estimates, 0.5, {}) == {
        "a": Interval(value=0.5, low=0.25, high=0.75),
        "b": Interval(value=0.25, low=0.25, high=0.25),
    }


def test_interval_contains_its_value() -> None:
    estimates = np.array([[0.3, 0.4], [0.3, 0.4]])
    interval = compute_intervals(["below", "above"], [0.1, 0.9], estimates, 0.9, {})
    assert (interval["below"].low, interval["above"].high) == (0.1, 0.9)
    assert (interval["below"].high, interval["above"].low) == pytest.approx((0.395, 0.305))


def test_shares_of_0_and_1_have_exact_intervals() -> None:
    interval = compute_intervals(
        ["none", "all"], [0, 1], np.array([[0.0] * 9, [1.0] * 9]), 0.95, {"none": 20, "all": 7}
    )
    none, all_rows = interval["none"], interval["all"]
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 1 - 0.025 ** (1 / 20)))
    assert (all_rows.value, all_rows.low, all_rows.high) == pytest.approx((1, 0.025 ** (1 / 7), 1))


def test_calibration_error_has_a_basic_interval() -> None:
    resamples = np.array([[0.02, 0.06]] * 2)  # the middle half is from 0.03 to 0.05
    interval = compute_intervals(["calibration_error", "brier"], [0.035, 0.035], resamples, 0.5, {})
    assert (interval["brier"].low, interval["brier"].high) == pytest.approx((0.03, 0.05))
    assert (interval["calibration_error"].low, interval["calibration_error"].high) == pytest.approx(
        (0.02, 0.04)
    )


@pytest.mark.parametrize(
    ("resamples", "low", "high"), [([0.05, 0.09], 0, 0.03), ([0.01, 0.02], 0.03, 0.0475)]
)
def test_interval_of_the_calibration_error_contains_it_and_is_not_below_0(
    resamples: list[float], low: float, high: float
) -> None:
    interval = compute_intervals(["calibration_error"], [0.03], np.array([resamples]), 0.5, {})[
        "calibration_error"
    ]
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_other_shares_have_percentile_intervals() -> None:
    interval = compute_intervals(["some"], [0.5], np.array([[0.25, 0.75]]), 0.5, {"some": 4})
    assert interval == {"some": Interval(value=0.5, low=0.375, high=0.625)}


def test_share_of_no_rows_has_the_interval_from_0_to_1() -> None:
    assert exact_interval(0, 0, 0.95) == Interval(value=0, low=0, high=1)


def wilson(count: int, rows: int) -> Interval:
    bounds = scipy.stats.binomtest(count, rows).proportion_ci(0.95, method="wilson")
    return Interval(value=count / rows, low=bounds.low, high=bounds.high)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_wilson_intervals_are_those_of_scipy(confidence: float) -> None:
    hits, rows = np.array([0, 1, 3, 10, 700]), np.array([7, 3, 10, 10, 2100])
    expected = [
        scipy.stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
        for count, total in zip(hits.tolist(), rows.tolist(), strict=True)
    ]
    bounds = zip(*wilson_interval(hits, rows, confidence), strict=True)
    assert list(bounds) == [(interval.low, interval.high) for interval in expected]


@pytest.mark.parametrize(
    ("share", "reference", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_interval_of_a_difference_equals_newcombes_table(
    share: tuple[int, int], reference: tuple[int, int], low: float, high: float
) -> None:
    interval = interval_of_difference(wilson(*share), wilson(*reference))
    assert interval.value == share[0] / share[1] - reference[0] / reference[1]
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.0001)


def test_interval_of_a_ratio_has_the_extreme_ratios() -> None:
    share, reference = Interval(value=0.25, low=0.125, high=0.5), Interval(value=0.5, low=0.25, high=1)
    assert interval_of_ratio(share, reference) == Interval(value=0.5, low=0.125, high=2)
