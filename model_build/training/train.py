"""How the model comes to be: parameters, cross-validation, calibration, threshold, and the fit at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from app.core.contract import Positions, Probabilities, Target
from app.core.features import Matrix
from model_build.artifacts import FoldScores, SearchReport, TrainingReport
from model_build.evaluation.evaluate import point_metrics
from model_build.git import git_commit
from model_build.spec.sections import METRICS
from model_build.stage import LIBRARIES, TRAINING_CODE, Job
from model_build.training import calibration, threshold
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier, check_training_features, fit
from model_build.training.cross_validation import TrainingRows, make_folds, out_of_fold, summarize_folds
from model_build.training.estimators import model_size
from model_build.training.search import format_parameters, run_search


@dataclass(frozen=True)
class Trained:
    """A fitted classifier of the encoded matrix, and how it came to be."""

    model: Classifier | Calibrated
    probabilities: Probabilities
    """Of the same rows, from the folds in which they validate: of what it has learnt, a model is too sure."""
    report: TrainingReport


def train_model(job: Job, matrix: Matrix, labels: Positions) -> Trained:
    """Fit the spec's estimator to the encoded rows [N, features] and their label positions [N].

    Raises:
        DataError: a label has no row, or only one, or a feature that is read has no value.
        SpecError: scikit-learn refuses the value of a parameter, or a search is asked for but not declared.
    """
    spec = job.spec
    check_training_features(spec, matrix, labels)
    rows = TrainingRows(matrix, labels, make_folds(spec.target, labels, spec.training.folds, spec.split.seed))
    search = run_search(job, rows) if job.search else None
    parameters = search.chosen.parameters if search else spec.estimator.parameters
    raw = out_of_fold(spec, parameters, rows)
    calibrated = calibration.choose_calibration(
        spec.training.calibration, spec.target, labels, raw, rows.folds
    )
    cut = threshold.choose_threshold(
        spec.target, spec.training.threshold, labels, calibrated.probabilities, rows.folds
    )
    target = spec.target.model_copy(update={"threshold": cut.value}) if cut else spec.target
    classifier = fit(spec, parameters, matrix, labels)
    report = TrainingReport(
        training_checksum=spec.training_checksum,
        rows=len(matrix),
        estimator=spec.estimator.name,
        parameters=parameters,
        features=tuple(spec.features[column].name for column in classifier.columns_),
        folds=len(rows.folds),
        cross_validation=_cross_validation(target, rows, calibrated.probabilities),
        search=search,
        calibration=calibrated.report,
        threshold=cut,
        libraries={name: version(name) for name in LIBRARIES},
        git_commit=git_commit(TRAINING_CODE),
        trained_at=datetime.now(UTC).replace(microsecond=0),
        size=model_size(classifier.pipeline_[-1]),
    )
    calibrator = calibrated.calibrator
    model = Calibrated(classifier, calibrator) if calibrator else classifier
    return Trained(model, calibrated.probabilities, report)


def notes(report: TrainingReport) -> Iterator[str]:
    """Yield what a person at the terminal should know of it, a line each."""
    shown = ", ".join(
        f"{name.replace('_', ' ')} {report.cross_validation[name].mean:.4f} "
        f"± {report.cross_validation[name].deviation:.4f}"
        for name in ("roc_auc", "log_loss", "accuracy")
    )
    yield f"{report.estimator} of size {report.size:,}; {report.folds} folds: {shown}"
    yield f"calibration {report.calibration.method}: {report.calibration.reason}"
    if report.threshold:
        yield f"threshold {report.threshold.value:g}: {report.threshold.reason}"
    if report.search:
        yield from _search_notes(report.search)


def _search_notes(search: SearchReport) -> Iterator[str]:
    yield (
        f"search: {search.trials} trials, {search.pruned} pruned, {search.resumed} from before, "
        f"{search.seconds:.0f} s"
    )
    for name, each in (("best", search.best), ("chosen", search.chosen)):
        error = f"standard error {each.standard_error:.5f}"
        yield f"{name}: {search.metric} {each.score:.5f} ({error}), size {each.size:,}"
    yield f"chosen is {search.reason}"
    for against in search.against_default:
        found = against.difference
        yield f"{against.metric} - the defaults': {found.value:+.5f} ({found.low:+.5f} to {found.high:+.5f})"
    yield f"to keep it, put in the spec: {format_parameters(search.chosen.parameters)}"


def _cross_validation(
    target: Target, rows: TrainingRows, probabilities: Probabilities
) -> dict[str, FoldScores]:
    by_fold = [
        point_metrics(target, rows.labels[fold.validate], probabilities[fold.validate]) for fold in rows.folds
    ]
    return {name: summarize_folds([of_fold[name] for of_fold in by_fold]) for name in METRICS}
