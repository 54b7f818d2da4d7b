"""The curves of the test split, thin enough to draw."""

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve, roc_curve

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import CalibrationBin, Curve, Curves, Interval
from model_build.evaluation.metrics import ScoredRows, equal_count_bins

POINTS = 200
"""The most that a curve keeps."""

Numbers = npt.NDArray[np.float64]


def compute_curves(
    target: Target, truth: Positions, probabilities: Probabilities, confidence: float
) -> Curves:
    """Return the curves of the positive label, or of every label of more than two, against all others.

    `confidence` is that of the observed shares (Wilson).
    """
    scored = ScoredRows(target, truth, probabilities)
    labels = {target.labels[label]: (truth == label, probabilities[:, label]) for label in scored.labels}
    return Curves(
        roc={name: _roc(*each) for name, each in labels.items()},
        precision_recall={name: _precision_recall(*each) for name, each in labels.items()},
        lift={name: _lift(*each) for name, each in labels.items()},
        calibration={name: _calibration(*each, confidence) for name, each in labels.items()},
    )


def _roc(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    false_positive_rate, true_positive_rate, _ = roc_curve(is_positive, score)
    return _thin(false_positive_rate, true_positive_rate)


def _precision_recall(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    precision, recall, _ = precision_recall_curve(is_positive, score)
    return _thin(recall[::-1], precision[::-1])


def _lift(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    false_positive_rate, true_positive_rate, _ = roc_curve(is_positive, score, drop_intermediate=False)
    share = is_positive.mean()
    taken = true_positive_rate * share + false_positive_rate * (1 - share)
    return _thin(taken[1:], true_positive_rate[1:] / taken[1:])


def _calibration(
    is_positive: npt.NDArray[np.bool_], score: Probabilities, confidence: float
) -> tuple[CalibrationBin, ...]:
    of_row = equal_count_bins(score)
    return tuple(
        _bin(is_positive[of_row == position], score[of_row == position], confidence)
        for position in np.unique(of_row)
    )


def _bin(is_positive: npt.NDArray[np.bool_], score: Probabilities, confidence: float) -> CalibrationBin:
    observed = binomtest(int(is_positive.sum()), len(score))
    bounds = observed.proportion_ci(confidence, method="wilson")
    return CalibrationBin(
        rows=len(score),
        predicted=score.mean(),
        observed=Interval(value=observed.statistic, low=bounds.low, high=bounds.high),
    )


def _thin(x: Numbers, y: Numbers) -> Curve:
    """Keep the points that lie evenly along the way that the curve takes, both ends included."""
    if len(x) > POINTS:
        steps = np.abs(np.diff(x)) / np.ptp(x) + np.abs(np.diff(y)) / (np.ptp(y) or 1)
        way = np.concatenate([[0], np.cumsum(steps)])
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], POINTS)))
        x, y = x[kept], y[kept]
    return Curve(x=tuple(x.tolist()), y=tuple(y.tolist()))
