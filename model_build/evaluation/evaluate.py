"""The metrics of the test split, with intervals."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from sklearn import metrics

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Evaluation, LabelMetrics
from model_build.data.carried import Numbers
from model_build.errors import DataError
from model_build.evaluation.bags import BAG, LARGE, bootstrap_from_bag
from model_build.evaluation.borders import widen_at_borders
from model_build.evaluation.intervals import Estimates, Weights, bootstrap, compute_intervals
from model_build.evaluation.metrics import LABEL_METRICS, ScoredRows, label_metrics, weighted_metrics
from model_build.spec.sections import METRICS, EvaluationSection


def evaluate_model(
    target: Target,
    section: EvaluationSection,
    truth: Positions,
    probabilities: Probabilities,
    seed: int,
    weights: Numbers | None = None,
) -> Evaluation:
    """Score probabilities [N, labels] against the true label positions [N], of rows with these weights [N].

    The confusion matrix and the support of each label count rows, whatever their weights.

    With more than two labels, a metric of one label is averaged over all labels (macro).

    Raises:
        DataError: a label of the target has no row.
    """
    scored = ScoredRows(target, truth, probabilities, weights)
    values = point_metrics(target, truth, probabilities, weights)
    of_labels = label_metrics(scored, np.ones((len(truth), 1)))[..., 0]
    estimates = _bootstrap(scored, values, of_labels, section.resamples, seed)
    intervals = compute_intervals(
        METRICS, values.values(), estimates[: len(METRICS)], section.confidence, scored.support
    )
    of_label = estimates[len(METRICS) :].reshape(*of_labels.shape, -1)
    return Evaluation(
        rows=len(truth),
        labels=target.labels,
        metrics=values,
        intervals=widen_at_borders(intervals, scored, section.confidence),
        by_label=dict(zip(target.labels, _by_label(scored, of_labels, of_label, section), strict=True)),
        interval_rows=BAG if len(truth) > LARGE else None,
        confidence=section.confidence,
        resamples=section.resamples,
        confusion_matrix=metrics.confusion_matrix(
            truth, target.decide(probabilities), labels=range(len(target.labels))
        ).tolist(),
    )


def _bootstrap(
    scored: ScoredRows, values: dict[str, float], of_labels: Estimates, resamples: int, seed: int
) -> Estimates:
    """Return METRICS, and then LABEL_METRICS label by label, of every resample."""
    if len(scored.truth) <= LARGE:
        return bootstrap(partial(_measure, scored), len(scored.truth), resamples, seed)
    metrics = values | {str(position): value for position, value in enumerate(of_labels.ravel().tolist())}
    return bootstrap_from_bag(_measure, scored, metrics, resamples, seed, BAG)


def _measure(scored: ScoredRows, weights: Weights) -> Estimates:
    of_labels = label_metrics(scored, weights)
    return np.concatenate(
        [weighted_metrics(scored, weights, METRICS), of_labels.reshape(-1, weights.shape[1])]
    )


def _by_label(
    scored: ScoredRows, values: Estimates, estimates: Estimates, section: EvaluationSection
) -> Iterator[LabelMetrics]:
    """Yield the metrics of each label, from values [labels, metrics] and estimates [..., resamples]."""
    actual, predicted = (mask.sum(axis=0).tolist() for mask in (scored.is_label, scored.is_predicted))
    for support, count, of_label, resampled in zip(actual, predicted, values, estimates, strict=True):
        rows = {"precision": count, "recall": support, "f1": support}
        intervals = compute_intervals(LABEL_METRICS, of_label, resampled, section.confidence, rows)
        yield LabelMetrics(
            support=support,
            predicted=count,
            precision=intervals.get("precision"),
            recall=intervals["recall"],
            f1=intervals["f1"],
        )


def point_metrics(
    target: Target, truth: Positions, probabilities: Probabilities, weights: Numbers | None = None
) -> dict[str, float]:
    """Return every metric of METRICS.

    Raises:
        DataError: a label of the target has no row.
    """
    absent = set(range(len(target.labels))) - set(truth.tolist())
    if absent:
        names = ", ".join(target.labels[position] for position in sorted(absent))
        raise DataError(f"No row to score has {target.name} {names}.")
    values = (
        _label_metrics(target, truth, target.decide(probabilities), weights)
        | _score_metrics(target, truth, probabilities, weights)
        | {
            "log_loss": metrics.log_loss(
                truth, probabilities, labels=range(len(target.labels)), sample_weight=weights
            ),
            "calibration_error": calibration_error(target, truth, probabilities, weights),
        }
    )
    return {name: float(values[name]) for name in METRICS}


def calibration_error(
    target: Target, truth: Positions, probabilities: Probabilities, weights: Numbers | None = None
) -> float:
    """Return the expected calibration error over equal-count bins; with more than two labels, the mean."""
    ones = np.ones((len(truth), 1))
    scored = ScoredRows(target, truth, probabilities, weights)
    return float(weighted_metrics(scored, ones, ["calibration_error"]).item())


def _label_metrics(
    target: Target, truth: Positions, predicted: Positions, weights: Numbers | None
) -> dict[str, float]:
    binary = target.is_binary
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth,
        predicted,
        labels=range(len(target.labels)),
        pos_label=target.positive_index if binary else 1,
        average="binary" if binary else "macro",
        zero_division=0.0,
        sample_weight=weights,
    )
    return {
        "accuracy": metrics.accuracy_score(truth, predicted, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted, sample_weight=weights),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def _score_metrics(
    target: Target, truth: Positions, probabilities: Probabilities, weights: Numbers | None
) -> dict[str, float]:
    if target.is_binary:
        positive = target.positive_index
        is_positive, score = truth == positive, probabilities[:, positive]
        return {
            "roc_auc": metrics.roc_auc_score(is_positive, score, sample_weight=weights),
            "average_precision": metrics.average_precision_score(is_positive, score, sample_weight=weights),
            "brier": metrics.brier_score_loss(is_positive, score, sample_weight=weights),
        }
    labels = np.arange(len(target.labels))
    is_label = truth[:, None] == labels
    return {
        "roc_auc": metrics.roc_auc_score(
            truth, probabilities, multi_class="ovr", labels=labels, sample_weight=weights
        ),
        "average_precision": metrics.average_precision_score(is_label, probabilities, sample_weight=weights),
        "brier": metrics.brier_score_loss(truth, probabilities, labels=labels, sample_weight=weights),
    }
