from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from app.core.contract import Positions, Probabilities, Target
from app.prediction.scoring import compute_metrics

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.6)
FLIPPED = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.6)
GRADES = Target(name="grade", labels=("A", "B", "C"))


def binary_metrics(truth: list[int], yes: list[float]) -> dict[str, Any]:
    """Return the metrics of true label positions and probabilities of the positive label."""
    probability = np.array(yes, dtype=np.float32)
    return dict(compute_metrics(BINARY, np.array(truth), np.stack([1 - probability, probability], axis=1)))


def close(value: float) -> Any:
    return pytest.approx(value, abs=1e-6)


def drawn(labels: int, seed: int, digits: int = 7) -> tuple[Positions, Probabilities]:
    """Return truth and probabilities of 500 rows, which have many ties if the digits are few."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, 500)
    odds = rng.random((500, labels)) + np.eye(labels)[truth] * rng.random((500, 1))
    shares = (odds / odds.sum(axis=1, keepdims=True)).round(digits)
    shares[:, -1] = 1 - shares[:, :-1].sum(axis=1)
    return truth, shares.astype(np.float32)


@pytest.mark.parametrize("digits", [7, 1])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", [BINARY, FLIPPED], ids=["positive last", "positive first"])
def test_metrics_of_two_labels_equal_those_of_scikit_learn(target: Target, seed: int, digits: int) -> None:
    truth, probabilities = drawn(2, seed, digits)
    positive = target.labels.index("yes")
    yes, is_yes = probabilities[:, positive], truth == positive
    predicted = np.where(yes >= np.float32(0.6), positive, 1 - positive)
    assert compute_metrics(target, truth, probabilities) == {
        "rows": 500,
        "labels": list(target.labels),
        "confusion_matrix": sklearn_metrics.confusion_matrix(truth, predicted).tolist(),
        "accuracy": close(sklearn_metrics.accuracy_score(truth, predicted)),
        "log_loss": close(sklearn_metrics.log_loss(truth, probabilities)),
        "precision": close(sklearn_metrics.precision_score(truth, predicted, pos_label=positive)),
        "recall": close(sklearn_metrics.recall_score(truth, predicted, pos_label=positive)),
        "f1": close(sklearn_metrics.f1_score(truth, predicted, pos_label=positive)),
        "roc_auc": close(sklearn_metrics.roc_auc_score(is_yes, yes)),
        "average_precision": close(sklearn_metrics.average_precision_score(is_yes, yes)),
        "brier": close(sklearn_metrics.brier_score_loss(is_yes, yes)),
    }


@pytest.mark.parametrize("seed", range(3))
def test_metrics_of_three_labels_leave_out_those_of_one_label(seed: int) -> None:
    truth, probabilities = drawn(3, seed)
    predicted = probabilities.argmax(axis=1)
    assert compute_metrics(GRADES, truth, probabilities) == {
        "rows": 500,
        "labels": ["A", "B", "C"],
        "confusion_matrix": sklearn_metrics.confusion_matrix(truth, predicted).tolist(),
        "accuracy": close(sklearn_metrics.accuracy_score(truth, predicted)),
        "log_loss": close(sklearn_metrics.log_loss(truth, probabilities)),
    }


def test_row_of_the_confusion_matrix_is_a_true_label() -> None:
    metrics = binary_metrics([0, 0, 0, 1], [0.9, 0.9, 0.1, 0.2])
    assert metrics["confusion_matrix"] == [[1, 2], [1, 0]]


def test_metric_that_the_rows_do_not_define_is_none() -> None:
    assert binary_metrics([0, 0, 0, 0], [0.25, 0.25, 0.5, 0]) == {
        "rows": 4,
        "labels": ["no", "yes"],
        "confusion_matrix": [[4, 0], [0, 0]],
        "accuracy": 1,
        "log_loss": close(-np.log([0.75, 0.75, 0.5, 1]).mean()),
        "precision": None,
        "recall": None,
        "f1": None,
        "roc_auc": None,
        "average_precision": None,
        "brier": close(0.09375),
    }


@pytest.mark.parametrize(
    ("truth", "yes", "precision", "recall", "f1", "roc_auc"),
    [
        ([0, 1], [0.1, 0.2], None, 0, 0, 1),
        ([0, 0], [0.1, 0.9], 0, None, 0, None),
        ([1, 1], [0.9, 0.8], 1, 1, 1, None),
        ([0, 1], [0.7, 0.7], 0.5, 1, 2 / 3, 0.5),
        ([0, 1], [0.8, 0.7], 0.5, 1, 2 / 3, 0),
    ],
    ids=["no predicted positive", "no positive", "no negative", "a tie", "wrong order"],
)
def test_metrics_of_few_rows(
    truth: list[int],
    yes: list[float],
    precision: float | None,
    recall: float | None,
    f1: float,
    roc_auc: float | None,
) -> None:
    expected = {"precision": precision, "recall": recall, "f1": f1, "roc_auc": roc_auc}
    assert binary_metrics(truth, yes).items() >= expected.items()


def test_log_loss_of_a_certain_error_is_finite() -> None:
    metrics = binary_metrics([0, 1], [1, 0])
    assert metrics["log_loss"] == close(-np.log(np.finfo(np.float32).eps))
    assert metrics["brier"] == 1
