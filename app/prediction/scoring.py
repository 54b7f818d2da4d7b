"""The metrics of predictions whose true labels are known. The service has no scikit-learn."""

from typing import Any

import numpy as np

from app.core.contract import Positions, Probabilities, Target


def compute_metrics(target: Target, truth: Positions, probabilities: Probabilities) -> dict[str, Any]:
    """Return the metrics of true label positions [N] and probabilities [N, labels].

    Metrics of one label are those of the positive label; with three or more labels they are left out.
    A metric that the rows do not define (the recall of a label without rows, say) is None.
    """
    predicted = target.decide(probabilities)
    labels = len(target.labels)
    confusion = np.zeros((labels, labels), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    probability_of_truth = probabilities[np.arange(len(truth)), truth].astype(float)
    metrics: dict[str, Any] = {
        "rows": len(truth),
        "labels": list(target.labels),
        "confusion_matrix": confusion.tolist(),
        "accuracy": _ratio(np.trace(confusion), len(truth)),
        "log_loss": float(-np.log(np.clip(probability_of_truth, np.finfo(np.float32).eps, 1)).mean()),
    }
    if target.is_binary:
        metrics |= _metrics_of_positive(target.positive_index, confusion, truth, probabilities)
    return metrics


def _metrics_of_positive(
    positive: int, confusion: Positions, truth: Positions, probabilities: Probabilities
) -> dict[str, float | None]:
    true_positives = confusion[positive, positive]
    predicted, actual = confusion[:, positive].sum(), confusion[positive].sum()
    return {
        "precision": _ratio(true_positives, predicted),
        "recall": _ratio(true_positives, actual),
        "f1": _ratio(2 * true_positives, predicted + actual),
        "roc_auc": _roc_auc(truth == positive, probabilities[:, positive]),
        "brier": float(((probabilities[:, positive] - (truth == positive)) ** 2).mean()),
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return float(numerator / denominator) if denominator else None


def _roc_auc(is_positive: "np.ndarray[Any, np.dtype[np.bool_]]", score: Probabilities) -> float | None:
    """Return how often a positive row scores above a negative one; a tie counts half (Mann-Whitney)."""
    positives = int(is_positive.sum())
    pairs = positives * (len(is_positive) - positives)
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return _ratio(ranks[is_positive].sum() - positives * (positives + 1) / 2, pairs)
