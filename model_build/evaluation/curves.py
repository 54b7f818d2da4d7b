"""The curves of the test split, with few enough points to draw."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import CalibrationBin, Curve, Curves, Interval
from model_build.evaluation.intervals import wilson_interval
from model_build.evaluation.metrics import ScoredRows, equal_count_bins

POINTS = 200
"""The most points that a curve keeps."""

Numbers = npt.NDArray[np.float64]


def compute_curves(
    target: Target, truth: Positions, probabilities: Probabilities, confidence: float
) -> Curves:
    """Return the curves of the positive label, or of each of more than two labels against all others.

    `confidence` is for the intervals of the observed shares (Wilson).
    """
    scored = ScoredRows(target, truth, probabilities)
    labels = {target.labels[label]: (truth == label, probabilities[:, label]) for label in scored.labels}
    return Curves(
        roc={name: _roc(*label) for name, label in labels.items()},
        precision_recall={name: _precision_recall(*label) for name, label in labels.items()},
        lift={name: _lift(*label) for name, label in labels.items()},
        calibration={name: _calibration(*label, confidence) for name, label in labels.items()},
    )


def _roc(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    false_positive_rate, true_positive_rate, thresholds = roc_curve(is_positive, score)
    return _thin(false_positive_rate, true_positive_rate, thresholds)


def _precision_recall(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    precision, recall, thresholds = precision_recall_curve(is_positive, score)
    return _thin(recall[::-1], precision[::-1], np.append(thresholds, np.inf)[::-1])


def _lift(is_positive: npt.NDArray[np.bool_], score: Probabilities) -> Curve:
    false_positive_rate, true_positive_rate, thresholds = roc_curve(
        is_positive, score, drop_intermediate=False
    )
    share = is_positive.mean()
    selected = true_positive_rate * share + false_positive_rate * (1 - share)
    return _thin(selected[1:], true_positive_rate[1:] / selected[1:], thresholds[1:])


def _calibration(
    is_positive: npt.NDArray[np.bool_], score: Probabilities, confidence: float
) -> tuple[CalibrationBin, ...]:
    of_row = equal_count_bins(score)
    return tuple(
        _bin(is_positive[of_row == position], score[of_row == position], confidence)
        for position in np.unique(of_row)
    )


def _bin(is_positive: npt.NDArray[np.bool_], score: Probabilities, confidence: float) -> CalibrationBin:
    low, high = wilson_interval(is_positive.sum(), np.array(len(score)), confidence)
    return CalibrationBin(
        rows=len(score),
        predicted=score.mean(),
        observed=Interval(value=is_positive.mean(), low=low, high=high),
    )


def _thin(x: Numbers, y: Numbers, thresholds: Numbers) -> Curve:
    """Keep points at even distances along the curve, both ends included."""
    if len(x) > POINTS:
        steps = np.abs(np.diff(x)) / np.ptp(x) + np.abs(np.diff(y)) / (np.ptp(y) or 1)
        length = np.concatenate([[0], np.cumsum(steps)])
        kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)))
        x, y, thresholds = x[kept], y[kept], thresholds[kept]
    finite = (None if np.isinf(threshold) else float(threshold) for threshold in thresholds)
    return Curve(x=tuple(x.tolist()), y=tuple(y.tolist()), thresholds=tuple(finite))
