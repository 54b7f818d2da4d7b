"""Intervals of metrics at the end of their range, where every resample has the same value.

A model that makes no error on 54 rows may make one on the next. The bootstrap knows only errors that it has
seen, so it would call such a metric certain.
"""

import math
from collections.abc import Iterable

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from model_build.artifacts import Interval
from model_build.evaluation.intervals import exact_interval
from model_build.evaluation.metrics import SHARES, ScoredRows

MEANS_OF_SHARES = ("balanced_accuracy", "precision", "recall", "f1", "average_precision")
"""Metrics that are the mean of a share for each label. The average precision counts as a share of the
positives (Boyd, Eng and Page, 2013)."""


def widen_at_borders(
    intervals: dict[str, Interval], scored: ScoredRows, confidence: float
) -> dict[str, Interval]:
    """Give metrics of 0 and 1 intervals that have a width; those of the log loss stay as they are.

    Shares of two labels have exact intervals already.
    """
    exact = SHARES if scored.target.is_binary else ()
    return {
        name: interval if name in exact else _widen(name, interval, scored, confidence)
        for name, interval in intervals.items()
    }


def _widen(name: str, interval: Interval, scored: ScoredRows, confidence: float) -> Interval:
    most = 2 if name == "brier" and not scored.target.is_binary else 1
    value = interval.value / most
    if value not in {0, 1}:
        return interval
    if name == "roc_auc":
        return _mean(auc_interval(value, *pair, confidence) for pair in _class_sizes(scored))
    if name in MEANS_OF_SHARES:
        return exact_interval_of_mean(value, _sizes(name, scored), confidence)
    if name in {"brier", "calibration_error"}:
        return _scale(exact_interval(value, len(scored.truth), confidence), most)
    return interval


def exact_interval_of_mean(value: float, sizes: Iterable[int], confidence: float) -> Interval:
    """Return the interval of a mean of shares that are all 0 or all 1, each of that many rows.

    The other end is the most extreme mean with which such rows have a probability of (1 - confidence) / 2. Of
    one share, or of equally many rows each, it is the end of the exact interval.
    """
    counts = np.array(sorted(sizes))
    if not counts.size or not counts[0]:
        return Interval(value=value, low=0, high=1)
    if counts[0] == counts[-1]:
        return exact_interval(value, int(counts.sum()), confidence)
    log_tail = math.log((1 - confidence) / 2)

    def excess(multiplier: float) -> float:
        shares = np.minimum(1, multiplier * counts)
        return float((counts * np.log(shares)).sum() - log_tail)

    most = counts[-1]
    multiplier = brentq(excess, math.exp(log_tail / most) / most, 1 / counts[0], xtol=1e-15)
    distance = float(1 - np.minimum(1, multiplier * counts).mean())
    low, high = (1 - distance, 1.0) if value else (0.0, distance)
    return Interval(value=value, low=low, high=high)


def auc_interval(value: float, positives: int, negatives: int, confidence: float) -> Interval:
    """Return Newcombe's interval (2006, method 5) of a ROC AUC of 0 or 1; its variance is not 0 there."""
    z2 = ndtri((1 + confidence) / 2) ** 2
    pairs, half = positives * negatives, (positives + negatives) / 2 - 1

    def excess(auc: float) -> float:
        spread = 1 + half * ((1 - auc) / (2 - auc) + auc / (1 + auc))
        return float(1 - auc - z2 * auc * spread / pairs)

    low = float(brentq(excess, 0, 1))
    return Interval(value=value, low=low if value else 0, high=1 if value else 1 - low)


def _scale(interval: Interval, factor: int) -> Interval:
    value, low, high = (factor * end for end in (interval.value, interval.low, interval.high))
    return Interval(value=value, low=low, high=high)


def _mean(intervals: Iterable[Interval]) -> Interval:
    ends = [(interval.value, interval.low, interval.high) for interval in intervals]
    value, low, high = np.mean(ends, axis=0).tolist()
    return Interval(value=value, low=low, high=high)


def _class_sizes(scored: ScoredRows) -> list[tuple[int, int]]:
    """Return, for each label with metrics, how many rows have it and how many have not."""
    rows = len(scored.truth)
    actual = scored.is_label.sum(axis=0)[scored.labels].tolist()
    return [(count, rows - count) for count in actual]


def _sizes(name: str, scored: ScoredRows) -> list[int]:
    """Return the rows of each label that the metric is a mean over."""
    actual, predicted = scored.is_label.sum(axis=0), scored.is_predicted.sum(axis=0)
    if name == "balanced_accuracy":
        return [int(count) for count in actual if count]
    sizes = predicted if name == "precision" else actual
    return [int(sizes[label]) for label in scored.labels if actual[label] + predicted[label]]
