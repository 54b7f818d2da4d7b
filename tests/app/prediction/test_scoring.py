from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from app.core.contract import Positions, Probabilities, Target
from app.prediction.scoring import compute_metrics

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.6)
FLIPPED = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.6)
GRADES = Target(name="grade", labels=("A", "B", "C"))


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
def test_figures_of_two_labels_are_those_of_scikit_learn(target: Target, seed: int, digits: int) -> None:
    truth, probabilities = drawn(2, seed, digits)
    positive = target.labels.index("yes")
    yes, is_yes = probabilities[:, positive], truth == positive
    predicted = np.where(yes >= np.float32(0.6), positive, 1 - positive)
    assert compute_metrics(target, truth, probabilities) == {
        "rows": 500,
        "labels": list(target.labels),
        "confusion_matrix": metrics.confusion_matrix(truth, predicted).tolist(),
        "accuracy": close(metrics.accuracy_score(truth, predicted)),
        "log_loss": close(metrics.log_loss(truth, probabilities)),
        "precision": close(metrics.precision_score(truth, predicted, pos_label=positive)),
        "recall": close(metrics.recall_score(truth, predicted, pos_label=positive)),
        "f1": close(metrics.f1_score(truth, predicted, pos_label=positive)),
        "roc_auc": close(metrics.roc_auc_score(is_yes, yes)),
        "brier": close(metrics.brier_score_loss(is_yes, yes)),
    }


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_more_labels_are_those_about_no_single_one(seed: int) -> None:
    truth, probabilities = drawn(3, seed)
    predicted = probabilities.argmax(axis=1)
    assert compute_metrics(GRADES, truth, probabilities) == {
        "rows": 500,
        "labels": ["A", "B", "C"],
        "confusion_matrix": metrics.confusion_matrix(truth, predicted).tolist(),
        "accuracy": close(metrics.accuracy_score(truth, predicted)),
        "log_loss": close(metrics.log_loss(truth, probabilities)),
    }


def test_row_of_the_confusion_matrix_is_a_true_label() -> None:
    truth = np.array([0, 0, 0, 1])
    yes = np.array([0.9, 0.9, 0.1, 0.2], dtype=np.float32)
    figures = compute_metrics(BINARY, truth, np.stack([1 - yes, yes], axis=1))
    assert figures["confusion_matrix"] == [[1, 2], [1, 0]]


def test_figure_that_the_rows_do_not_define_is_none() -> None:
    truth = np.array([0, 0, 0, 0])
    yes = np.array([0.25, 0.25, 0.5, 0], dtype=np.float32)
    assert compute_metrics(BINARY, truth, np.stack([1 - yes, yes], axis=1)) == {
        "rows": 4,
        "labels": ["no", "yes"],
        "confusion_matrix": [[4, 0], [0, 0]],
        "accuracy": 1,
        "log_loss": close(-np.log([0.75, 0.75, 0.5, 1]).mean()),
        "precision": None,
        "recall": None,
        "f1": None,
        "roc_auc": None,
        "brier": close(0.09375),
    }


@pytest.mark.parametrize(
    ("truth", "shares", "precision", "recall", "f1", "roc_auc"),
    [
        ([0, 1], [0.1, 0.2], None, 0, 0, 1),
        ([0, 0], [0.1, 0.9], 0, None, 0, None),
        ([1, 1], [0.9, 0.8], 1, 1, 1, None),
        ([0, 1], [0.7, 0.7], 0.5, 1, 2 / 3, 0.5),
        ([0, 1], [0.8, 0.7], 0.5, 1, 2 / 3, 0),
    ],
    ids=["none found", "none there", "no negative", "one tie", "wrong way round"],
)
def test_figures_of_few_rows(
    truth: list[int],
    shares: list[float],
    precision: float | None,
    recall: float | None,
    f1: float,
    roc_auc: float | None,
) -> None:
    yes = np.array(shares, dtype=np.float32)
    figures = compute_metrics(BINARY, np.array(truth), np.stack([1 - yes, yes], axis=1))
    found = {name: figures[name] for name in ("precision", "recall", "f1", "roc_auc")}
    assert found == {"precision": precision, "recall": recall, "f1": f1, "roc_auc": roc_auc}


def test_certain_mistake_has_a_finite_log_loss() -> None:
    figures = compute_metrics(BINARY, np.array([0, 1]), np.array([[0, 1], [1, 0]], dtype=np.float32))
    assert figures["log_loss"] == close(-np.log(np.finfo(np.float32).eps))
    assert figures["brier"] == 1
