"""How good the probabilities of the test split are."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn import metrics

from app.contract import Positions, Probabilities, Target

METRICS = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
)


@dataclass(frozen=True)
class Evaluation:
    """What metrics.json holds."""

    rows: int
    labels: tuple[str, ...]
    metrics: dict[str, float]
    confusion_matrix: list[list[int]]
    """Rows are the true labels and columns the predicted ones, in the order of `labels`."""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(target: Target, truth: Positions, probabilities: Probabilities) -> Evaluation:
    """Score probabilities [N, labels] against the true label positions [N].

    With more than two labels, the metrics that are about one label are averaged over all (macro).
    """
    predicted = target.decide(probabilities)
    positions = range(len(target.labels))
    values = (
        _of_labels(target, truth, predicted)
        | _of_scores(target, truth, probabilities)
        | {"log_loss": metrics.log_loss(truth, probabilities, labels=positions)}
    )
    return Evaluation(
        rows=len(truth),
        labels=target.labels,
        metrics={name: float(values[name]) for name in METRICS},
        confusion_matrix=metrics.confusion_matrix(truth, predicted, labels=positions).tolist(),
    )


def _of_labels(target: Target, truth: Positions, predicted: Positions) -> dict[str, float]:
    binary = target.positive is not None
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth,
        predicted,
        labels=range(len(target.labels)),
        pos_label=target.labels.index(target.positive) if binary else 1,
        average="binary" if binary else "macro",
        zero_division=0.0,
    )
    return {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _of_scores(target: Target, truth: Positions, probabilities: Probabilities) -> dict[str, float]:
    if target.positive is not None:
        positive = target.labels.index(target.positive)
        is_positive, score = truth == positive, probabilities[:, positive]
        return {
            "roc_auc": metrics.roc_auc_score(is_positive, score),
            "average_precision": metrics.average_precision_score(is_positive, score),
            "brier": metrics.brier_score_loss(is_positive, score),
        }
    positions = np.arange(len(target.labels))
    return {
        "roc_auc": metrics.roc_auc_score(truth, probabilities, multi_class="ovr", labels=positions),
        "average_precision": metrics.average_precision_score(truth[:, None] == positions, probabilities),
        "brier": metrics.brier_score_loss(truth, probabilities, labels=positions),
    }
