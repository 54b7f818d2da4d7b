"""The metrics of predictions whose true labels are known. The service has no scikit-learn."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeInt
from typing_extensions import TypedDict  # pydantic can't read that of typing before Python 3.12

from app.core.contract import Positions, Probabilities, Target


class FileMetrics(TypedDict):
    """The metrics of a file with the target's column; null where its rows do not define one."""

    rows: NonNegativeInt
    labels: list[str]
    confusion_matrix: Annotated[
        list[list[NonNegativeInt]],
        Field(description="A row for each true label, a column for each predicted one."),
    ]
    accuracy: float | None
    log_loss: float


class PositiveMetrics(TypedDict):
    """The metrics of the positive label."""

    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    average_precision: float | None
    brier: float


class BinaryFileMetrics(FileMetrics, PositiveMetrics):
    """The metrics of a file with the target's column; null where its rows do not define one."""


def compute_metrics(
    target: Target, truth: Positions, probabilities: Probabilities
) -> FileMetrics | BinaryFileMetrics:
    """Return the metrics of true label positions [N] and probabilities [N, labels]; at least one row.

    A metric that the rows do not define (the recall of a label without rows, say) is None.
    """
    predicted = target.decide(probabilities)
    labels = len(target.labels)
    confusion = np.zeros((labels, labels), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    probability_of_truth = probabilities[np.arange(len(truth)), truth].astype(float)
    metrics: FileMetrics = {
        "rows": len(truth),
        "labels": list(target.labels),
        "confusion_matrix": confusion.tolist(),
        "accuracy": _ratio(np.trace(confusion), len(truth)),
        "log_loss": float(-np.log(np.clip(probability_of_truth, np.finfo(np.float32).eps, 1)).mean()),
    }
    if not target.is_binary:
        return metrics
    return {**metrics, **_score_positive(target.positive_index, confusion, truth, probabilities)}


def _score_positive(
    positive: int, confusion: Positions, truth: Positions, probabilities: Probabilities
) -> PositiveMetrics:
    true_positives = confusion[positive, positive]
    predicted, actual = confusion[:, positive].sum(), confusion[positive].sum()
    return {
        "precision": _ratio(true_positives, predicted),
        "recall": _ratio(true_positives, actual),
        "f1": _ratio(2 * true_positives, predicted + actual),
        "roc_auc": _roc_auc(truth == positive, probabilities[:, positive]),
        "average_precision": _average_precision(truth == positive, probabilities[:, positive]),
        "brier": float(((probabilities[:, positive] - (truth == positive)) ** 2).mean()),
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return float(numerator / denominator) if denominator else None


def _average_precision(
    is_positive: "np.ndarray[Any, np.dtype[np.bool_]]", score: Probabilities
) -> float | None:
    """Return the mean precision at the positive rows, from the highest score down; equal scores share one."""
    _, group, sizes = np.unique(-score, return_inverse=True, return_counts=True)
    hits = np.bincount(group, is_positive, len(sizes))
    precision = np.cumsum(hits) / np.cumsum(sizes)
    return _ratio((hits * precision).sum(), int(is_positive.sum()))


def _roc_auc(is_positive: "np.ndarray[Any, np.dtype[np.bool_]]", score: Probabilities) -> float | None:
    """Return how often a positive row scores above a negative one; a tie counts half (Mann-Whitney)."""
    positives = int(is_positive.sum())
    pairs = positives * (len(is_positive) - positives)
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return _ratio(ranks[is_positive].sum() - positives * (positives + 1) / 2, pairs)
