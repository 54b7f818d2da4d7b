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

LABEL_METRICS = ("precision", "recall", "f1")

Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Ranking:
    """The order of the rows by the probability of one label, from the side of the rarer rows.

    The rarer rows are those that have the label, or those that do not.
    """

    has_label: bool
    """Whether the rarer rows have the label."""
    rarer: Positions
    """In ascending order of their probability, as the others are."""
    others: Positions
    below: Positions
    """For each of the others, the number of rarer rows with a smaller probability."""
    not_above: Positions
    """For each of the others, the number of rarer rows with a smaller or equal probability."""
    ties: Positions
    """Positions in `others` of those for which the two numbers differ."""


@dataclass(frozen=True)
class ScoredRows:
    """Rows with the positions of their true labels [N] and their probabilities [N, labels]."""

    target: Target
    truth: Positions
    probabilities: Probabilities
    weights: npt.NDArray[np.float64] | None = None
    """How much each row counts [N]; None if they count equally."""

    def take(self, rows: Positions) -> "ScoredRows":
        weights = None if self.weights is None else self.weights[rows]
        return ScoredRows(self.target, self.truth[rows], self.probabilities[rows], weights)

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

    @cached_property
    def confusion_cells(self) -> Positions:
        """The position of each row's cell in the confusion matrix, row by row."""
        predicted = self.target.decide(self.probabilities)
        return np.asarray(self.truth * len(self.target.labels) + predicted)

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
        """What most metrics are sums of, [labels * labels + 2, N].

        By true and predicted label: has the row both. Then the log loss, and the squared error.
        """
        of_truth = np.take_along_axis(self.probabilities, self.truth[:, None], axis=1)
        losses = -np.log(np.clip(of_truth, np.finfo(of_truth.dtype).eps, 1))
        squares = (self.errors[:, self.labels] ** 2).sum(axis=1, keepdims=True)
        cells = self.is_label[:, :, None] & self.is_predicted[:, None]
        return sparse(np.hstack([cells.reshape(len(self.truth), -1), losses, squares]))

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
        return [self._rank(label) for label in self.labels]

    def _rank(self, label: int) -> _Ranking:
        score, is_label = self.probabilities[:, label], self.is_label[:, label]
        has_label = bool(2 * is_label.sum() <= len(is_label))
        rarer, others = np.flatnonzero(is_label == has_label), np.flatnonzero(is_label != has_label)
        rarer, others = (rows[np.argsort(score[rows])] for rows in (rarer, others))
        below, not_above = (np.searchsorted(score[rarer], score[others], side) for side in ("left", "right"))
        return _Ranking(has_label, rarer, others, below, not_above, np.flatnonzero(below != not_above))


def weighted_metrics(scored: ScoredRows, weights: Weights, names: Sequence[str]) -> Estimates:
    """Return metrics [names, resamples]; NaN where a metric is undefined for the rows with weight."""
    weighted = _Weighted(scored, weights)
    return np.stack([FUNCTIONS[name](weighted) for name in names])


def label_metrics(scored: ScoredRows, weights: Weights) -> Estimates:
    """Return LABEL_METRICS of each label against all others, [labels, metrics, resamples]."""
    weighted = _Weighted(scored, weights)
    hits, actual, predicted = weighted.hits, weighted.actual, weighted.predicted
    return np.stack(
        [share(hits, predicted), share(hits, actual), share(2 * hits, actual + predicted)], axis=1
    )


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
        self.weights = weights if scored.weights is None else weights * scored.weights[:, None]

    @cached_property
    def _sums(self) -> Estimates:
        return np.asarray(self.scored.terms @ self.weights)

    @cached_property
    def _confusion(self) -> Estimates:
        """The rows by true and predicted label."""
        labels = len(self.scored.target.labels)
        return self._sums[:-2].reshape(labels, labels, -1)

    @cached_property
    def actual(self) -> Estimates:
        return np.asarray(self._confusion.sum(axis=1))

    @cached_property
    def predicted(self) -> Estimates:
        return np.asarray(self._confusion.sum(axis=0))

    @property
    def hits(self) -> Estimates:
        return np.diagonal(self._confusion).T

    @property
    def rows(self) -> Estimates:
        return np.asarray(self.actual.sum(axis=0))

    @property
    def losses(self) -> Estimates:
        return np.asarray(self._sums[-2])

    @property
    def squares(self) -> Estimates:
        return np.asarray(self._sums[-1])

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
    return np.asarray(
        np.mean(
            [_label_average_precision(scored, label, weighted.weights) for label in scored.labels], axis=0
        )
    )


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


def _ranking_auc(ranking: _Ranking, weights: Weights) -> Estimates:
    """Return the ROC AUC: how often a positive row scores above a negative one, where a tie counts half.

    All sums are of whole numbers, so they are exact in any order. The cumulated sum is by far the slowest
    step; so it goes over the rarer rows.
    """
    cumulated = np.zeros((len(ranking.rarer) + 1, weights.shape[1]))
    np.cumsum(weights[ranking.rarer], axis=0, out=cumulated[1:])
    others = weights[ranking.others]
    twice = 2 * np.einsum("nr,nr->r", others, cumulated[ranking.below])
    ties = ranking.ties
    tied = cumulated[ranking.not_above[ties]] - cumulated[ranking.below[ties]]
    twice += np.einsum("nr,nr->r", others[ties], tied)
    pairs = others.sum(axis=0) * cumulated[-1]
    return share(pairs - twice / 2 if ranking.has_label else twice / 2, pairs)


def _label_average_precision(scored: ScoredRows, label: int, weights: Weights) -> Estimates:
    """Return the mean precision over every score as a threshold, weighted by the recall that it adds.

    A threshold at which no positive row comes in adds no recall.
    """
    score = scored.probabilities[:, label]
    order = np.argsort(-score)
    last_of_ties = np.flatnonzero(np.diff(score[order], append=np.nan))
    is_positive = scored.is_label[order, label]
    positives = np.cumsum(is_positive)[last_of_ties]
    adds_recall = np.diff(positives, prepend=0) > 0
    of_order = weights[order]
    selected = np.cumsum(of_order, axis=0)[last_of_ties[adds_recall]]
    hits = np.cumsum(of_order[is_positive], axis=0)[positives[adds_recall] - 1]
    added = np.diff(hits, axis=0, prepend=0)
    return share((added * np.nan_to_num(share(hits, selected))).sum(axis=0), hits[-1])


def sparse(columns: npt.NDArray[Any]) -> csr_array:
    """Return the columns as rows to multiply weights by; most are 0, and BLAS threads would cost more."""
    return csr_array(columns.T.astype(float))


def _one_hot(positions: Positions, count: int) -> Mask:
    return np.asarray(positions[:, None] == np.arange(count))
