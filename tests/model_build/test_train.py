import numpy as np
import pytest

from app.features import Matrix
from model_build.errors import DataError, SpecError
from model_build.spec import Estimator, ModelSpec
from model_build.train import fit

GAP = np.nan
MATRIX: Matrix = np.array(
    [[5, 2.5, 0, 1], [7, GAP, 1, 0], [9, 1.5, 3, 1], [3, 0.5, 2, 0]] * 5, dtype=np.float32
)
LABELS = np.array([0, 1, 1, 0] * 5)


def changed(tiny_spec: ModelSpec, name: str, **parameters: object) -> ModelSpec:
    return tiny_spec.model_copy(update={"estimator": Estimator(name=name, parameters=parameters)})


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "logistic_regression"])
def test_an_estimator_learns_the_labels_of_its_rows(tiny_spec: ModelSpec, name: str) -> None:
    fitted = fit(changed(tiny_spec, name), MATRIX, LABELS)
    assert fitted.predict(MATRIX).tolist() == LABELS.tolist()
    assert fitted.classes_.tolist() == [0, 1]


def test_the_seed_of_the_split_seeds_the_estimator_too(tiny_spec: ModelSpec) -> None:
    assert fit(changed(tiny_spec, "decision_tree"), MATRIX, LABELS)[-1].random_state == 1
    assert fit(changed(tiny_spec, "decision_tree", random_state=5), MATRIX, LABELS)[-1].random_state == 5


@pytest.mark.parametrize(
    ("labels", "absent"), [([0] * 20, "yes"), ([1] * 20, "no")], ids=["only no", "only yes"]
)
def test_a_label_without_a_row_is_a_data_error(tiny_spec: ModelSpec, labels: list[int], absent: str) -> None:
    with pytest.raises(DataError) as caught:
        fit(tiny_spec, MATRIX, np.array(labels))
    assert str(caught.value) == f"There is no row to train on with paid {absent}."


@pytest.mark.parametrize("name", ["decision_tree", "logistic_regression", "hist_gradient_boosting"])
def test_a_feature_without_a_value_is_a_data_error(tiny_spec: ModelSpec, name: str) -> None:
    matrix = MATRIX.copy()
    matrix[:, 1] = GAP
    with pytest.raises(DataError) as caught:
        fit(changed(tiny_spec, name), matrix, LABELS)
    assert str(caught.value) == "There is no row to train on with a value of rate."


@pytest.mark.parametrize(
    ("name", "parameters", "problem"),
    [
        ("decision_tree", {"max_depth": 0}, "The 'max_depth' parameter of DecisionTreeClassifier must be "),
        (
            "random_forest",
            {"n_estimators": "many"},
            "The 'n_estimators' parameter of RandomForestClassifier must be",
        ),
        ("random_forest", {"bootstrap": False, "oob_score": True}, "Out of bag estimation only available if"),
        ("logistic_regression", {"class_weight": {"yes": 2}}, "The classes, [0, 1], are not in class_weight"),
        (
            "hist_gradient_boosting",
            {"monotonic_cst": [1]},
            "monotonic_cst has shape (1,) but the input data X has 4",
        ),
    ],
)
def test_a_value_that_scikit_learn_refuses_is_a_spec_error(
    tiny_spec: ModelSpec, name: str, parameters: dict[str, object], problem: str
) -> None:
    with pytest.raises(SpecError) as caught:
        fit(changed(tiny_spec, name, **parameters), MATRIX, LABELS)
    assert str(caught.value).startswith(f"estimator.parameters of tiny: {problem}")
