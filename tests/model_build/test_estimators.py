"""Every estimator, over every type of feature, must answer in ONNX as it does in scikit-learn."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from app.features import Encoder, Matrix
from app.model import Model
from model_build import data, export, spec, train
from model_build.estimators import ESTIMATORS, check_parameters, make
from model_build.export import LARGEST_DIFFERENCE, Parity
from model_build.pipeline import describe
from model_build.spec import ModelSpec

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
"""
TWO = "labels: [none, all], positive: all, threshold: 0.6"
FIRST_IS_POSITIVE = "labels: [none, all], positive: none, threshold: 0.4"
THREE = "labels: [none, some, all]"
ROWS = 1200
TRAINED_ON = 300


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


def load(directory: Path, name: str, parameters: str, labels: str = TWO) -> ModelSpec:
    text = SPEC.replace("NAME", name).replace("PARAMETERS", parameters).replace("LABELS", labels)
    (directory / "shares.yaml").write_text(text)
    return spec.load(str(directory / "shares.yaml"))


def parity(directory: Path, shares_spec: ModelSpec) -> Parity:
    """Train on a few rows, and compare scikit-learn with the served model on all."""
    text = shares() if len(shares_spec.target.labels) == 3 else shares().replace(",some", ",all")
    (directory / "shares.csv").write_text(text)
    found = data.load(shares_spec, "real", directory, pytest.fail)
    matrix = Encoder(shares_spec.features)(found.rows)
    fitted = train.fit(shares_spec, matrix[:TRAINED_ON], found.labels[:TRAINED_ON])
    onnx = export.convert(fitted, shares_spec.name, len(shares_spec.features))
    contract, _ = export.files(describe(shares_spec, found, {}), onnx, {})
    return export.parity(Model(contract, onnx), found.rows, fitted.predict_proba(matrix))


@pytest.mark.parametrize("labels", [TWO, FIRST_IS_POSITIVE, THREE], ids=["two", "first is positive", "three"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("decision_tree", "{}"),
        ("decision_tree", "{max_depth: 1}"),
        ("decision_tree", "{min_samples_leaf: 5, class_weight: balanced, criterion: entropy}"),
        ("random_forest", "{n_estimators: 50}"),
        ("random_forest", "{n_estimators: 10, min_samples_leaf: 3}"),
        ("random_forest", "{n_estimators: 1, max_depth: 1}"),
        ("logistic_regression", "{}"),
        ("logistic_regression", "{C: 0.01, class_weight: balanced, fit_intercept: false}"),
        ("hist_gradient_boosting", "{max_iter: 50}"),
        ("hist_gradient_boosting", "{max_iter: 1, max_leaf_nodes: 2}"),
        ("hist_gradient_boosting", "{max_iter: 20, class_weight: balanced, l2_regularization: 1.0}"),
    ],
)
def test_served_answers_are_those_of_scikit_learn(
    tmp_path: Path, name: str, parameters: str, labels: str
) -> None:
    found = parity(tmp_path, load(tmp_path, name, parameters, labels))
    assert (found.rows, found.labels_that_differ) == (ROWS, 0)
    assert 0 <= found.largest_difference <= LARGEST_DIFFERENCE / 10


@pytest.mark.parametrize("feature", ["years", "rate", "grade", "secured", "sum"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("decision_tree", "{}"),
        ("random_forest", "{n_estimators: 10}"),
        ("logistic_regression", "{}"),
        ("hist_gradient_boosting", "{max_iter: 10}"),
    ],
)
def test_one_feature_of_any_type_is_enough(tmp_path: Path, name: str, parameters: str, feature: str) -> None:
    whole = load(tmp_path, name, parameters)
    alone = tuple(each for each in whole.features if each.name == feature)
    found = parity(tmp_path, whole.model_copy(update={"features": alone}))
    assert (found.rows, found.labels_that_differ) == (ROWS, 0)
    assert 0 <= found.largest_difference <= LARGEST_DIFFERENCE / 10


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7])
def test_a_forest_whose_trees_are_split_right_at_the_threshold_has_the_same_labels(
    tmp_path: Path, threshold: float
) -> None:
    labels = f"labels: [none, all], positive: all, threshold: {threshold}"
    assert (
        parity(tmp_path, load(tmp_path, "random_forest", "{n_estimators: 100}", labels)).labels_that_differ
        == 0
    )


@pytest.mark.parametrize("below", [15.77, 15.770001, -3.3, 1000.1])
@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "hist_gradient_boosting"])
def test_a_tree_tells_two_neighbouring_numbers_apart(tmp_path: Path, name: str, below: float) -> None:
    """The threshold between two neighbours is not a float32; rounded up, it would be the upper one."""
    whole = load(tmp_path, name, "{}")
    rate_only = whole.model_copy(update={"features": whole.features[1:2]})
    above = np.nextafter(np.float32(below), np.float32(np.inf))
    matrix: Matrix = np.array([[below], [above]] * 100, dtype=np.float32)
    fitted = train.fit(rate_only, matrix, np.array([0, 1] * 100))
    served = model_of(rate_only, export.convert(fitted, "rate-only", 1)).probabilities(matrix)
    expected = fitted.predict_proba(matrix)
    assert expected[:2].argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-6)


def model_of(shares_spec: ModelSpec, onnx: bytes) -> Model:
    found = data.Dataset("synthetic", "none", None, [], np.array([]))
    contract, _ = export.files(describe(shares_spec, found, {}), onnx, {})
    return Model(contract, onnx)


def test_parameters_reach_the_estimator_and_others_keep_their_defaults() -> None:
    pipeline = make("random_forest", {"n_estimators": 7, "random_state": 3}, [])
    given = ESTIMATORS["random_forest"](n_estimators=7, random_state=3)
    assert pipeline[-1].get_params() == given.get_params()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_of_scikit_learn_is_allowed_and_no_other(name: str) -> None:
    known = ESTIMATORS[name]().get_params()
    check_parameters(name, known)
    with pytest.raises(ValueError, match=r"^\w+ has no parameter 'n_tree'; allowed are ") as caught:
        check_parameters(name, {**known, "n_tree": 3})
    assert set(str(caught.value).partition("; allowed are ")[2].split(", ")) == set(known)
