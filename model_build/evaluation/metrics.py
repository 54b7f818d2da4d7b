"""Metrics of rows under many weightings at once, as the bootstrap needs them.

scikit-learn's functions take one `sample_weight` at a time. For 1,000 resamples of the census test split they
need 18 s of CPU time, this module 0.6 s; Fairlearn's MetricFrame needs 6 minutes for the slices of one
feature. Tests compare every metric here with scikit-learn's, but the calibration error, which it lacks.
"""

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
"""Metrics that are shares of rows. F1 counts as a share of the positives, as it is 0 if all are missed."""

Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Ranking:
    """The order of the rows by the probability of one label."""

    positive: Positions
    negative: Positions
    """In ascending order of their probability."""
    below: Positions
    """For each positive row, the number of negative rows with a smaller probability."""
    not_above: Positions
    """For each positive row, the number of negative rows with a smaller or equal probability."""


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
        """The labels that have metrics: the positive one, or all labels if there are more than two."""
        if not self.target.is_binary:
            return list(range(len(self.target.labels)))
        return [self.target.positive_index]

    @cached_property
    def is_label(self) -> Mask:
        """Whether a label is the true one, [N, labels]."""
        return _one_hot(self.truth, len(self.target.labels))

    @cached_property
    def is_predicted(self) -> Mask:
        return _one_hot(self.target.decide(self.probabilities), len(self.target.labels))

    @property
    def support(self) -> dict[str, int]:
        """The number of rows that each of SHARES is a share of; with more than two labels, of all rows."""
        all_rows = dict.fromkeys(SHARES, len(self.truth))
        if not self.target.is_binary:
            return all_rows
        predicted, actual = (int(mask[:, self.labels].sum()) for mask in (self.is_predicted, self.is_label))
        return all_rows | {"precision": predicted, "recall": actual, "f1": actual}

    @cached_property
    def errors(self) -> Probabilities:
        """The probability, minus 1 for the true label, [N, labels]."""
        return self.probabilities - self.is_label

    @cached_property
    def terms(self) -> csr_array:
        """What most metrics are sums of, [3 * labels + 2, N].

        By label: is it true, is it predicted, are both. Then the log loss, and the squared error.
        """
        of_truth = np.take_along_axis(self.probabilities, self.truth[:, None], axis=1)
        losses = -np.log(np.clip(of_truth, np.finfo(of_truth.dtype).eps, 1))
        squares = (self.errors[:, self.labels] ** 2).sum(axis=1, keepdims=True)
        hits = self.is_label & self.is_predicted
        return sparse(np.hstack([self.is_label, self.is_predicted, hits, losses, squares]))

    @cached_property
    def binned_errors(self) -> csr_array:
        """The errors by label and calibration bin; 0 outside of the bin, [labels * BINS, N]."""
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
    """Return metrics [names, resamples]; NaN where a metric is undefined for the rows with weight."""
    weighted = _Weighted(scored, weights)
    return np.stack([FUNCTIONS[name](weighted) for name in names])


def equal_count_bins(score: Column) -> Positions:
    """Return the position of each row's bin, of at most BINS; rows with equal scores share a bin."""
    edges = np.quantile(score, np.arange(1, BINS) / BINS, method="inverted_cdf")
    return np.asarray(np.searchsorted(np.unique(edges), score))


def share(part: Estimates, whole: Estimates) -> Estimates:
    """Return part / whole; NaN where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0))


class _Weighted:
    """Weighted sums of the rows: by label, of the log loss and of the squared error."""

    def __init__(self, scored: ScoredRows, weights: Weights) -> None:
        self.scored = scored
        self.weights = weights
        self.rows = weights.sum(axis=0)
        *by_label, self.losses, self.squares = scored.terms @ weights
        self.actual, self.predicted, self.hits = np.split(np.array(by_label), 3)

    def over_labels(self, values: Estimates) -> Estimates:
        """Return the value of the positive label, or the mean over labels that rows with weight have or get.

        In the mean, an undefined value counts as 0.
        """
        scored = self.scored
        if scored.target.is_binary:
            return np.asarray(values[scored.labels[0]])
        occurs = self.actual + self.predicted > 0
        return share(np.nan_to_num(values).sum(axis=0), occurs.sum(axis=0))


def _accuracy(weighted: _Weighted) -> Estimates:
    return share(weighted.hits.sum(axis=0), weighted.rows)


def _balanced_accuracy(weighted: _Weighted) -> Estimates:
    occurs = weighted.scored.is_label.any(axis=0)
    return np.asarray(share(weighted.hits[occurs], weighted.actual[occurs]).mean(axis=0))


def _precision(weighted: _Weighted) -> Estimates:
    return weighted.over_labels(share(weighted.hits, weighted.predicted))


def _recall(weighted: _Weighted) -> Estimates:
    return weighted.over_labels(share(weighted.hits, weighted.actual))


def _f1(weighted: _Weighted) -> Estimates:
    return weighted.over_labels(share(2 * weighted.hits, weighted.actual + weighted.predicted))


def _log_loss(weighted: _Weighted) -> Estimates:
    return share(weighted.losses, weighted.rows)


def _brier(weighted: _Weighted) -> Estimates:
    return share(weighted.squares, weighted.rows)


def _calibration_error(weighted: _Weighted) -> Estimates:
    """Return the mean distance between predicted and observed share, over bins of equally many rows."""
    distances = np.abs(weighted.scored.binned_errors @ weighted.weights).sum(axis=0)
    return share(distances / len(weighted.scored.labels), weighted.rows)


def _roc_auc(weighted: _Weighted) -> Estimates:
    return np.asarray(
        np.mean([_ranking_auc(ranking, weighted.weights) for ranking in weighted.scored.rankings], axis=0)
    )


def _average_precision(weighted: _Weighted) -> Estimates:
    scored = weighted.scored
    of_label = [
        _label_average_precision(scored.probabilities[:, label], scored.is_label[:, label], weighted.weights)
        for label in scored.labels
    ]
    return np.asarray(np.mean(of_label, axis=0))


FUNCTIONS: dict[str, Callable[[_Weighted], Estimates]] = {
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


def _ranking_auc(ranking: _Ranking, weights: Weights) -> Estimates:
    """Return the ROC AUC: how often a positive row scores above a negative one, where a tie counts half."""
    lowest = np.zeros((len(ranking.negative) + 1, weights.shape[1]))
    np.cumsum(weights[ranking.negative], axis=0, out=lowest[1:])
    positive = weights[ranking.positive]
    wins = np.einsum("nr,nr->r", positive, lowest[ranking.below] + lowest[ranking.not_above]) / 2
    return share(wins, positive.sum(axis=0) * lowest[-1])


def _label_average_precision(score: Column, is_positive: Mask, weights: Weights) -> Estimates:
    """Return the mean precision over every score as a threshold, weighted by the recall that it adds."""
    order = np.argsort(-score)
    last_of_ties = np.flatnonzero(np.diff(score[order], append=np.nan))
    selected = np.cumsum(weights[order], axis=0)[last_of_ties]
    hits = np.cumsum(weights[order] * is_positive[order, None], axis=0)[last_of_ties]
    added = np.diff(hits, axis=0, prepend=0)
    return share((added * np.nan_to_num(share(hits, selected))).sum(axis=0), hits[-1])


def sparse(columns: npt.NDArray[Any]) -> csr_array:
    """Return the columns as rows to multiply weights by; most are 0, and BLAS threads would cost more."""
    return csr_array(columns.T.astype(float))


def _one_hot(positions: Positions, count: int) -> Mask:
    return np.asarray(positions[:, None] == np.arange(count))
