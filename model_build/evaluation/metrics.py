"""The metrics of rows under many weightings at once: what scikit-learn has with `sample_weight`, for one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from app.core.contract import Positions, Probabilities, Target
from model_build.evaluation.intervals import Estimates, Weights

BINS = 10
SHARES = ("accuracy", "precision", "recall", "f1")
"""Metrics that are shares of rows; F1 counts as one of the positives, which a model may all miss."""

Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Ranking:
    """The order of the rows by one label's probability."""

    positive: Positions
    negative: Positions
    """By ascending probability."""
    below: Positions
    """For each positive row, how many negative ones have a smaller probability."""
    not_above: Positions
    """And how many have one that isn't larger."""


@dataclass(frozen=True)
class ScoredRows:
    """Rows with the positions of their true labels [N] and their probabilities [N, labels]."""

    target: Target
    truth: Positions
    probabilities: Probabilities

    def take(self, rows: Positions) -> "ScoredRows":
        return ScoredRows(self.target, self.truth[rows], self.probabilities[rows])

    @cached_property
    def labels(self) -> list[int]:
        """The labels that the metrics are about: the positive one, or all of more than two."""
        if not self.target.is_binary:
            return list(range(len(self.target.labels)))
        return [self.target.positive_index]

    @cached_property
    def is_label(self) -> Mask:
        """Whether each label is the true one, [N, labels]."""
        return _one_hot(self.truth, len(self.target.labels))

    @cached_property
    def is_predicted(self) -> Mask:
        return _one_hot(self.target.decide(self.probabilities), len(self.target.labels))

    @property
    def support(self) -> dict[str, int]:
        """Return how many rows each of SHARES is a share of; with more than two labels, of all."""
        everyone = dict.fromkeys(SHARES, len(self.truth))
        if not self.target.is_binary:
            return everyone
        predicted, actual = (int(each[:, self.labels].sum()) for each in (self.is_predicted, self.is_label))
        return everyone | {"precision": predicted, "recall": actual, "f1": actual}

    @cached_property
    def errors(self) -> Probabilities:
        """Probability - 1 of the true label, probability of any other, [N, labels]."""
        return self.probabilities - self.is_label

    @cached_property
    def terms(self) -> csr_array:
        """What the metrics are sums of, [3 * labels + 2, N].

        Is it this label, is it predicted, are both; then the log loss, and the squared error.
        """
        of_truth = np.take_along_axis(self.probabilities, self.truth[:, None], axis=1)
        losses = -np.log(np.clip(of_truth, np.finfo(of_truth.dtype).eps, 1))
        squares = (self.errors[:, self.labels] ** 2).sum(axis=1, keepdims=True)
        hits = self.is_label & self.is_predicted
        return sparse(np.hstack([self.is_label, self.is_predicted, hits, losses, squares]))

    @cached_property
    def binned_errors(self) -> csr_array:
        """For each of `labels` BINS lines with the errors of the rows in that bin, [labels * BINS, N]."""
        return sparse(
            np.hstack(
                [
                    self.errors[:, [label]] * _one_hot(equal_count_bins(self.probabilities[:, label]), BINS)
                    for label in self.labels
                ]
            )
        )

    @cached_property
    def rankings(self) -> list[_Ranking]:
        return [_rank(self.probabilities[:, label], self.is_label[:, label]) for label in self.labels]


def weighted_metrics(scored: ScoredRows, weights: Weights, names: Sequence[str]) -> Estimates:
    """Return metrics [names, resamples]; NaN where the rows, or those with weight, leave one undefined."""
    weighted = _Weighted(scored, weights)
    return np.stack([METRICS[name](weighted) for name in names])


def equal_count_bins(score: Column) -> Positions:
    """Return which of at most BINS bins each row is in; equal scores share one."""
    edges = np.quantile(score, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.asarray(np.searchsorted(np.unique(edges), score))


def share(part: Estimates, whole: Estimates) -> Estimates:
    """Return part / whole, NaN where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0))


class _Weighted:
    """The weight of the rows, by label, and the weighted sums."""

    def __init__(self, scored: ScoredRows, weights: Weights) -> None:
        self.scored = scored
        self.weights = weights
        self.rows = weights.sum(axis=0)
        *by_label, self.losses, self.squares = scored.terms @ weights
        self.actual, self.predicted, self.hits = np.split(np.array(by_label), 3)

    def over_labels(self, figures: Estimates) -> Estimates:
        """Return the positive label's figure, or the mean of those that rows with weight have or are given.

        In the mean, a figure that is undefined counts as 0.
        """
        scored = self.scored
        if scored.target.is_binary:
            return np.asarray(figures[scored.labels[0]])
        occurs = self.actual + self.predicted > 0
        return share(np.nan_to_num(figures).sum(axis=0), occurs.sum(axis=0))


def _accuracy(of: _Weighted) -> Estimates:
    return share(of.hits.sum(axis=0), of.rows)


def _balanced_accuracy(of: _Weighted) -> Estimates:
    occurs = of.scored.is_label.any(axis=0)
    return np.asarray(share(of.hits[occurs], of.actual[occurs]).mean(axis=0))


def _precision(of: _Weighted) -> Estimates:
    return of.over_labels(share(of.hits, of.predicted))


def _recall(of: _Weighted) -> Estimates:
    return of.over_labels(share(of.hits, of.actual))


def _f1(of: _Weighted) -> Estimates:
    return of.over_labels(share(2 * of.hits, of.actual + of.predicted))


def _log_loss(of: _Weighted) -> Estimates:
    return share(of.losses, of.rows)


def _brier(of: _Weighted) -> Estimates:
    return share(of.squares, of.rows)


def _calibration_error(of: _Weighted) -> Estimates:
    """Mean distance of the predicted share from the observed one, over bins of equally many rows."""
    distances = np.abs(of.scored.binned_errors @ of.weights).sum(axis=0)
    return share(distances / len(of.scored.labels), of.rows)


def _roc_auc(of: _Weighted) -> Estimates:
    return np.asarray(np.mean([_wins(each, of.weights) for each in of.scored.rankings], axis=0))


def _average_precision(of: _Weighted) -> Estimates:
    scored = of.scored
    of_label = [
        _mean_precision(scored.probabilities[:, label], scored.is_label[:, label], of.weights)
        for label in scored.labels
    ]
    return np.asarray(np.mean(of_label, axis=0))


METRICS: dict[str, Callable[[_Weighted], Estimates]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "brier": _brier,
    "calibration_error": _calibration_error,
}


def _rank(score: Column, is_positive: Mask) -> _Ranking:
    negative = np.flatnonzero(~is_positive)
    negative = negative[np.argsort(score[negative])]
    below, not_above = (
        np.searchsorted(score[negative], score[is_positive], side) for side in ("left", "right")
    )
    return _Ranking(np.flatnonzero(is_positive), negative, below, not_above)


def _wins(ranking: _Ranking, weights: Weights) -> Estimates:
    """Return the ROC AUC: how often a positive row scores above a negative one, ties counting half."""
    lowest = np.zeros((len(ranking.negative) + 1, weights.shape[1]))
    np.cumsum(weights[ranking.negative], axis=0, out=lowest[1:])
    positive = weights[ranking.positive]
    wins = np.einsum("nr,nr->r", positive, lowest[ranking.below] + lowest[ranking.not_above]) / 2
    return share(wins, positive.sum(axis=0) * lowest[-1])


def _mean_precision(score: Column, is_positive: Mask, weights: Weights) -> Estimates:
    """Return the average precision: that of every score as a threshold, by the recall that it adds."""
    order = np.argsort(-score)
    last_of_ties = np.flatnonzero(np.diff(score[order], append=np.nan))
    taken = np.cumsum(weights[order], axis=0)[last_of_ties]
    hits = np.cumsum(weights[order] * is_positive[order, None], axis=0)[last_of_ties]
    added = np.diff(hits, axis=0, prepend=0)
    return share((added * np.nan_to_num(share(hits, taken))).sum(axis=0), hits[-1])


def sparse(columns: npt.NDArray[Any]) -> csr_array:
    """Return lines to multiply weights with; nearly all is 0, and threads would only wait for each other."""
    return csr_array(columns.T.astype(float))


def _one_hot(positions: Positions, count: int) -> Mask:
    return np.asarray(positions[:, None] == np.arange(count))
