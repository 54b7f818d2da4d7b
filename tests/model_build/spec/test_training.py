"""What the training section of a spec may say."""

from pathlib import Path

import pytest

from model_build.spec import model_spec
from model_build.spec.training import Clip, Range, Training, format_parameters
from tests.model_build.spec.conftest import SpecErrorOf
from tests.support.tiny import TINY

NAMES = "grade, rate, secured, years"
THREE = TINY.replace('labels: ["no", "yes"], positive: "yes", threshold: 0.6', 'labels: ["no", late, "yes"]')


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ("{folds: 1}", "training.folds: must be at least 2."),
        (
            "{drop: [colour]}",
            f"training.drop.0: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        ("{drop: [years, rate], select: 3}", "training: drop leaves 2 features; at least 3 must remain."),
        (
            "{drop: [years, rate, grade, secured]}",
            "training: drop leaves 0 features; at least 1 must remain.",
        ),
        (
            "{clip: {grade: {high: 0.9}}}",
            "training.clip.grade: 'grade' is no number; allowed are rate, years.",
        ),
        ("{clip: {rate: {low: 0.9, high: 0.9}}}", "training.clip.rate: low 0.9 must be below high 0.9."),
        (
            "{threshold: {maximize: f3}}",
            "training.threshold.maximize: must be 'accuracy', 'balanced_accuracy', 'f1' or 'f2'.",
        ),
        (
            "{threshold: {maximize: f1, budget: 0.1}}",
            "training.threshold: must have exactly one of the keys maximize, precision_at_recall, "
            "recall_at_precision, cost, budget.",
        ),
        (
            "{threshold: {cost: {false_positive: 1}}}",
            "training.threshold.cost.false_negative: this key is required.",
        ),
        ("{threshold: {budget: 1}}", "training.threshold.budget: must be below 1."),
        (
            "{threshold: auc}",
            "training.threshold: must be 'fixed', 'accuracy', 'balanced_accuracy', 'f1' or 'f2'.",
        ),
        (
            "{select: {minimum: 0.5, maximum: 0.2}}",
            "training.select: minimum 0.5 must not be above maximum 0.2.",
        ),
        ("{select: {minimum: 0, maximum: 0.2}}", "training.select.minimum: must be above 0."),
        ("{select: 0}", "training.select: must be at least 1."),
        ("{resample: smote}", "training.resample: must be 'over' or 'under'."),
        ("{category_order: alphabet}", "training.category_order: must be 'codes' or 'target_rate'."),
        (
            "{search: {space: {category_order: [codes, alphabet]}}}",
            "training.search.space.category_order.1: there is no order 'alphabet'; allowed are codes, "
            "target_rate.",
        ),
        (
            "{search: {space: {category_order: {low: 1, high: 2}}}}",
            "training.search: category_order needs a list of values.",
        ),
        ("{refit: all rows}", "training.refit: must be true or false."),
        ("{search: {space: {}}}", "training.search.space: needs at least 1 item."),
        (
            "{search: {space: {depth: [1, 2]}}}",
            "training.search.space.depth: hist_gradient_boosting has no parameter 'depth' "
            "(did you mean 'max_depth'?); allowed are loss, "
            "learning_rate, max_iter, max_leaf_nodes, max_depth, min_samples_leaf, l2_regularization, "
            "max_features, max_bins, categorical_features, monotonic_cst, interaction_cst, warm_start, "
            "early_stopping, scoring, validation_fraction, n_iter_no_change, tol, verbose, random_state, "
            "class_weight.",
        ),
        ("{search: {space: {max_iter: 5}}}", "training.search.space.max_iter: must be a list."),
        ("{search: {space: {max_iter: []}}}", "training.search.space.max_iter: needs at least 1 item."),
        (
            "{search: {space: {max_iter: {low: 1}}}}",
            "training.search.space.max_iter.high: this key is required.",
        ),
        (
            "{search: {method: grid, space: {max_iter: {low: 1, high: 2}}}}",
            "training.search: a grid needs a list of values for max_iter.",
        ),
        (
            "{search: {space: {learning_rate: {low: 0, high: 1, log: true}}}}",
            "training.search.space.learning_rate: a logarithmic range needs a low above 0.",
        ),
    ],
)
def test_impossible_training_is_an_error(spec_error: SpecErrorOf, training: str, sentence: str) -> None:
    assert spec_error(f"{TINY}training: {training}\n") == sentence


def test_threshold_of_three_labels_is_an_error(spec_error: SpecErrorOf) -> None:
    text = f"{THREE}training: {{threshold: f1}}\n"
    assert spec_error(text) == "training.threshold: only a target with two labels has a threshold."


@pytest.mark.parametrize(
    ("key", "training"),
    [
        ("category_order", "{category_order: target_rate}"),
        ("search.space.category_order.1", "{search: {space: {category_order: [codes, target_rate]}}}"),
    ],
)
def test_order_of_categories_is_an_error_where_each_has_a_column(
    spec_error: SpecErrorOf, key: str, training: str
) -> None:
    text = TINY.replace("hist_gradient_boosting, parameters: {max_iter: 5}", "logistic_regression")
    assert spec_error(f"{text}training: {training}\n") == (
        f"training.{key}: logistic_regression has a column for each category, so their order is of no use."
    )


def test_order_of_categories_is_a_hyperparameter_beside_those_of_the_estimator(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{TINY}training: {{category_order: target_rate}}\n")
    assert model_spec.load(str(path)).hyperparameters == {"max_iter": 5, "category_order": "target_rate"}
    path.write_text(TINY)
    assert model_spec.load(str(path)).hyperparameters == {"max_iter": 5}


def test_model_is_not_refitted_unless_the_spec_asks_for_it() -> None:
    assert not Training().refit


def test_range_of_whole_numbers_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    space = (
        "{max_iter: {low: 5, high: 20}, learning_rate: {low: 0.1, high: 1, log: true}, max_depth: [2, null]}"
    )
    path.write_text(f"{TINY}training: {{search: {{space: {space}}}, clip: {{rate: {{high: 0.99}}}}}}\n")
    training = model_spec.load(str(path)).training
    assert training.clip == {"rate": Clip(low=0, high=0.99)}
    assert training.search is not None
    assert training.search.space == {
        "max_iter": Range(low=5, high=20),
        "learning_rate": Range(low=0.1, high=1, log=True),
        "max_depth": (2, None),
    }
    whole = training.search.space["max_iter"]
    assert isinstance(whole, Range)
    assert isinstance(whole.low, int)


def test_parameters_are_one_line_of_yaml() -> None:
    line = format_parameters({"max_iter": 5, "early_stopping": False, "max_depth": None, "criterion": "gini"})
    assert line == 'parameters: {max_iter: 5, early_stopping: false, max_depth: null, criterion: "gini"}'


def test_order_of_the_categories_is_a_line_of_its_own() -> None:
    line = format_parameters({"max_iter": 5, "category_order": "target_rate"})
    assert line == "parameters: {max_iter: 5}; category_order: target_rate"
