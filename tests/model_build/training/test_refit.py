from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.contract import Positions
from app.core.values import Matrix
from model_build.artifacts import TrainingReport
from model_build.console import Progress
from model_build.errors import BuildError
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.stage import Job
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier, fit
from model_build.training.refit import refit_model
from model_build.training.train import Trained, train_model

TREE = Estimator(name="decision_tree", parameters={"max_depth": 3})


def rows(informative: int, count: int) -> tuple[Matrix, Positions]:
    """Return rows in which one column tells the label."""
    rng = np.random.default_rng(informative)
    labels = rng.integers(0, 2, count)
    matrix = rng.integers(0, 2, (count, 4)).astype(np.float32)
    matrix[:, informative] = labels + rng.normal(0, 0.5, count)
    return matrix, labels


FEW, OTHERS = rows(informative=1, count=100), rows(informative=0, count=900)
ALL = np.concatenate([FEW[0], OTHERS[0]]), np.concatenate([FEW[1], OTHERS[1]])


@pytest.fixture
def job(tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress) -> Job:
    training = Training(select=1, calibration="sigmoid", resample="under")
    spec = tiny_spec.model_copy(update={"estimator": TREE, "training": training})
    return Job(spec, tmp_path, tmp_path, quiet)


def trained(job: Job) -> Trained:
    return train_model(job.spec, *FEW)


def refitted(job: Job, evaluated: Trained, report: TrainingReport | None = None) -> Classifier | Calibrated:
    return refit_model(job, evaluated.model, report or evaluated.report, *ALL)


def test_refit_is_a_fit_to_all_rows_with_the_parameters_of_the_training(job: Job) -> None:
    evaluated = trained(job)
    model = refitted(job, evaluated, evaluated.report.model_copy(update={"parameters": {"max_depth": 2}}))
    assert isinstance(model, Calibrated)
    training = Training(drop=("years", "grade", "secured"), resample="under")
    expected = fit(job.spec.model_copy(update={"training": training}), {"max_depth": 2}, ALL[0], ALL[1])
    probabilities = model.classifier.predict_proba(ALL[0])
    np.testing.assert_array_equal(probabilities, expected.predict_proba(ALL[0]))
    assert (probabilities != evaluated.model.classifier.predict_proba(ALL[0])).any()


def test_refit_keeps_the_calibrator_that_the_folds_of_the_training_rows_fitted(job: Job) -> None:
    evaluated = trained(job)
    assert isinstance(evaluated.model, Calibrated)
    model = refitted(job, evaluated)
    assert isinstance(model, Calibrated)
    assert model.calibrator is evaluated.model.calibrator
    assert joblib.hash(model.calibrator) == joblib.hash(trained(job).model.calibrator)


def test_refit_of_a_model_without_a_calibrator_has_none(job: Job) -> None:
    training = job.spec.training.model_copy(update={"calibration": "none"})
    uncalibrated = replace(job, spec=job.spec.model_copy(update={"training": training}))
    assert isinstance(refitted(uncalibrated, trained(uncalibrated)), Classifier)


def test_refit_reads_the_selected_features_although_others_say_more_on_all_rows(job: Job) -> None:
    selected = trained(job).report.features
    assert selected == ("rate",)
    assert train_model(job.spec, *ALL).report.features == ("years",)
    model = refitted(job, trained(job))
    assert isinstance(model, Calibrated)
    assert model.classifier.columns_ == [1]


@pytest.mark.parametrize(
    "change", [{"code_sha256": "0" * 64}, {"libraries": {"scikit-learn": "0.1"}}], ids=["code", "libraries"]
)
def test_model_of_other_code_or_libraries_is_not_refitted(job: Job, change: dict[str, object]) -> None:
    evaluated = trained(job)
    with pytest.raises(BuildError) as caught:
        refitted(job, evaluated, evaluated.report.model_copy(update=change))
    assert str(caught.value) == (
        f"The model in {job.directory} was trained with other code or libraries; "
        "run `python -m model_build train` again, and the stages after it."
    )
