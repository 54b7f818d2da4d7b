from math import log
from pathlib import Path

import numpy as np
import pytest

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Evaluation, Interval
from model_build.errors import DataError
from model_build.evaluation.evaluate import evaluate_model, point_metrics
from model_build.evaluation.intervals import exact_interval
from model_build.spec.sections import METRICS, EvaluationSection

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.6)
MORE = Target(name="paid", labels=("none", "some", "all"))
SECTION = EvaluationSection(resamples=200)
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 1])
YES = np.array([0.1, 0.5, 0.8, 0.3, 0.7, 0.6, 0.4, 0.2])
BINARY_METRICS = {
    "accuracy": 5 / 8,
    "balanced_accuracy": 5 / 8,
    "precision": 2 / 3,
    "recall": 2 / 4,
    "f1": 4 / 7,
    "roc_auc": 9 / 16,
    "average_precision": (1 / 2 + 2 / 3 + 3 / 5 + 4 / 7) / 4,
    "log_loss": -sum(map(log, [0.9, 0.5, 0.2, 0.7, 0.7, 0.6, 0.4, 0.2])) / 8,
    "brier": 0.28,
    "calibration_error": (0.1 + 0.5 + 0.8 + 0.3 + 0.3 + 0.4 + 0.6 + 0.8) / 8,
}


def score(
    truth: Positions,
    probabilities: Probabilities,
    target: Target = BINARY,
    section: EvaluationSection = SECTION,
) -> Evaluation:
    return evaluate_model(target, section, truth, probabilities, seed=1)


def two(yes: Probabilities) -> Probabilities:
    return np.column_stack([1 - yes, yes])


def census(rows: int, seed: int = 0) -> tuple[Positions, Probabilities]:
    """Return labels, a quarter of them positive, and probabilities that are calibrated."""
    rng = np.random.default_rng(seed)
    yes = rng.beta(0.5, 1.5, rows)
    return (rng.random(rows) < yes).astype(np.intp), two(yes)


def test_metrics_of_two_labels_are_about_the_positive_one() -> None:
    evaluation = score(TRUTH, two(YES))
    assert (evaluation.rows, evaluation.labels, evaluation.confidence, evaluation.resamples) == (
        8,
        ("no", "yes"),
        0.95,
        200,
    )
    assert evaluation.metrics == pytest.approx(BINARY_METRICS)
    assert evaluation.confusion_matrix == ((3, 1), (2, 2))
    assert tuple(evaluation.metrics) == tuple(evaluation.intervals) == METRICS


def test_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.6)
    evaluation = score(1 - TRUTH, np.column_stack([YES, 1 - YES]), target)
    assert evaluation.metrics == pytest.approx(BINARY_METRICS)
    assert evaluation.confusion_matrix == ((2, 2), (1, 3))


@pytest.mark.parametrize(
    ("threshold", "confusion_matrix"),
    [(0.15, ((1, 3), (0, 4))), (0.6, ((3, 1), (2, 2))), (0.61, ((3, 1), (3, 1))), (0.85, ((4, 0), (4, 0)))],
)
def test_threshold_itself_is_positive(
    threshold: float, confusion_matrix: tuple[tuple[int, ...], ...]
) -> None:
    evaluation = score(TRUTH, two(YES), BINARY.model_copy(update={"threshold": threshold}))
    assert evaluation.confusion_matrix == confusion_matrix
    unchanged = {"roc_auc", "average_precision", "log_loss", "brier", "calibration_error"}
    assert {name: evaluation.metrics[name] for name in unchanged} == pytest.approx(
        {name: BINARY_METRICS[name] for name in unchanged}
    )


def test_precision_of_a_label_that_is_never_predicted_is_0() -> None:
    evaluation = score(TRUTH, two(YES), BINARY.model_copy(update={"threshold": 0.85}))
    assert [evaluation.metrics[name] for name in ("precision", "recall", "f1")] == [0, 0, 0]


def test_metrics_of_0_have_exact_intervals() -> None:
    evaluation = score(TRUTH, two(YES), BINARY.model_copy(update={"threshold": 0.85})).intervals
    assert evaluation["precision"] == Interval(value=0, low=0, high=1)  # no row is predicted positive
    assert evaluation["recall"] == evaluation["f1"] == exact_interval(0, 4, 0.95)


@pytest.mark.parametrize("target", [BINARY, MORE], ids=["two", "more"])
def test_metrics_of_1_have_exact_intervals(target: Target) -> None:
    truth = np.tile(np.arange(len(target.labels)), 4)
    evaluation = score(truth, np.eye(len(target.labels))[truth], target).intervals
    rows = 4 if target is BINARY else len(truth)
    assert evaluation["accuracy"] == exact_interval(1, len(truth), 0.95)
    assert (
        evaluation["precision"] == evaluation["recall"] == evaluation["f1"] == exact_interval(1, rows, 0.95)
    )


def test_metrics_of_three_labels_are_averaged() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    evaluation = score(np.array([0, 1, 2, 2]), probabilities, MORE)
    assert evaluation.metrics == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": (1 + 1 + 1 / 2) / 3,
            "precision": (1 / 2 + 1 + 1) / 3,
            "recall": (1 + 1 + 1 / 2) / 3,
            "f1": (2 / 3 + 1 + 2 / 3) / 3,
            "roc_auc": (1 + 1 + 3 / 4) / 3,
            "average_precision": (1 + 1 + 5 / 6) / 3,
            "log_loss": -sum(map(log, [0.6, 0.5, 0.7, 0.2])) / 4,
            "brier": (0.26 + 0.38 + 0.14 + 0.98) / 4,
            # "some" has two rows of 0.3, which share a bin
            "calibration_error": ((0.4 + 0.2 + 0.1 + 0.5) + (0.6 + 0.5 + 0.2) + (0.1 + 0.3 + 0.3 + 0.8)) / 12,
        }
    )
    assert evaluation.confusion_matrix == ((1, 0, 0), (0, 1, 0), (1, 0, 1))


def test_calibration_error_is_the_mean_distance_over_ten_bins_of_equally_many_rows() -> None:
    truth, probabilities = census(2000)
    yes = probabilities[:, 1]
    bins = np.array_split(np.argsort(yes), 10)
    distances = [abs(yes[rows].mean() - truth[rows].mean()) for rows in bins]
    assert point_metrics(BINARY, truth, probabilities)["calibration_error"] == pytest.approx(
        np.mean(distances)
    )


@pytest.mark.parametrize("seed", range(3))
def test_intervals_contain_the_metric_and_narrow_with_more_rows(seed: int) -> None:
    few, many = (score(*census(rows, seed)).intervals for rows in (200, 5000))
    for name in METRICS:
        assert few[name].low <= few[name].value <= few[name].high
        assert 0 < many[name].high - many[name].low < few[name].high - few[name].low


def test_more_confidence_widens_the_intervals() -> None:
    truth, probabilities = census(300)
    wide = score(truth, probabilities, section=EvaluationSection(resamples=200, confidence=0.99))
    narrow = score(truth, probabilities, section=EvaluationSection(resamples=200, confidence=0.6))
    for name in METRICS[:-1]:  # the interval of the calibration error may end at 0 or at the value
        outer, inner = wide.intervals[name], narrow.intervals[name]
        assert outer.low < inner.low < inner.high < outer.high


def test_same_seed_gives_the_same_evaluation() -> None:
    truth, probabilities = census(500)
    assert score(truth, probabilities) == score(truth, probabilities)
    assert evaluate_model(BINARY, SECTION, truth, probabilities, seed=2) != score(truth, probabilities)


def test_label_without_rows_is_a_data_error() -> None:
    with pytest.raises(DataError, match=r"^No row to score has paid none, all\.$"):
        score(np.ones(4, dtype=np.intp), np.full((4, 3), 1 / 3), MORE)


def test_evaluation_is_read_as_it_was_written(tmp_path: Path) -> None:
    evaluation = score(TRUTH, two(YES))
    path = tmp_path / "metrics.json"
    evaluation.write(path)
    assert Evaluation.read(path) == evaluation
