import json
from math import log

import numpy as np
import pytest

from app.contract import Target
from model_build import export
from model_build.evaluate import METRICS, evaluate

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.6)
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 1])
YES = np.array([0.1, 0.5, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2])
BINARY_METRICS = {
    "accuracy": 5 / 8,
    "precision": 2 / 3,
    "recall": 2 / 4,
    "f1": 4 / 7,
    "roc_auc": 9 / 16,
    "average_precision": (1 / 2 + 2 / 3 + 3 / 5 + 4 / 7) / 4,
    "log_loss": -sum(map(log, [0.9, 0.5, 0.2, 0.7, 0.7, 0.6, 0.4, 0.2])) / 8,
    "brier": 0.28,
}


def test_two_labels_are_scored_for_the_positive_one() -> None:
    found = evaluate(BINARY, TRUTH, np.column_stack([1 - YES, YES])).document()
    assert found == {
        "rows": 8,
        "labels": ("no", "yes"),
        "metrics": pytest.approx(BINARY_METRICS),
        "confusion_matrix": [[3, 1], [2, 2]],
    }
    assert tuple(found["metrics"]) == METRICS


def test_the_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.6)
    assert evaluate(target, 1 - TRUTH, np.column_stack([YES, 1 - YES])).document() == {
        "rows": 8,
        "labels": ("yes", "no"),
        "metrics": pytest.approx(BINARY_METRICS),
        "confusion_matrix": [[2, 2], [1, 3]],
    }


@pytest.mark.parametrize(
    ("threshold", "confusion_matrix"),
    [(0.15, [[1, 3], [0, 4]]), (0.6, [[3, 1], [2, 2]]), (0.61, [[3, 1], [3, 1]]), (0.85, [[4, 0], [4, 0]])],
)
def test_the_label_is_positive_from_the_threshold_on(
    threshold: float, confusion_matrix: list[list[int]]
) -> None:
    target = BINARY.model_copy(update={"threshold": threshold})
    found = evaluate(target, TRUTH, np.column_stack([1 - YES, YES]))
    assert found.confusion_matrix == confusion_matrix
    unmoved = {"roc_auc", "average_precision", "log_loss", "brier"}
    assert {name: found.metrics[name] for name in unmoved} == pytest.approx(
        {name: BINARY_METRICS[name] for name in unmoved}
    )


def test_the_precision_of_a_label_that_is_never_predicted_is_zero() -> None:
    target = BINARY.model_copy(update={"threshold": 0.85})
    found = evaluate(target, TRUTH, np.column_stack([1 - YES, YES])).metrics
    assert (found["precision"], found["recall"], found["f1"]) == (0, 0, 0)


def test_more_labels_are_averaged() -> None:
    target = Target(name="paid", labels=("none", "some", "all"))
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    assert evaluate(target, np.array([0, 1, 2, 2]), probabilities).document() == {
        "rows": 4,
        "labels": ("none", "some", "all"),
        "metrics": pytest.approx(
            {
                "accuracy": 3 / 4,
                "precision": (1 / 2 + 1 + 1) / 3,
                "recall": (1 + 1 + 1 / 2) / 3,
                "f1": (2 / 3 + 1 + 2 / 3) / 3,
                "roc_auc": (1 + 1 + 3 / 4) / 3,
                "average_precision": (1 + 1 + 5 / 6) / 3,
                "log_loss": -sum(map(log, [0.6, 0.5, 0.7, 0.2])) / 4,
                "brier": (0.26 + 0.38 + 0.14 + 0.98) / 4,
            }
        ),
        "confusion_matrix": [[1, 0, 0], [0, 1, 0], [1, 0, 1]],
    }


def test_the_document_is_plain_json() -> None:
    document = evaluate(BINARY, TRUTH, np.column_stack([1 - YES, YES])).document()
    assert json.loads(export.to_json(document)) == document | {"labels": ["no", "yes"]}
