"""Cheap models on the same rows: a model that is no better than they are is not worth its parameters."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning

from app.core.contract import Positions
from app.core.values import Matrix
from model_build.artifacts import Baseline, Baselines
from model_build.data.carried import Numbers
from model_build.evaluation.comparison import compute_improvements
from model_build.evaluation.evaluate import point_metrics
from model_build.evaluation.metrics import ScoredRows
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import RARE
from model_build.spec.training import Training
from model_build.threads import map_in_threads
from model_build.training.classifier import Classifier
from model_build.training.estimators import has_converged

UNTOUCHED = "untouched boosting"
MAJORITY = "majority"
LOGISTIC = "logistic regression"
METRICS = ("roc_auc", "log_loss", "accuracy")
METRICS_OF_RARE = ("average_precision", *METRICS)
ITERATIONS = 1000  # of the logistic regression, at most
LIKELIEST = 0.5
"""The threshold with which the likelier of two labels is predicted."""


def untouched_boosting(spec: ModelSpec) -> Classifier:
    """Return scikit-learn's boosting, unfitted, with its own parameters and the features of the model."""
    return _plain(spec, "hist_gradient_boosting", {})


def fit_baselines(
    spec: ModelSpec, matrix: Matrix, labels: Positions, weights: Numbers | None = None
) -> Mapping[str, ClassifierMixin]:
    """Fit the baselines to the encoded rows [N, columns] and their label positions [N].

    They read what the model may read, and rows count as for the model. They have nothing else of the spec: no
    parameters, weights of labels, resampling, clipping, selection of features or calibration.
    """
    baselines = {
        UNTOUCHED: untouched_boosting(spec),
        LOGISTIC: _plain(spec, "logistic_regression", {"max_iter": ITERATIONS}),
        MAJORITY: DummyClassifier(strategy="prior"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # Baseline.converged says it
        fitted = map_in_threads(lambda baseline: baseline.fit(matrix, labels, weights), baselines.values())
        return dict(zip(baselines, fitted, strict=True))


def _plain(spec: ModelSpec, estimator: str, parameters: Mapping[str, Any]) -> Classifier:
    """Return an unfitted model that has only the features that it may read from the spec."""
    return Classifier(estimator, parameters, spec.columns, Training(drop=spec.training.drop), spec.split.seed)


def compare_with_baselines(
    spec: ModelSpec,
    scored: ScoredRows,
    test_matrix: Matrix,
    matrix: Matrix,
    labels: Positions,
    weights: Numbers | None = None,
) -> Baselines:
    """Fit the baselines to the training rows `matrix`, and compare them with the model on the test rows.

    `scored` has the model's predictions for the rows of `test_matrix`. Baselines predict the likeliest label.
    """
    target = spec.target.model_copy(update={"threshold": LIKELIEST})
    fitted = fit_baselines(spec, matrix, labels, weights)
    others = [
        ScoredRows(target, scored.truth, model.predict_proba(test_matrix), scored.weights)
        for model in fitted.values()
    ]
    is_rare = spec.target.is_binary and (labels == spec.target.positive_index).mean() < RARE
    metrics = METRICS_OF_RARE if is_rare else METRICS
    improvements = compute_improvements([scored, *others], metrics, spec.evaluation, spec.split.seed)
    return Baselines(
        metrics=_point_metrics(scored, metrics),
        judged_by="average_precision" if is_rare else "roc_auc",
        baselines=tuple(
            Baseline(
                name=name,
                metrics=_point_metrics(other, metrics),
                improvements=over,
                converged=name == MAJORITY or has_converged(model.pipeline_[-1]),
            )
            for (name, model), other, over in zip(fitted.items(), others, improvements, strict=True)
        ),
    )


def _point_metrics(scored: ScoredRows, metrics: Sequence[str]) -> dict[str, float]:
    values = point_metrics(scored.target, scored.truth, scored.probabilities, scored.weights)
    return {metric: values[metric] for metric in metrics}
