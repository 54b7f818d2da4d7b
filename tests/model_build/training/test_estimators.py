"""Every estimator, with every type of feature, must predict in ONNX as it does in scikit-learn."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest

from app.core.contract import Contract, Provenance
from app.core.encoders import Encoder
from app.core.model import Model
from app.core.values import Matrix
from model_build.data.dataset import Dataset
from model_build.export.onnx import convert
from model_build.export.parity import LARGEST_DIFFERENCE, Parity, check_parity
from model_build.spec import model_spec
from model_build.spec.estimator import ESTIMATORS, describe_unknown_parameter
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Clip, Training
from model_build.training import classifier
from model_build.training.estimators import Clipper, build_estimator, model_size
from tests.support.bakes import rows_of

SPEC = """
name: shares
title: Shares
version: 1.0.0
description: How much of a loan is paid back?
data: {sources: [{uri: shares.csv}], drop_duplicates: false, licence: none}
features:
  - {name: years, type: integer, minimum: 1, maximum: 30, title: Years, example: 5, missing: {}}
  - {name: rate, type: number, minimum: -20, maximum: 20, title: Rate, example: 2.5,
     missing: {markers: [n/a]}}
  - {name: grade, type: category, categories: [A, B, C], title: Grade, example: B, missing: {markers: ["?"]}}
  - {name: secured, type: boolean, title: Secured, example: true, missing: {}}
  - {name: sum, type: integer, minimum: 0, maximum: 10000000, title: Sum, example: 1000}
target: {name: paid, LABELS}
split: {test: 0.5, seed: 1}
estimator: {name: NAME, parameters: PARAMETERS}
training: TRAINING
"""
TWO = "labels: [none, all], positive: all, threshold: 0.6"
FIRST_IS_POSITIVE = "labels: [none, all], positive: none, threshold: 0.4"
THREE = "labels: [none, some, all]"
ROWS = 1200
TRAINED_ON = 300
EACH_ESTIMATOR = [
    ("decision_tree", "{}"),
    ("random_forest", "{n_estimators: 3}"),
    ("extra_trees", "{n_estimators: 3}"),
    ("gradient_boosting", "{n_estimators: 10}"),
    ("logistic_regression", "{}"),
    ("hist_gradient_boosting", "{max_iter: 10}"),
]


@cache
def shares() -> str:
    """Return a CSV whose label depends on every feature, with gaps in all but the last."""
    rng = np.random.default_rng(0)
    lines = ["years,rate,grade,secured,sum,paid"]
    for _ in range(ROWS):
        years, rate, amount = rng.integers(1, 31), rng.uniform(-20, 20), rng.integers(0, 10_000_000)
        grade, secured = rng.choice(["A", "B", "C", "?"]), rng.choice(["true", "false", ""])
        odds = (
            2 - years / 8 - rate / 6 + 2 * (grade == "A") + (secured == "true") - amount / 1e7 + rng.normal()
        )
        paid = "none" if odds < 0 else "some" if odds < 1.5 else "all"
        gaps = rng.random(2) < 0.2
        lines.append(
            f"{'' if gaps[0] else years},{'n/a' if gaps[1] else rate},{grade},{secured},{amount},{paid}"
        )
    return "\n".join(lines) + "\n"


def load(directory: Path, name: str, parameters: str, labels: str = TWO, training: str = "{}") -> ModelSpec:
    text = SPEC.replace("NAME", name).replace("PARAMETERS", parameters)
    text = text.replace("LABELS", labels).replace("TRAINING", training)
    (directory / "shares.yaml").write_text(text)
    return model_spec.load(str(directory / "shares.yaml"))


@cache
def dataset(labels: int) -> Dataset:
    """Return rows with every feature and so many labels."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "shares.csv").write_text(shares() if labels == 3 else shares().replace(",some", ",all"))
        whole = load(directory, "decision_tree", "{}", THREE if labels == 3 else TWO)
        return rows_of(whole, "real", directory)


def served(of: ModelSpec, content: bytes) -> Model:
    provenance = Provenance(
        data_source="synthetic",
        data_uri="none",
        data_sha256=None,
        rows=1,
        licence="none",
        spec_sha256=of.sha256,
        git_commit=None,
        libraries={},
        trained_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    contract = Contract(
        name=of.name,
        title=of.title,
        description=of.description,
        model_version=of.version,
        features=of.features,
        target=of.target,
        metrics={},
        provenance=provenance,
        files={},
    )
    return Model(contract, content)


def parity(shares_spec: ModelSpec) -> Parity:
    """Train on a few rows, and compare the served model with scikit-learn on all rows."""
    data = dataset(len(shares_spec.target.labels))
    names = [feature.name for feature in shares_spec.features]
    rows = [{name: row[name] for name in names} for row in data.rows]
    matrix = Encoder(shares_spec.features)(rows)
    parameters = shares_spec.hyperparameters
    fitted = classifier.fit(shares_spec, parameters, matrix[:TRAINED_ON], data.labels[:TRAINED_ON])
    content = convert(fitted, shares_spec.name, len(shares_spec.features))
    return check_parity(served(shares_spec, content), rows, fitted.predict_proba(matrix))


@pytest.mark.parametrize("labels", [TWO, FIRST_IS_POSITIVE, THREE], ids=["two", "first is positive", "three"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("decision_tree", "{}"),
        ("decision_tree", "{max_depth: 1}"),
        ("decision_tree", "{min_samples_leaf: 5, class_weight: balanced, criterion: entropy}"),
        ("random_forest", "{n_estimators: 20}"),
        ("random_forest", "{n_estimators: 10, min_samples_leaf: 3}"),
        ("random_forest", "{n_estimators: 1, max_depth: 1}"),
        ("logistic_regression", "{}"),
        ("logistic_regression", "{C: 0.01, class_weight: balanced, fit_intercept: false}"),
        ("hist_gradient_boosting", "{max_iter: 50}"),
        ("hist_gradient_boosting", "{max_iter: 1, max_leaf_nodes: 2}"),
        ("hist_gradient_boosting", "{max_iter: 20, class_weight: balanced, l2_regularization: 1.0}"),
    ],
)
def test_served_predictions_equal_scikit_learn(
    tmp_path: Path, name: str, parameters: str, labels: str
) -> None:
    result = parity(load(tmp_path, name, parameters, labels))
    assert (result.rows, result.labels_that_differ) == (ROWS, 0)
    assert 0 <= result.largest_difference <= LARGEST_DIFFERENCE / 10


@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "training",
    [
        "{drop: [years, grade]}",
        "{select: 2}",
        "{clip: {years: {high: 0.9}, rate: {low: 0.1, high: 0.9}}}",
        "{drop: [years], select: 3, clip: {sum: {low: 0.2}}, resample: over}",
    ],
)
@pytest.mark.parametrize(("name", "parameters"), EACH_ESTIMATOR)
def test_dropping_selecting_clipping_and_resampling_are_served(
    tmp_path: Path, name: str, parameters: str, training: str, labels: str
) -> None:
    result = parity(load(tmp_path, name, parameters, labels, training))
    assert (result.rows, result.labels_that_differ) == (ROWS, 0)
    assert 0 <= result.largest_difference <= LARGEST_DIFFERENCE / 10


@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(
    "training",
    [
        "{category_order: target_rate}",
        "{category_order: target_rate, drop: [years, secured]}",
        "{category_order: target_rate, drop: [years], select: 3, clip: {sum: {low: 0.2}}, resample: over}",
        "{category_order: target_rate, drop: [grade, secured]}",
    ],
)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [estimator for estimator in EACH_ESTIMATOR if estimator[0] != "logistic_regression"],
)
def test_categories_in_the_order_of_their_target_rate_are_served(
    tmp_path: Path, name: str, parameters: str, training: str, labels: str
) -> None:
    result = parity(load(tmp_path, name, parameters, labels, training))
    assert (result.rows, result.labels_that_differ) == (ROWS, 0)
    assert 0 <= result.largest_difference <= LARGEST_DIFFERENCE / 10


def test_order_by_target_rate_changes_the_model(tmp_path: Path) -> None:
    ordered = load(tmp_path, "decision_tree", "{max_depth: 1}", training="{category_order: target_rate}")
    data = dataset(2)
    [grade] = [i for i, feature in enumerate(ordered.features) if feature.name == "grade"]
    matrix = Encoder(ordered.features)(data.rows)
    fitted = classifier.fit(ordered, ordered.hyperparameters, matrix, data.labels)
    rates = [data.labels[matrix[:, grade] == code].mean() for code in range(4)]
    assert fitted.pipeline_[0].tables_[grade].tolist() == np.argsort(np.argsort(rates)).tolist()
    assert len(classifier.fit(ordered, {}, matrix, data.labels).pipeline_) == len(fitted.pipeline_) - 1


@pytest.mark.parametrize("feature", ["years", "rate", "grade", "secured", "sum"])
@pytest.mark.parametrize(("name", "parameters"), EACH_ESTIMATOR)
def test_one_feature_of_any_type_is_enough(tmp_path: Path, name: str, parameters: str, feature: str) -> None:
    whole = load(tmp_path, name, parameters)
    alone = tuple(known for known in whole.features if known.name == feature)
    result = parity(whole.model_copy(update={"features": alone}))
    assert (result.rows, result.labels_that_differ) == (ROWS, 0)
    assert 0 <= result.largest_difference <= LARGEST_DIFFERENCE / 10


def test_forest_scores_equal_to_the_threshold_give_the_same_labels(tmp_path: Path) -> None:
    forest = load(tmp_path, "random_forest", "{n_estimators: 100}")
    data = dataset(2)
    matrix = Encoder(forest.features)(data.rows)
    fitted = classifier.fit(forest, {"n_estimators": 100}, matrix[:TRAINED_ON], data.labels[:TRAINED_ON])
    probabilities = served(forest, convert(fitted, "forest", 5)).probabilities(matrix)
    expected = fitted.predict_proba(matrix)
    for threshold in (0.3, 0.5, 0.6, 0.7):
        target = forest.target.model_copy(update={"threshold": threshold})
        assert (probabilities[:, 1] == np.float32(threshold)).any()
        assert target.decide(probabilities).tolist() == target.decide(expected).tolist()


@pytest.mark.parametrize("below", [15.77, 15.770001, -3.3, 1000.1])
@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "hist_gradient_boosting"])
def test_trees_separate_two_neighbouring_float32_numbers(tmp_path: Path, name: str, below: float) -> None:
    """No float32 lies between two neighbours; rounded up, the threshold would be the upper one."""
    whole = load(tmp_path, name, "{}")
    rate_only = whole.model_copy(update={"features": whole.features[1:2]})
    above = np.nextafter(np.float32(below), np.float32(np.inf))
    matrix: Matrix = np.array([[below], [above]] * 100, dtype=np.float32)
    fitted = classifier.fit(rate_only, {}, matrix, np.array([0, 1] * 100))
    probabilities = served(rate_only, convert(fitted, "rate-only", 1)).probabilities(matrix)
    expected = fitted.predict_proba(matrix)
    assert expected[:2].argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", ["{drop: [years, grade]}", "{drop: [years], select: 2}"])
def test_unread_feature_adds_no_node_before_trees(tmp_path: Path, training: str) -> None:
    shares_spec = load(tmp_path, "hist_gradient_boosting", "{max_iter: 3}", TWO, training)
    data = dataset(2)
    matrix = Encoder(shares_spec.features)(data.rows)
    fitted = classifier.fit(shares_spec, {"max_iter": 3}, matrix, data.labels)
    model = onnx.load_from_string(convert(fitted, "shares", 5))
    [reader] = [node for node in model.graph.node if "features" in node.input]
    columns = next(attribute for attribute in reader.attribute if attribute.name == "nodes_featureids").ints
    assert reader.op_type == "TreeEnsembleClassifier"
    assert set(columns) == set(fitted.columns_)
    assert 0 not in columns


def test_values_beyond_the_quantiles_are_clipped_and_nan_stays() -> None:
    matrix: Matrix = np.array([[1, 5], [2, np.nan], [3, 5], [4, 5], [100, 5]], dtype=np.float32)
    clipper = Clipper({0: Clip(low=0.25, high=0.75)}).fit(matrix)
    assert clipper.transform(matrix)[:, 0].tolist() == [2, 2, 3, 4, 4]
    others: Matrix = np.array([[-7, -1e30], [np.nan, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(clipper.transform(others), np.array([[2, -1e30], [np.nan, np.nan]], "f4"))


def test_column_without_values_is_not_clipped() -> None:
    empty: Matrix = np.full((3, 1), np.nan, dtype=np.float32)
    clipper = Clipper({0: Clip(low=0.1, high=0.9)}).fit(empty)
    assert clipper.transform(np.array([[-5], [7]], dtype=np.float32)).tolist() == [[-5], [7]]


def test_parameters_reach_the_estimator_and_others_keep_their_defaults() -> None:
    pipeline = build_estimator("random_forest", {"n_estimators": 7, "random_state": 3}, [], Training())
    given = ESTIMATORS["random_forest"](n_estimators=7, random_state=3)
    assert pipeline[-1].get_params() == given.get_params()


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("decision_tree", {"max_depth": 1}, 3),
        ("random_forest", {"max_depth": 1, "n_estimators": 4, "bootstrap": False}, 12),
        ("hist_gradient_boosting", {"max_leaf_nodes": 2, "max_iter": 5, "min_samples_leaf": 1}, 15),
        ("logistic_regression", {}, 2),
    ],
)
def test_size_counts_nodes_or_coefficients(name: str, parameters: dict[str, object], expected: int) -> None:
    estimator = ESTIMATORS[name](**parameters).fit([[0, 1], [1, 1], [2, 1], [3, 1]], [0, 0, 1, 1])
    assert model_size(estimator) == expected


@pytest.mark.parametrize("name", ESTIMATORS)
def test_only_parameters_of_scikit_learn_are_allowed(name: str) -> None:
    known = ESTIMATORS[name]().get_params()
    assert [describe_unknown_parameter(name, parameter) for parameter in known] == [None] * len(known)
    sentence = describe_unknown_parameter(name, "n_tree")
    assert sentence is not None
    head, _, allowed = sentence.partition("; allowed are ")
    assert head.startswith(f"{name} has no parameter 'n_tree'")
    assert set(allowed.split(", ")) == set(known)
