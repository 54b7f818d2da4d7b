"""Rows that count more than others: what training and evaluation weigh, and what they do not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.core.baked_model import load_contract
from app.core.contract import Target
from app.core.encoders import row_encoder
from app.core.model import Model
from model_build import pipeline
from model_build.artifacts import Evaluation, TrainingReport
from model_build.console import Progress
from model_build.data.dataset import read_dataset
from model_build.errors import SpecError
from model_build.evaluation.evaluate import evaluate_model, point_metrics
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.sections import METRICS, EvaluationSection
from model_build.stage import Job
from model_build.training.baselines import fit_baselines
from model_build.training.calibration import METHODS
from model_build.training.classifier import fit
from tests.model_build.conftest import load_spec
from tests.support.tiny import TINY, loans

BOOSTING = "{name: hist_gradient_boosting, parameters: {max_iter: 5}}"
KEPT = ("licence: none", "licence: none\n  drop_duplicates: false")
TWO = Target(name="paid", labels=("no", "yes"), positive="yes")
THREE = Target(name="paid", labels=("no", "late", "yes"))
ESTIMATORS = (
    "{name: decision_tree, parameters: {max_depth: 3}}",
    "{name: random_forest, parameters: {n_estimators: 5, bootstrap: false, max_depth: 3, max_features: 1.0}}",
    "{name: extra_trees, parameters: {n_estimators: 5, max_depth: 3}}",
    "{name: logistic_regression}",
    "{name: gradient_boosting, parameters: {n_estimators: 5}}",
    BOOSTING,
)


def write_loans(path: Path) -> pd.DataFrame:
    """Write loans with a weight: what is not paid counts four times, and the rest once to twice."""
    header, *lines = loans().splitlines()
    frame = pd.DataFrame([line.split(", ") for line in lines], columns=header.split(", "))
    extra = np.random.default_rng(4).random(len(frame)).round(2)
    frame = frame.assign(count=np.where(frame["paid"] == "no", 4, 1 + extra))
    frame.to_csv(path, index=False)
    return frame


def job_of(directory: Path, progress: Progress, *changes: tuple[str, str]) -> Job:
    directory.mkdir(exist_ok=True)
    write_loans(directory / "loans.csv")
    text = TINY
    for old, new in (*changes, KEPT):
        text = text.replace(old, new)
    return Job(load_spec(directory, text), directory / "build", directory, progress, "real")


WEIGHTED = ("estimator:", "weight: count\nestimator:")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_weight_of_two_is_the_row_twice(tmp_path: Path, estimator: str) -> None:
    rng = np.random.default_rng(0)
    spec = load_spec(tmp_path, TINY.replace(BOOSTING, estimator))
    matrix = np.column_stack(
        [rng.integers(1, 31, 200), rng.uniform(0, 20, 200), rng.integers(0, 3, 200), rng.integers(0, 2, 200)]
    ).astype(np.float32)
    labels = (matrix[:, 0] + rng.normal(0, 8, 200) > 15).astype(np.intp)
    often = rng.integers(1, 4, 200)
    parameters = dict(spec.estimator.parameters)
    weighted = fit(spec, parameters, matrix, labels, often.astype(float)).predict_proba(matrix)
    scaled = fit(spec, parameters, matrix, labels, 7 * often.astype(float)).predict_proba(matrix)
    plain = fit(spec, parameters, matrix, labels).predict_proba(matrix)
    np.testing.assert_allclose(weighted, scaled, atol=1e-6)
    assert np.abs(weighted - plain).max() > 1e-3
    if spec.estimator.name in {"decision_tree", "random_forest"}:
        copies = np.repeat(np.arange(200), often)
        repeated = fit(spec, parameters, matrix[copies], labels[copies]).predict_proba(matrix)
        np.testing.assert_allclose(weighted, repeated, atol=1e-6)


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two labels", "three labels"])
def test_weighted_metrics_are_those_of_repeated_rows(target: Target) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, len(target.labels), 300)
    probabilities = rng.dirichlet(np.ones(len(target.labels)), 300)
    often = rng.integers(1, 5, 300)
    copies = np.repeat(np.arange(300), often)
    weighted = point_metrics(target, truth, probabilities, often.astype(float))
    repeated = point_metrics(target, truth[copies], probabilities[copies])
    for name in set(METRICS) - {"calibration_error"}:  # its bins have equally many rows
        assert weighted[name] == pytest.approx(repeated[name]), name
    scored = ScoredRows(target, truth, probabilities, often.astype(float))
    for name, value in zip(METRICS, weighted_metrics(scored, np.ones((300, 1)), METRICS)[:, 0], strict=True):
        assert value == pytest.approx(weighted[name]), name


def test_intervals_are_around_the_weighted_metric() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 400)
    scores = np.clip(truth * 0.3 + rng.random(400) * 0.7, 0, 1)
    weights = np.where((scores > 0.5) == truth, 1.0, 9.0)
    probabilities = np.column_stack([1 - scores, scores])
    section = EvaluationSection(resamples=100)
    plain = evaluate_model(TWO, section, truth, probabilities, 1)
    weighted = evaluate_model(TWO, section, truth, probabilities, 1, weights)
    assert weighted.intervals["accuracy"].high < plain.intervals["accuracy"].low
    assert weighted.intervals["accuracy"].value == weighted.metrics["accuracy"]
    assert weighted.confusion_matrix == plain.confusion_matrix


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrator_weighs_rows(method: str) -> None:
    rng = np.random.default_rng(3)
    log_odds = np.column_stack([-(odds := rng.normal(0, 2, 2000)), odds])
    labels = (rng.random(2000) < 1 / (1 + np.exp(-odds / 2))).astype(np.intp)
    often = np.where((odds > 0) == labels, 3, 1)
    copies = np.repeat(np.arange(2000), often)
    weighted = METHODS[method].fit(log_odds, labels, often.astype(float))(log_odds)
    repeated = METHODS[method].fit(log_odds[copies], labels[copies])(log_odds)
    np.testing.assert_allclose(weighted, repeated, atol=2e-3)
    assert np.abs(weighted - METHODS[method].fit(log_odds, labels)(log_odds)).max() > 0.01


def test_baselines_weigh_rows(tmp_path: Path, quiet: Progress) -> None:
    job = job_of(tmp_path, quiet, WEIGHTED)
    pipeline.run_before("train", job)
    rows = read_dataset(job.path("train.parquet"), job.spec)
    matrix, weights = row_encoder(job.spec.features, ())(rows.rows), rows.carried.weights
    assert weights is not None
    majority = fit_baselines(job.spec, matrix, rows.labels, weights)["majority"]
    share = weights[rows.labels == 1].sum() / weights.sum()
    assert majority.predict_proba(matrix[:1])[0, 1] == pytest.approx(share)


def test_a_bake_weighs_rows_and_says_so(tmp_path: Path, quiet: Progress) -> None:
    refit = ("estimator:", "training: {refit: true}\nestimator:")
    job = job_of(tmp_path, quiet, WEIGHTED, refit)
    contract = pipeline.bake(job, tmp_path / "model")
    assert "count" not in [feature.name for feature in contract.features]
    test = read_dataset(job.path("test.parquet"), job.spec)
    evaluated = Model.load(tmp_path / "model").encode(test.rows)
    assert evaluated.shape == (100, 4)
    weights = test.carried.weights
    assert weights is not None
    report, evaluation = (
        TrainingReport.read(job.path("training.json")),
        Evaluation.read(job.path("metrics.json")),
    )
    assert report.weights is not None
    assert (report.weights.column, report.weights.maximum) == ("count", 4)
    train = read_dataset(job.path("train.parquet"), job.spec).carried.weights
    assert train is not None
    assert report.weights.effective_rows == pytest.approx(train.sum() ** 2 / (train**2).sum())
    cells = np.array(evaluation.confusion_matrix)
    assert evaluation.metrics["accuracy"] != pytest.approx(cells.trace() / cells.sum(), abs=1e-4)
    card = (tmp_path / "model/card.md").read_text()
    assert "**Weights:** rows count by `count`, from 1 to 4; the training rows are as certain as " in card
    plain = pipeline.bake(job_of(tmp_path / "plain", quiet), tmp_path / "plain/model")
    weighted, unweighted = (
        Model.load(tmp_path / name).probabilities(evaluated)[:, 1].mean() for name in ("model", "plain/model")
    )
    assert weighted < unweighted - 0.1
    assert load_contract(tmp_path / "model").features == plain.features


def test_an_estimator_of_ones_own_that_takes_no_weights_is_refused(tmp_path: Path) -> None:
    code = (
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "def near(n=3):\n    return KNeighborsClassifier(n)\n"
    )
    (tmp_path / "shop.py").write_text(code)
    with pytest.raises(SpecError, match=r"weight: shop:near takes no sample weights\."):
        load_spec(tmp_path, TINY.replace(BOOSTING, "{name: 'shop:near'}").replace(*WEIGHTED))
