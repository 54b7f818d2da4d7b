"""Training: parameters, cross-validation, calibration, threshold, and the final fit."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from app.core.contract import Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import FoldScores, SearchReport, SelectionReport, Threshold, TrainingReport
from model_build.data.carried import NOTHING, Carried, Numbers
from model_build.evaluation.evaluate import point_metrics
from model_build.git import git_commit
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS
from model_build.spec.training import CATEGORY_ORDER, SELECT, format_parameters
from model_build.stage import TRAINING_CODE, Job, baked_libraries, code_checksum
from model_build.threads import in_thread
from model_build.training.calibration import Calibrated, CalibrationChoice, calibrated, choose_calibration
from model_build.training.classifier import Classifier, check_training_rows, choose_rows, fit
from model_build.training.column_count import choose_count
from model_build.training.cross_validation import (
    Fold,
    Scores,
    TrainingRows,
    make_folds,
    out_of_fold,
    summarize_folds,
)
from model_build.training.estimators import count_clipped, has_converged, model_size
from model_build.training.sample_weights import summarize_weights
from model_build.training.threshold import choose_threshold

SearchFor = Callable[[TrainingRows], SearchReport]
"""Finds the parameters on the folds of these rows."""


@dataclass(frozen=True)
class Trained:
    """A fitted classifier of the encoded matrix, and the report of its training."""

    model: Classifier | Calibrated
    probabilities: Probabilities
    """Of the training rows that validate [N, labels], each predicted in the fold in which it does.

    Probabilities from a model that trained on the same rows would be too confident.
    """
    report: TrainingReport


def train_model(
    spec: ModelSpec,
    matrix: Matrix,
    labels: Positions,
    search_for: SearchFor | None = None,
    carried: Carried = NOTHING,
) -> Trained:
    """Fit the spec's estimator to the encoded rows [N, columns] and their label positions [N].

    Without `search_for`, the parameters are those of the spec.

    Raises:
        DataError: a label has no row or only one, or a feature that is not dropped has no value.
        SpecError: scikit-learn refuses the value of a parameter, or a search is asked for but not declared.
    """
    check_training_rows(spec, matrix, labels)
    rows = _make_rows(spec, matrix, labels, carried)
    parameters, search, selection = _choose_parameters(spec, rows, search_for)
    with _without_convergence_warnings(), in_thread(partial(_fit_rows, spec, parameters, rows)) as final:
        scores = out_of_fold(spec, parameters, rows)
        calibration, threshold, metrics = _judge_folds(spec, rows, scores)
    classifier = final.result()
    report = TrainingReport(
        training_checksum=spec.training_checksum,
        code_sha256=code_checksum(),
        rows=len(matrix),
        estimator=spec.estimator.name,
        parameters=parameters,
        features=tuple(classifier.features[column].name for column in classifier.columns_),
        **_describe_rows(spec, rows),
        folds=len(rows.folds),
        cross_validation=metrics,
        search=search,
        calibration=calibration.report,
        threshold=threshold,
        libraries=baked_libraries(spec.estimator.name),
        git_commit=git_commit(TRAINING_CODE),
        trained_at=datetime.now(UTC).replace(microsecond=0),
        size=model_size(classifier.pipeline_[-1]),
        selection=selection,
        estimator_sha256=spec.estimator.code_sha256,
        not_converged=scores.not_converged + (not has_converged(classifier.pipeline_[-1])),
    )
    return Trained(calibrated(classifier, calibration.calibrator), calibration.probabilities, report)


def _make_rows(spec: ModelSpec, matrix: Matrix, labels: Positions, carried: Carried) -> TrainingRows:
    folds = make_folds(spec.target, labels, spec.training.folds, spec.split.seed, carried)
    return TrainingRows(matrix, labels, folds, carried)


def _fit_rows(spec: ModelSpec, parameters: dict[str, Any], rows: TrainingRows) -> Classifier:
    return fit(spec, parameters, rows.matrix, rows.labels, rows.carried.weights)


def _judge_folds(
    spec: ModelSpec, rows: TrainingRows, scores: Scores
) -> tuple[CalibrationChoice, Threshold | None, dict[str, FoldScores]]:
    """Choose calibration and threshold by the rows that validate, and measure both."""
    target, labels, folds = spec.target, rows.labels[rows.validated], rows.judged
    weights = rows.carried.take(rows.validated).weights
    calibration = choose_calibration(spec.training.calibration, target, labels, scores, folds, weights)
    probabilities = calibration.probabilities
    threshold = choose_threshold(
        target, spec.training.threshold, labels, probabilities, folds, spec.split.seed
    )
    return calibration, threshold, _cross_validate(target, threshold, labels, probabilities, folds, weights)


def _describe_rows(spec: ModelSpec, rows: TrainingRows) -> dict[str, Any]:
    """Return what training changes in the rows: how many there are, and how many values are clipped."""
    chosen = choose_rows(spec, rows.labels)
    return {
        "resampled_rows": len(chosen) if spec.training.resample else None,
        "weights": summarize_weights(spec.weight, rows.carried.weights),
        "clipped": count_clipped(spec.columns, spec.training.clip, rows.matrix[chosen]),
    }


def _choose_parameters(
    spec: ModelSpec, rows: TrainingRows, search_for: SearchFor | None
) -> tuple[dict[str, Any], SearchReport | None, SelectionReport | None]:
    """Return the parameters of the search or of the spec, with the number of columns if that is open."""
    search = search_for(rows) if search_for else None
    parameters = search.chosen.parameters if search else spec.hyperparameters
    selection = choose_count(spec, parameters, rows)
    return parameters | ({SELECT: selection.count} if selection else {}), search, selection


@contextmanager
def _without_convergence_warnings() -> Iterator[None]:
    """Let no fit of the block warn: the report counts the fits that have not converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def search(job: Job, rows: TrainingRows) -> SearchReport:
    """Search as `run_search` does, which imports Optuna: that is slow, and most runs do not search."""
    from model_build.training.search import run_search  # noqa: PLC0415 - see above

    return run_search(job, rows)


def notes(report: TrainingReport) -> Iterator[str]:
    """Yield the lines that a person at the terminal should read."""
    metrics = ", ".join(
        f"{name.replace('_', ' ')} {report.cross_validation[name].mean:.4f} "
        f"± {report.cross_validation[name].deviation:.4f}"
        for name in ("roc_auc", "log_loss", "accuracy")
    )
    yield f"{report.estimator} of size {report.size:,}; {report.folds} folds: {metrics}"
    if chosen := report.selection:
        yield f"{chosen.count} columns by {chosen.by.replace('_', ' ')}: {chosen.reason}"
    if report.resampled_rows is not None:
        yield f"training.resample: {report.rows:,} rows became {report.resampled_rows:,}"
    if report.clipped:
        counts = ", ".join(f"{name} {count:,}" for name, count in report.clipped.items())
        yield f"training.clip: values moved to a quantile: {counts}"
    yield f"calibration {report.calibration.method}: {report.calibration.reason}"
    if report.threshold:
        yield f"threshold {report.threshold.value:g}: {report.threshold.reason}"
        if interval := report.threshold.interval:
            yield f"on other rows, the threshold would be from {interval.low:g} to {interval.high:g}"
    if report.not_converged:
        yield (
            f"warning: {report.not_converged} of {report.folds + 1} fits were stopped before they had "
            "converged; raise `max_iter` of the estimator"
        )
    if report.search:
        yield from _search_notes(report.search)


def _search_notes(search: SearchReport) -> Iterator[str]:
    yield (
        f"search: {search.trials} trials in {search.seconds:.0f} s, {search.pruned} pruned, "
        f"{search.resumed} from an earlier run"
    )
    for name, candidate in (("best", search.best), ("chosen", search.chosen)):
        score = f"{candidate.score:.5f} (standard error {candidate.standard_error:.5f})"
        yield f"{name}: {search.metric} {score}, size {candidate.size:,}"
    yield f"reason: {search.reason}"
    for comparison in search.against_default:
        gain = comparison.difference
        interval = f"({gain.low:+.5f} to {gain.high:+.5f})"
        yield f"{comparison.metric} against the defaults: {gain.value:+.5f} {interval}"
    parameters = {CATEGORY_ORDER: "codes", **search.chosen.parameters}
    yield f"to keep the chosen parameters, write into the spec: {format_parameters(parameters)}"


def _cross_validate(
    target: Target,
    threshold: Threshold | None,
    labels: Positions,
    probabilities: Probabilities,
    folds: Sequence[Fold],
    weights: Numbers | None,
) -> dict[str, FoldScores]:
    """Return every metric over the folds, at the chosen threshold."""
    decided = target.model_copy(update={"threshold": threshold.value}) if threshold else target
    by_fold = [
        point_metrics(
            decided,
            labels[fold.validate],
            probabilities[fold.validate],
            None if weights is None else weights[fold.validate],
        )
        for fold in folds
    ]
    return {name: summarize_folds([metrics[name] for metrics in by_fold]) for name in METRICS}
