import re
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics

from app.core.contract import Positions, Target
from app.core.values import Matrix
from model_build.artifacts import Calibration, Threshold
from model_build.console import Progress
from model_build.errors import DataError
from model_build.export import onnx
from model_build.git import git_commit
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS
from model_build.spec.training import Search, Training
from model_build.stage import LIBRARIES, TRAINING_CODE, Job, code_checksum
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier
from model_build.training.cross_validation import make_folds
from model_build.training.train import Trained, notes, train_model
from model_build.training.train import search as run_search

LOGISTIC = Estimator(name="logistic_regression")
NOTE_OF_DIFFERENCE = r"roc_auc against the defaults: [+-]0\.\d{5} \([+-]0\.\d{5} to [+-]0\.\d{5}\)"


def rows(labels: int = 2, count: int = 300) -> tuple[Matrix, Positions]:
    rng = np.random.default_rng(0)
    positions = rng.integers(0, labels, count)
    matrix = rng.integers(0, 2, (count, 4)).astype(np.float32)
    matrix[:, 1] = positions + rng.normal(0, 1, count)
    return matrix, positions


def trained(
    spec: ModelSpec,
    directory: Path,
    data: tuple[Matrix, Positions] | None = None,
    *,
    search: bool = False,
    **changes: object,
) -> Trained:
    spec = spec.model_copy(update={"estimator": LOGISTIC} | changes)
    job = Job(spec, directory, directory, Progress(Console(quiet=True)))
    search_for = partial(run_search, job) if search else None
    return train_model(spec, *(data or rows()), search_for)


def test_resampled_rows_and_clipped_values_are_counted(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, labels = rows()
    matrix[5, 1], kept = np.nan, (labels == 0) | (np.arange(len(labels)) < 60)
    matrix, labels = matrix[kept], labels[kept]
    training = Training.model_validate({"resample": "under", "clip": {"rate": {"low": 0.1, "high": 0.9}}})
    report = trained(tiny_spec, tmp_path, (matrix, labels), training=training).report
    rare = int(np.bincount(labels).min())
    assert report.resampled_rows == 2 * rare
    assert 0.15 < report.clipped["rate"] / (2 * rare) < 0.25
    printed = [*notes(report)]
    assert f"training.resample: {len(labels)} rows became {2 * rare}" in printed
    assert f"training.clip: values moved to a quantile: rate {report.clipped['rate']}" in printed


def test_report_describes_the_training(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    report = trained(tiny_spec, tmp_path, training=Training(folds=3, drop=("grade",))).report
    assert timedelta() <= datetime.now(UTC) - report.trained_at < timedelta(hours=1)
    assert report.model_dump(
        exclude={"training_checksum", "trained_at", "cross_validation", "calibration"}
    ) == {
        "code_sha256": code_checksum(),
        "rows": 300,
        "estimator": "logistic_regression",
        "parameters": {},
        "features": ("years", "rate", "secured"),
        "folds": 3,
        "search": None,
        "threshold": Threshold(
            value=0.6, objective="fixed", reason="set by the spec", scores={}
        ).model_dump(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "git_commit": git_commit(TRAINING_CODE),
        "size": 4,
        "not_converged": 0,
        "selection": None,
        "weights": None,
        "gathered": {},
        "defaults": {},
        "estimator_sha256": None,
        "adopted": None,
        "clipped": {},
        "resampled_rows": None,
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


def test_three_labels_are_cross_validated_too(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    three = Target(name="paid", labels=("no", "some", "all"))
    result = trained(tiny_spec, tmp_path, rows(3), target=three)
    assert result.report.threshold is None
    assert result.report.cross_validation["accuracy"].mean > 0.5
    assert result.model.predict_proba(rows(3)[0]).shape == (300, 3)


def test_few_rows_of_a_label_make_fewer_folds(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, _ = rows(count=20)
    report = trained(tiny_spec, tmp_path, (matrix, np.array([0] * 17 + [1] * 3))).report
    assert report.folds == 3


def test_label_with_one_row_or_none_is_a_data_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, _ = rows(count=20)
    with pytest.raises(DataError, match=r"^Only one training row has paid yes; "):
        trained(tiny_spec, tmp_path, (matrix, np.array([0] * 19 + [1])))
    with pytest.raises(DataError, match=r"^No training row has paid yes\.$"):
        trained(tiny_spec, tmp_path, (matrix, np.array([0] * 20)))


@pytest.mark.parametrize("method", ["over", "under"])
def test_rows_that_validate_are_not_resampled(tiny_spec: ModelSpec, tmp_path: Path, method: str) -> None:
    """Balanced training rows make the rare label too likely; only rows that are not resampled show that."""
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    data = matrix[kept], labels[kept]
    plain = trained(tiny_spec, tmp_path, data, training=Training(calibration="none"))
    training = Training.model_validate({"resample": method, "calibration": "none"})
    balanced = trained(tiny_spec, tmp_path, data, training=training)
    assert balanced.model.predict_proba(data[0])[:, 1].mean() > 0.3 > data[1].mean()
    assert (
        balanced.report.cross_validation["log_loss"].mean
        > plain.report.cross_validation["log_loss"].mean + 0.05
    )


def test_calibration_corrects_the_probabilities_after_resampling(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    result = trained(tiny_spec, tmp_path, (matrix[kept], labels[kept]), training=Training(resample="over"))
    assert isinstance(result.model, Calibrated)
    assert result.report.calibration.method in {"sigmoid", "isotonic"}
    assert result.model.predict_proba(matrix[kept])[:, 1].mean() == pytest.approx(
        labels[kept].mean(), abs=0.01
    )
    losses = result.report.calibration.log_loss
    assert result.report.cross_validation["log_loss"].mean == pytest.approx(min(losses.values()), abs=0.01)


def test_cross_validated_metrics_are_those_at_the_chosen_threshold(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    target = tiny_spec.target.model_copy(update={"threshold": 0.95})
    report = trained(tiny_spec, tmp_path, target=target, training=Training(threshold="accuracy")).report
    assert report.threshold is not None
    assert report.threshold.value == pytest.approx(0.5, abs=0.15)
    assert report.cross_validation["accuracy"].mean == report.threshold.scores[f"{report.threshold.value:g}"]


def test_model_has_the_parameters_that_the_search_chose(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    search = Search(method="grid", metric="log_loss", space={"C": (0.3, 2.0)})
    result = trained(tiny_spec, tmp_path, search=True, training=Training(search=search, calibration="none"))
    assert result.report.search is not None
    assert result.report.parameters == result.report.search.chosen.parameters == {"C": 0.3}
    assert isinstance(result.model, Classifier)
    assert result.model.parameters == {"C": 0.3}
    losses = result.report.cross_validation["log_loss"]
    assert losses.mean == pytest.approx(result.report.search.chosen.score)
    unsearched = trained(tiny_spec, tmp_path, training=Training(search=search))
    assert (unsearched.report.search, unsearched.report.parameters) == (None, {})


def test_notes_for_the_terminal(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    search = Search(method="grid", space={"C": (0.01,)})
    training = Training(folds=3, search=search, calibration="none")
    report = trained(tiny_spec, tmp_path, search=True, training=training).report
    lines = list(notes(report))
    assert lines[0].startswith("logistic_regression of size 6; 3 folds: roc auc 0.")
    assert lines[1] == "calibration none: set by the spec"
    assert lines[2] == "threshold 0.6: set by the spec"
    assert re.fullmatch(r"search: 2 trials in \d+ s, 0 pruned, 0 from an earlier run", lines[3])
    assert report.search is not None
    assert lines[6] == f"reason: {report.search.reason}"
    assert re.fullmatch(NOTE_OF_DIFFERENCE, lines[7])
    chosen = "C: 0.01" if report.search.chosen.parameters else ""
    assert lines[-1] == (
        f"to keep the chosen parameters, write into the spec: parameters: {{{chosen}}}; category_order: codes"
    )


def test_same_rows_give_the_same_model(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    training = Training(resample="over", select=2, threshold="f1")
    first, second = (trained(tiny_spec, tmp_path, training=training) for _ in range(2))
    assert onnx.convert(first.model, "tiny", 4) == onnx.convert(second.model, "tiny", 4)
    assert first.report.model_dump(exclude={"trained_at"}) == second.report.model_dump(exclude={"trained_at"})


def test_threshold_is_chosen_for_calibrated_probabilities(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    """Resampling makes the rare label too likely, so calibrated probabilities need another threshold."""
    matrix, labels = rows(count=600)
    kept = (labels == 0) | (np.arange(600) % 6 == 0)
    data = matrix[kept], labels[kept]
    training = Training(resample="over", calibration="sigmoid", threshold="accuracy")
    result = trained(tiny_spec, tmp_path, data, training=training)
    assert result.report.threshold is not None
    chosen = result.report.threshold
    target = tiny_spec.target.model_copy(update={"threshold": chosen.value})
    by_fold = [
        (target.decide(result.probabilities[fold.validate]) == data[1][fold.validate]).mean()
        for fold in make_folds(tiny_spec.target, data[1], 5, seed=1)
    ]
    assert chosen.scores[f"{chosen.value:g}"] == pytest.approx(np.mean(by_fold))


def test_probabilities_are_of_rows_that_did_not_train(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    matrix, labels = rows()
    overfitting = Estimator(name="decision_tree")  # without a limit it learns every row
    result = trained(tiny_spec, tmp_path, estimator=overfitting, training=Training(calibration="none"))
    assert (result.model.predict(matrix) == labels).mean() == 1
    right = (result.probabilities.argmax(axis=1) == labels).mean()
    assert right == pytest.approx(result.report.cross_validation["accuracy"].mean, abs=0.02)
    assert right < 0.8


def test_report_has_the_calibration(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    result = trained(tiny_spec, tmp_path, training=Training(calibration="isotonic"))
    assert isinstance(result.model, Calibrated)
    assert result.report.calibration == Calibration(
        method="isotonic", reason="set by the spec", log_loss=result.report.calibration.log_loss
    )


def test_fits_that_were_stopped_early_are_counted_and_said(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    estimator = Estimator(name="logistic_regression", parameters={"max_iter": 1})
    report = trained(tiny_spec, tmp_path, estimator=estimator).report
    assert report.not_converged == 6
    assert (
        "warning: 6 of 6 fits were stopped before they had converged; raise `max_iter` of the estimator"
    ) in list(notes(report))
    assert trained(tiny_spec, tmp_path).report.not_converged == 0
