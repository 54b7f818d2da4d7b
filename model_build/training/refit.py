"""The refit: the model that passed its test, fitted again on all rows."""

from app.core.contract import Positions
from app.core.values import Matrix
from model_build.artifacts import TrainingReport
from model_build.data.carried import Numbers
from model_build.errors import BuildError
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job, baked_libraries, code_checksum
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier, fit


def refit_model(
    job: Job,
    evaluated: Classifier | Calibrated,
    report: TrainingReport,
    matrix: Matrix,
    labels: Positions,
    weights: Numbers | None = None,
) -> Classifier | Calibrated:
    """Fit the estimator again, to all encoded rows [N, features], their label positions and weights.

    Parameters, selected features and calibrator stay those of the evaluated model. A calibrator that is
    fitted to rows from which the classifier has learnt would be too confident.

    Raises:
        BuildError: other code or libraries trained the evaluated model, so its metrics would say nothing
            about this one.
    """
    if (report.code_sha256, report.libraries) != (code_checksum(), baked_libraries(job.spec.estimator.name)):
        raise BuildError(
            f"The model in {job.directory} was trained with other code or libraries; "
            f"run `{job.command('train')}` again, and the stages after it."
        )
    spec = _with_features(job.spec, report.features)
    classifier = fit(spec, report.parameters, matrix, labels, weights)
    return Calibrated(classifier, evaluated.calibrator) if isinstance(evaluated, Calibrated) else classifier


def _with_features(spec: ModelSpec, names: tuple[str, ...]) -> ModelSpec:
    """Return a spec whose model reads exactly these features; a selection on more rows could differ."""
    unread = tuple(feature.name for feature in spec.columns if feature.name not in names)
    training = spec.training.model_copy(update={"drop": unread, "select": None})
    return spec.model_copy(update={"training": training})
