import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from app.core.contract import Target
from model_build.artifacts import CalibrationBin, Curve, Interval
from model_build.evaluation.curves import POINTS, compute_curves

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes")
MORE = Target(name="paid", labels=("none", "some", "all"))
TRUTH = np.array([0, 0, 0, 1, 1])
YES = np.array([0.125, 0.5, 0.5, 0.5, 0.875])
RNG = np.random.default_rng(0)
SCORE = RNG.beta(0.5, 1.5, 5000)
PAID = (RNG.random(5000) < SCORE).astype(np.intp)
LARGE = compute_curves(BINARY, PAID, np.column_stack([1 - SCORE, SCORE]), 0.95)


def test_the_curves_of_two_labels_are_those_of_the_positive_one() -> None:
    found = compute_curves(BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.95)
    assert found.roc == {"yes": Curve(x=(0, 0, 2 / 3, 1), y=(0, 0.5, 1, 1))}
    assert found.precision_recall == {"yes": Curve(x=(0, 0.5, 1, 1), y=(1, 1, 0.5, 0.4))}
    assert found.lift["yes"].x == pytest.approx((0.2, 0.8, 1))
    assert found.lift["yes"].y == pytest.approx((2.5, 1.25, 1))


def test_the_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes")
    assert compute_curves(target, 1 - TRUTH, np.column_stack([YES, 1 - YES]), 0.95) == compute_curves(
        BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.95
    )


def test_more_labels_have_a_curve_each_against_all_others() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    found = compute_curves(MORE, np.array([0, 1, 2, 2]), probabilities, 0.95)
    for each in (found.roc, found.precision_recall, found.lift, found.calibration):
        assert tuple(each) == MORE.labels
    assert found.roc["none"] == Curve(x=(0, 0, 1), y=(0, 1, 1))
    assert found.lift["none"].y == pytest.approx((4, 2, 4 / 3, 1))


def test_a_calibration_bin_has_the_observed_share_with_its_binomial_interval() -> None:
    found = compute_curves(BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.9)
    bounds = binomtest(1, 3).proportion_ci(0.9, method="wilson")
    assert found.calibration["yes"][1] == CalibrationBin(
        rows=3, predicted=0.5, observed=Interval(value=1 / 3, low=bounds.low, high=bounds.high)
    )
    assert [each.rows for each in LARGE.calibration["yes"]] == [500] * 10


def test_long_curves_are_thinned_and_keep_their_ends_and_their_areas() -> None:
    roc, precision_recall, lift = (each["yes"] for each in (LARGE.roc, LARGE.precision_recall, LARGE.lift))
    for curve in (roc, precision_recall, lift):
        assert POINTS / 2 < len(curve.x) <= POINTS
        assert list(curve.x) == sorted(curve.x)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert (precision_recall.x[0], precision_recall.x[-1]) == (0, 1)
    assert (lift.x[-1], lift.y[-1]) == (1, 1)
    assert auc(roc.x, roc.y) == pytest.approx(roc_auc_score(PAID, SCORE), abs=0.002)
    assert auc(precision_recall.x, precision_recall.y) == pytest.approx(
        average_precision_score(PAID, SCORE), abs=0.01
    )


def test_the_lift_of_the_likeliest_tenth_is_its_share_of_positives_over_that_of_all() -> None:
    likeliest = np.argsort(-SCORE)[:500]
    expected = PAID[likeliest].mean() / PAID.mean()
    lift = LARGE.lift["yes"]
    assert np.interp(0.1, lift.x, lift.y) == pytest.approx(expected, rel=0.02)


def test_scores_that_are_all_equal_make_a_diagonal() -> None:
    found = compute_curves(BINARY, TRUTH, np.full((5, 2), 0.5), 0.95)
    assert found.roc["yes"] == Curve(x=(0, 1), y=(0, 1))
    assert found.lift["yes"] == Curve(x=(1,), y=(1,))
    assert [each.rows for each in found.calibration["yes"]] == [5]
