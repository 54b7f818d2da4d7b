from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics

from app.core.contract import Positions, Target
from app.core.features import Matrix
from model_build.artifacts import Calibration, Threshold
from model_build.console import Progress
from model_build.errors import DataError
from model_build.export import onnx
from model_build.git import git_commit
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS, Search, Training
from model_build.stage import LIBRARIES, TRAINING_CODE, Job
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier
from model_build.training.cross_validation import make_folds
from model_build.training.train import Trained, notes, train_model

LOGISTIC = Estimator(name="logistic_regression")


def rows(labels: int = 2, count: int = 300) -> tuple[Matrix, Positions]:
    rng = np.random.default_rng(0)
    found = rng.integers(0, labels, count)
    matrix = rng.integers(0, 2, (count, 4)).astype(np.float32)
    matrix[:, 1] = found + rng.normal(0, 1, count)
    return matrix, found


def trained(
    spec: ModelSpec,
    directory: Path,
    given: tuple[Matrix, Positions] | None = None,
    *,
    search: bool = False,
    **changes: object,
) -> Trained:
    spec = spec.model_copy(update={"estimator": LOGISTIC} | changes)
    job = Job(spec, directory, directory, Progress(Console(quiet=True)), search=search)
    return train_model(job, *(given or rows()))


def test_the_report_says_how_the_model_came_to_be(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    report = trained(tiny_spec, tmp_path, training=Training(folds=3, drop=("grade",))).report
    assert timedelta() <= datetime.now(UTC) - report.trained_at < timedelta(hours=1)
    assert report.model_dump(
        exclude={"training_checksum", "trained_at", "cross_validation", "calibration"}
    ) == {
        "rows": 300,
        "estimator": "logistic_regression",
        "parameters": {},
        "features": ("years", "rate", "secured"),
        "folds": 3,
        "search": None,
        "threshold": Threshold(
            value=0.6, objective="fixed", reason="as the spec has it", scores={}
        ).model_dump(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "git_commit": git_commit(TRAINING_CODE),
        "size": 4,
    }
    assert report.calibration.method == "none"
    assert report.training_checksum not in {
        tiny_spec.training_checksum,
        trained(tiny_spec, tmp_path).report.training_checksum,
    }


def test_every_metric_is_cross_validated(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, labels = rows()
    training = Training(calibration="none", drop=("years", "grade", "secured"))
    report = trained(tiny_spec, tmp_path, training=training).report
    assert list(report.cross_validation) == list(METRICS)
    assert all(len(spread.folds) == 5 for spread in report.cross_validation.values())
    by_fold = [
        metrics.roc_auc_score(labels[fold.validate], matrix[fold.validate, 1])
        for fold in make_folds(tiny_spec.target, labels, 5, seed=1)
    ]
    assert report.cross_validation["roc_auc"].folds == pytest.approx(by_fold)


def test_more_than_two_labels_are_cross_validated_too(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    three = Target(name="paid", labels=("no", "some", "all"))
    found = trained(tiny_spec, tmp_path, rows(3), target=three)
    assert found.report.threshold is None
    assert found.report.cross_validation["accuracy"].mean > 0.5
    assert found.model.predict_proba(rows(3)[0]).shape == (300, 3)


def test_few_rows_are_enough(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, _ = rows(count=20)
    report = trained(tiny_spec, tmp_path, (matrix, np.array([0] * 17 + [1] * 3))).report
    assert report.folds == 3


def test_a_label_with_a_single_row_is_a_data_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, _ = rows(count=20)
    with pytest.raises(DataError, match=r"^There is only one row to train on with paid yes; "):
        trained(tiny_spec, tmp_path, (matrix, np.array([0] * 19 + [1])))
    with pytest.raises(DataError, match=r"^There is no row to train on with paid yes\.$"):
        trained(tiny_spec, tmp_path, (matrix, np.array([0] * 20)))


@pytest.mark.parametrize("how", ["over", "under"])
def test_resampling_leaves_the_rows_that_validate_as_they_are(
    tiny_spec: ModelSpec, tmp_path: Path, how: str
) -> None:
    """Balanced training rows make the rare label too likely, which only rows as they are can show."""
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    given = matrix[kept], labels[kept]
    plain = trained(tiny_spec, tmp_path, given, training=Training(calibration="none"))
    training = Training.model_validate({"resample": how, "calibration": "none"})
    balanced = trained(tiny_spec, tmp_path, given, training=training)
    assert balanced.model.predict_proba(given[0])[:, 1].mean() > 0.3 > given[1].mean()
    assert (
        balanced.report.cross_validation["log_loss"].mean
        > plain.report.cross_validation["log_loss"].mean + 0.05
    )


def test_probabilities_that_resampling_made_wrong_are_calibrated(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    found = trained(tiny_spec, tmp_path, (matrix[kept], labels[kept]), training=Training(resample="over"))
    assert isinstance(found.model, Calibrated)
    assert found.report.calibration.method in {"sigmoid", "isotonic"}
    assert found.model.predict_proba(matrix[kept])[:, 1].mean() == pytest.approx(
        labels[kept].mean(), abs=0.01
    )
    losses = found.report.calibration.log_loss
    assert found.report.cross_validation["log_loss"].mean == pytest.approx(min(losses.values()), abs=0.01)


def test_the_figures_are_those_at_the_chosen_threshold(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    target = tiny_spec.target.model_copy(update={"threshold": 0.95})
    report = trained(tiny_spec, tmp_path, target=target, training=Training(threshold="accuracy")).report
    assert report.threshold is not None
    assert report.threshold.value == pytest.approx(0.5, abs=0.15)
    assert report.cross_validation["accuracy"].mean == report.threshold.scores[f"{report.threshold.value:g}"]


def test_the_model_has_the_parameters_that_the_search_found(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    search = Search(method="grid", space={"C": (0.01, 2.0)})
    found = trained(tiny_spec, tmp_path, search=True, training=Training(search=search, calibration="none"))
    assert found.report.search is not None
    assert found.report.parameters == found.report.search.chosen.parameters == {"C": 0.01}
    assert isinstance(found.model, Classifier)
    assert found.model.parameters == {"C": 0.01}
    scores = found.report.cross_validation["roc_auc"]
    assert scores.mean == pytest.approx(found.report.search.chosen.score)
    unsearched = trained(tiny_spec, tmp_path, training=Training(search=search))
    assert (unsearched.report.search, unsearched.report.parameters) == (None, {})


def test_a_person_is_told_what_came_of_it(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    search = Search(method="grid", space={"C": (0.01,)})
    training = Training(folds=3, search=search, calibration="none")
    report = trained(tiny_spec, tmp_path, search=True, training=training).report
    lines = list(notes(report))
    assert lines[0].startswith("logistic_regression of size 6; 3 folds: roc auc 0.")
    assert lines[1] == "calibration none: as the spec has it"
    assert lines[2] == "threshold 0.6: as the spec has it"
    assert lines[3].startswith("search: 2 trials, 0 pruned, 0 from before, ")
    assert report.search is not None
    assert (
        lines[-1] == f"to keep it, put in the spec: parameters: {{{kept(report.search.chosen.parameters)}}}"
    )


def kept(parameters: dict[str, object]) -> str:
    return "C: 0.01" if parameters else ""


def test_the_same_rows_give_the_same_model(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    training = Training(resample="over", select=2, threshold="f1")
    one, other = (trained(tiny_spec, tmp_path, training=training) for _ in range(2))
    assert onnx.convert(one.model, "tiny", 4) == onnx.convert(other.model, "tiny", 4)
    assert one.report.model_dump(exclude={"trained_at"}) == other.report.model_dump(exclude={"trained_at"})


def test_the_threshold_is_chosen_for_calibrated_probabilities(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    """Resampled rows make the rare label too likely: what is calibrated needs another threshold."""
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    given = matrix[kept], labels[kept]
    training = Training(resample="over", calibration="sigmoid", threshold="accuracy")
    found = trained(tiny_spec, tmp_path, given, training=training)
    assert found.report.threshold is not None
    chosen = found.report.threshold
    target = tiny_spec.target.model_copy(update={"threshold": chosen.value})
    by_fold = [
        (target.decide(found.probabilities[fold.validate]) == given[1][fold.validate]).mean()
        for fold in make_folds(tiny_spec.target, given[1], 5, seed=1)
    ]
    assert chosen.scores[f"{chosen.value:g}"] == pytest.approx(np.mean(by_fold))


def test_the_probabilities_are_those_of_rows_that_did_not_train(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, labels = rows()
    memory = Estimator(name="decision_tree")  # without a limit it knows all rows by heart
    found = trained(tiny_spec, tmp_path, estimator=memory, training=Training(calibration="none"))
    assert (found.model.predict(matrix) == labels).mean() == 1
    right = (found.probabilities.argmax(axis=1) == labels).mean()
    assert right == pytest.approx(found.report.cross_validation["accuracy"].mean, abs=0.02)
    assert right < 0.8


def test_a_calibration_is_of_the_report(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    found = trained(tiny_spec, tmp_path, training=Training(calibration="isotonic"))
    assert isinstance(found.model, Calibrated)
    assert found.report.calibration == Calibration(
        method="isotonic", reason="as the spec has it", log_loss=found.report.calibration.log_loss
    )
