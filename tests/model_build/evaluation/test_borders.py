from math import prod

import numpy as np
import pytest
from scipy.special import ndtri

from app.core.contract import Target
from model_build.artifacts import Interval
from model_build.evaluation.borders import auc_interval, exact_interval_of_mean
from model_build.evaluation.evaluate import evaluate_model
from model_build.evaluation.intervals import exact_interval
from model_build.spec.sections import EvaluationSection

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes")
MORE = Target(name="paid", labels=("none", "some", "all"))
SECTION = EvaluationSection(resamples=100)


@pytest.mark.parametrize("target", [BINARY, MORE], ids=["two", "more"])
@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_no_metric_of_few_rows_is_certain(target: Target, is_right: bool) -> None:
    labels = len(target.labels)
    truth = np.arange(54) % labels
    answer = truth if is_right else (truth + 1) % labels
    intervals = evaluate_model(target, SECTION, truth, np.eye(labels)[answer], seed=1).intervals
    worst_is_not_0 = {"average_precision", "calibration_error", "roc_auc"}
    for name in set(intervals) - {"log_loss"} - (set() if is_right else worst_is_not_0):
        interval = intervals[name]
        assert interval.high - interval.low > 0.02, name
        assert interval.low <= interval.value <= interval.high, name


def test_more_rows_narrow_the_interval_of_a_perfect_auc() -> None:
    few, many = auc_interval(1, 10, 20, 0.95), auc_interval(1, 100, 200, 0.95)
    assert few.low < many.low < 1 == few.high
    assert auc_interval(0, 10, 20, 0.95) == Interval(value=0, low=0, high=1 - few.low)


def test_interval_of_a_perfect_auc_covers_what_perfect_samples_come_from() -> None:
    """Of samples from two normal distributions with an AUC at the low end, hardly any is perfect."""
    low = auc_interval(1, 12, 15, 0.95).low
    rng = np.random.default_rng(0)
    shift = 2**0.5 * ndtri(low)
    positives = rng.normal(shift, 1, (20_000, 12)).min(axis=1)
    negatives = rng.normal(0, 1, (20_000, 15)).max(axis=1)
    assert 0.001 < (positives > negatives).mean() < 0.025


def test_mean_of_equally_many_rows_has_the_exact_interval_of_all() -> None:
    assert exact_interval_of_mean(1, [20, 20], 0.95) == exact_interval(1, 40, 0.95)
    assert exact_interval_of_mean(0, [7], 0.95) == exact_interval(0, 7, 0.95)


@pytest.mark.parametrize("sizes", [[50, 4], [50, 40, 45], [3, 3, 100]])
def test_mean_ends_where_no_rates_of_errors_make_the_rows_likely(sizes: list[int]) -> None:
    distance = exact_interval_of_mean(0, sizes, 0.95).high
    rng = np.random.default_rng(1)
    rates = rng.dirichlet(np.full(len(sizes), 0.5), 20_000) * distance * len(sizes)
    rates = rates[(rates < 1).all(axis=1)]
    tails = [prod((1 - rate) ** size for rate, size in zip(of, sizes, strict=True)) for of in rates]
    assert max(tails) == pytest.approx(0.025, rel=0.02)


def test_rare_label_widens_the_interval_of_the_balanced_accuracy() -> None:
    rare = exact_interval_of_mean(1, [50, 4], 0.95)
    assert rare.low < exact_interval(1, 54, 0.95).low
    assert exact_interval_of_mean(1, [50, 0], 0.95) == Interval(value=1, low=0, high=1)


def test_each_label_has_its_metrics() -> None:
    truth = np.repeat([0, 1, 2], [10, 20, 30])
    answer = truth.copy()
    answer[[0, 1, 15]] = 1, 1, 0
    evaluation = evaluate_model(MORE, SECTION, truth, np.eye(3)[answer], seed=1)
    none, some = evaluation.by_label["none"], evaluation.by_label["some"]
    assert [label.support for label in evaluation.by_label.values()] == [10, 20, 30]
    assert (none.predicted, some.predicted) == (9, 21)
    assert none.precision is not None
    assert (none.precision.value, none.recall.value, none.f1.value) == pytest.approx((8 / 9, 0.8, 16 / 19))
    assert none.recall.low < 0.8 < none.recall.high
    assert evaluation.by_label["all"].recall == exact_interval(1, 30, 0.95)


def test_label_that_is_never_predicted_has_no_precision() -> None:
    truth = np.array([0, 0, 0, 1])
    evaluation = evaluate_model(BINARY, SECTION, truth, np.full((4, 2), [0.9, 0.1]), seed=1)
    yes = evaluation.by_label["yes"]
    assert (yes.support, yes.predicted, yes.precision) == (1, 0, None)
    assert yes.recall == exact_interval(0, 1, 0.95)
