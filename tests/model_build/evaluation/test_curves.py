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


def test_two_labels_have_the_curves_of_the_positive_one() -> None:
    curves = compute_curves(BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.95)
    thresholds = (None, 0.875, 0.5, 0.125)
    assert curves.roc == {"yes": Curve(x=(0, 0, 2 / 3, 1), y=(0, 0.5, 1, 1), thresholds=thresholds)}
    assert curves.precision_recall == {
        "yes": Curve(x=(0, 0.5, 1, 1), y=(1, 1, 0.5, 0.4), thresholds=thresholds)
    }
    assert curves.lift["yes"].thresholds == thresholds[1:]
    assert curves.lift["yes"].x == pytest.approx((0.2, 0.8, 1))
    assert curves.lift["yes"].y == pytest.approx((2.5, 1.25, 1))


def test_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes")
    assert compute_curves(target, 1 - TRUTH, np.column_stack([YES, 1 - YES]), 0.95) == compute_curves(
        BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.95
    )


def test_each_of_three_labels_has_a_curve_against_all_others() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    curves = compute_curves(MORE, np.array([0, 1, 2, 2]), probabilities, 0.95)
    for by_label in (curves.roc, curves.precision_recall, curves.lift, curves.calibration):
        assert tuple(by_label) == MORE.labels
    assert curves.roc["none"] == Curve(x=(0, 0, 1), y=(0, 1, 1), thresholds=(None, 0.6, 0.1))
    assert curves.lift["none"].y == pytest.approx((4, 2, 4 / 3, 1))


def test_calibration_bin_has_the_observed_share_with_its_wilson_interval() -> None:
    curves = compute_curves(BINARY, TRUTH, np.column_stack([1 - YES, YES]), 0.9)
    bounds = binomtest(1, 3).proportion_ci(0.9, method="wilson")
    assert curves.calibration["yes"][1] == CalibrationBin(
        rows=3, predicted=0.5, observed=Interval(value=1 / 3, low=bounds.low, high=bounds.high)
    )
    assert [calibration_bin.rows for calibration_bin in LARGE.calibration["yes"]] == [500] * 10


def test_thresholds_of_a_thinned_curve_give_its_points() -> None:
    roc = LARGE.roc["yes"]
    for x, y, threshold in list(zip(roc.x, roc.y, roc.thresholds, strict=True))[1:]:
        assert threshold is not None
        selected = threshold <= SCORE
        assert (selected[PAID == 0].mean(), selected[PAID == 1].mean()) == pytest.approx((x, y))


def test_long_curves_are_thinned_and_keep_their_ends_and_areas() -> None:
    roc, precision_recall, lift = (
        by_label["yes"] for by_label in (LARGE.roc, LARGE.precision_recall, LARGE.lift)
    )
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


def test_lift_is_the_share_of_positives_divided_by_that_of_all_rows() -> None:
    likeliest = np.argsort(-SCORE)[:500]
    expected = PAID[likeliest].mean() / PAID.mean()
    lift = LARGE.lift["yes"]
    assert np.interp(0.1, lift.x, lift.y) == pytest.approx(expected, rel=0.02)


def test_equal_scores_make_a_diagonal() -> None:
    curves = compute_curves(BINARY, TRUTH, np.full((5, 2), 0.5), 0.95)
    assert curves.roc["yes"] == Curve(x=(0, 1), y=(0, 1), thresholds=(None, 0.5))
    assert curves.lift["yes"] == Curve(x=(1,), y=(1,), thresholds=(0.5,))
    assert [calibration_bin.rows for calibration_bin in curves.calibration["yes"]] == [5]
