import numpy as np
import pytest
from sklearn import metrics

from app.core.contract import Positions, Probabilities, Target
from model_build.evaluation.evaluate import point_metrics
from model_build.evaluation.intervals import Weights
from model_build.evaluation.metrics import ScoredRows, equal_count_bins, weighted_metrics
from model_build.spec.sections import METRICS

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.3)
FIRST = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.3)
MORE = Target(name="paid", labels=("none", "some", "all"))


def rows(target: Target, digits: int, seed: int = 0, count: int = 300) -> tuple[Positions, Probabilities]:
    """Return labels and probabilities that depend on them; few digits make ties."""
    rng = np.random.default_rng(seed)
    labels = len(target.labels)
    probabilities = rng.dirichlet(np.ones(labels), count).round(digits)
    probabilities[:, -1] = (1 - probabilities[:, :-1].sum(axis=1)).clip(0)
    truth = np.where(rng.random(count) < 0.5, probabilities.argmax(axis=1), rng.integers(labels, size=count))
    return truth.astype(np.intp), probabilities


def weights_of(count: int, seed: int = 0) -> Weights:
    return np.random.default_rng(seed).poisson(1.0, (count, 3)).astype(float)


def scikit_learn_metrics(
    target: Target, truth: Positions, probabilities: Probabilities, weight: Weights
) -> dict[str, float]:
    """Return every metric but the calibration error, which scikit-learn lacks."""
    predicted = target.decide(probabilities)
    labels = range(len(target.labels))
    binary = target.is_binary
    positive = target.positive_index if binary else 1
    options = {"average": "binary" if binary else "macro", "pos_label": positive, "labels": labels}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, sample_weight=weight, zero_division=0.0, **options
    )
    scored_labels = [positive] if binary else labels
    of_label = [(truth == label, probabilities[:, label]) for label in scored_labels]
    return {
        "accuracy": metrics.accuracy_score(truth, predicted, sample_weight=weight),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted, sample_weight=weight),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": np.mean([metrics.roc_auc_score(*scores, sample_weight=weight) for scores in of_label]),
        "average_precision": np.mean(
            [metrics.average_precision_score(*scores, sample_weight=weight) for scores in of_label]
        ),
        "log_loss": metrics.log_loss(truth, probabilities, labels=labels, sample_weight=weight),
        "brier": np.sum([metrics.brier_score_loss(*scores, sample_weight=weight) for scores in of_label]),
    }


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("target", [BINARY, FIRST, MORE], ids=["two", "first", "more"])
def test_weighted_metrics_equal_scikit_learn(target: Target, digits: int) -> None:
    truth, probabilities = rows(target, digits)
    weights = weights_of(len(truth))
    values = weighted_metrics(ScoredRows(target, truth, probabilities), weights, METRICS[:-1])
    for weight, of_weight in zip(weights.T, values.T, strict=True):
        expected = scikit_learn_metrics(target, truth, probabilities, weight)
        assert dict(zip(METRICS, of_weight, strict=False)) == pytest.approx(expected)


@pytest.mark.parametrize("target", [BINARY, FIRST, MORE], ids=["two", "first", "more"])
def test_weights_of_1_give_the_unweighted_metrics(target: Target) -> None:
    truth, probabilities = rows(target, digits=2)
    values = weighted_metrics(ScoredRows(target, truth, probabilities), np.ones((len(truth), 1)), METRICS)
    assert dict(zip(METRICS, values[:, 0], strict=True)) == pytest.approx(
        point_metrics(target, truth, probabilities)
    )


@pytest.mark.parametrize("target", [BINARY, MORE], ids=["two", "more"])
def test_weight_of_2_counts_a_row_twice(target: Target) -> None:
    truth, probabilities = rows(target, digits=1)
    weights = weights_of(len(truth))[:, :1]
    repeated = np.repeat(np.arange(len(truth)), weights[:, 0].astype(int))
    names = METRICS[:-1]  # the bins of the calibration error are those of all rows
    scored = ScoredRows(target, truth, probabilities)
    assert weighted_metrics(scored, weights, names) == pytest.approx(
        weighted_metrics(scored.take(repeated), np.ones((len(repeated), 1)), names)
    )


def test_metrics_undefined_for_the_rows_are_nan() -> None:
    scored = ScoredRows(BINARY, np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    values = weighted_metrics(scored, np.ones((2, 1)), ["accuracy", "precision", "recall", "f1", "roc_auc"])[
        :, 0
    ]
    assert values.tolist() == pytest.approx([1, np.nan, np.nan, np.nan, np.nan], nan_ok=True)


def test_metrics_undefined_for_the_weights_are_nan() -> None:
    scored = ScoredRows(BINARY, np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    values = weighted_metrics(
        scored, np.array([[1.0, 0.0], [0.0, 0.0]]), ["accuracy", "recall", "roc_auc", "brier"]
    )
    assert values[:, 0].tolist() == pytest.approx([1, np.nan, np.nan, 0.01], nan_ok=True)
    assert np.isnan(values[:, 1]).all()


def test_absent_and_unpredicted_label_does_not_lower_a_mean() -> None:
    scored = ScoredRows(MORE, np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]))
    values = weighted_metrics(scored, np.ones((2, 1)), ["precision", "recall", "f1", "roc_auc"])[:, 0]
    assert values.tolist() == pytest.approx([1, 1, 1, np.nan], nan_ok=True)


def test_label_absent_and_unpredicted_in_a_resample_does_not_lower_a_mean() -> None:
    scored = ScoredRows(MORE, np.array([0, 1, 2]), np.eye(3))
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    values = weighted_metrics(scored, weights, ["precision", "recall", "f1"])
    assert values.tolist() == pytest.approx(np.array([[1, 1, np.nan]] * 3), nan_ok=True)


def test_log_loss_of_a_probability_of_0_is_finite() -> None:
    scored = ScoredRows(BINARY, np.array([1]), np.array([[1.0, 0.0]], dtype=np.float32))
    values = weighted_metrics(scored, np.ones((1, 1)), ["log_loss"]).item()
    assert values == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_bins_have_equally_many_rows_unless_scores_are_equal() -> None:
    assert np.bincount(equal_count_bins(np.random.default_rng(0).random(1000))).tolist() == [100] * 10
    assert equal_count_bins(np.array([0.2, 0.7, 0.2, 0.7, 0.2])).tolist() == [0, 1, 0, 1, 0]
    assert equal_count_bins(np.array([0.5])).tolist() == [0]
