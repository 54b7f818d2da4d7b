"""How right predictions are when the truth is known; the service has no scikit-learn to ask."""

from typing import Any

import numpy as np

from app.core.contract import Positions, Probabilities, Target


def compute_metrics(target: Target, truth: Positions, probabilities: Probabilities) -> dict[str, Any]:
    """Return figures for the true label positions [N] and probabilities [N, labels].

    Those that are about one label are for the positive one; with more than two labels there are none.
    A figure that the rows don't define (no row of a label, say) is null.
    """
    predicted = target.decide(probabilities)
    labels = len(target.labels)
    confusion = np.zeros((labels, labels), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    of_truth = probabilities[np.arange(len(truth)), truth].astype(float)
    figures: dict[str, Any] = {
        "rows": len(truth),
        "labels": list(target.labels),
        "confusion_matrix": confusion.tolist(),
        "accuracy": _share(np.trace(confusion), len(truth)),
        "log_loss": float(-np.log(np.clip(of_truth, np.finfo(np.float32).eps, 1)).mean()),
    }
    if target.is_binary:
        figures |= _of_positive(target.positive_index, confusion, truth, probabilities)
    return figures


def _of_positive(
    positive: int, confusion: Positions, truth: Positions, probabilities: Probabilities
) -> dict[str, float | None]:
    hits = confusion[positive, positive]
    precision = _share(hits, confusion[:, positive].sum())
    recall = _share(hits, confusion[positive].sum())
    return {
        "precision": precision,
        "recall": recall,
        "f1": _share(2 * hits, confusion[:, positive].sum() + confusion[positive].sum()),
        "roc_auc": _roc_auc(truth == positive, probabilities[:, positive]),
        "brier": float(((probabilities[:, positive] - (truth == positive)) ** 2).mean()),
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _roc_auc(is_positive: "np.ndarray[Any, np.dtype[np.bool_]]", score: Probabilities) -> float | None:
    """Return how often a positive row scores above a negative one, ties counting half (Mann-Whitney)."""
    positives = int(is_positive.sum())
    pairs = positives * (len(is_positive) - positives)
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return _share(ranks[is_positive].sum() - positives * (positives + 1) / 2, pairs)
