import numpy as np
import pytest

from app.core.values import Matrix
from model_build.errors import DataError, SpecError
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training.classifier import Classifier, check_training_rows, fit, resample

GAP = np.nan
MATRIX: Matrix = np.array(
    [[5, 2.5, 0, 1], [7, GAP, 1, 0], [9, 1.5, 3, 1], [3, 0.5, 2, 0]] * 5, dtype=np.float32
)
LABELS = np.array([0, 1, 1, 0] * 5)


def fitted(
    tiny_spec: ModelSpec, name: str, training: Training | None = None, **parameters: object
) -> Classifier:
    changes = {"estimator": Estimator(name=name), "training": training or Training()}
    return fit(tiny_spec.model_copy(update=changes), parameters, MATRIX, LABELS)


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "logistic_regression"])
def test_estimators_learn_the_labels_of_their_rows(tiny_spec: ModelSpec, name: str) -> None:
    model = fitted(tiny_spec, name)
    assert model.predict(MATRIX).tolist() == LABELS.tolist()
    assert model.classes_.tolist() == [0, 1]


def test_estimator_has_the_seed_of_the_split_unless_it_has_its_own(tiny_spec: ModelSpec) -> None:
    assert fitted(tiny_spec, "decision_tree").pipeline_[-1].random_state == 1
    assert fitted(tiny_spec, "decision_tree", random_state=5).pipeline_[-1].random_state == 5


def test_dropped_features_are_not_read(tiny_spec: ModelSpec) -> None:
    model = fitted(tiny_spec, "decision_tree", Training(drop=("years", "grade")))
    changed = MATRIX.copy()
    changed[:, [0, 2]] = 1
    assert model.columns_ == [1, 3]
    assert model.predict_proba(changed).tolist() == model.predict_proba(MATRIX).tolist()


@pytest.mark.parametrize(("drop", "expected"), [((), [2]), (("grade",), [0])], ids=["of all", "of the rest"])
def test_most_informative_features_are_selected(
    tiny_spec: ModelSpec, drop: tuple[str, ...], expected: list[int]
) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    noise = rng.random(300)
    matrix = np.stack([labels + noise, noise, labels, rng.integers(0, 2, 300)], axis=1).astype(np.float32)
    matrix[::7, 0] = GAP
    spec = tiny_spec.model_copy(update={"training": Training(drop=drop, select=1)})
    assert fit(spec, {}, matrix, labels).columns_ == expected


@pytest.mark.parametrize(
    "name", ["decision_tree", "random_forest", "logistic_regression", "hist_gradient_boosting"]
)
@pytest.mark.parametrize("weights", ["balanced", {"no": 1, "yes": 9}])
def test_class_weights_make_a_rare_label_likelier(tiny_spec: ModelSpec, name: str, weights: object) -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(600) < 0.1).astype(int)
    matrix = np.repeat((rng.random((600, 1)) + labels[:, None] / 3).astype(np.float32), 4, axis=1)
    matrix[:, 2:] = 0
    spec = tiny_spec.model_copy(update={"estimator": Estimator(name=name)})
    depth = {} if name == "logistic_regression" else {"max_depth": 1}
    plain = fit(spec, depth, matrix, labels).predict_proba(matrix)
    weighted = fit(spec, {**depth, "class_weight": weights}, matrix, labels).predict_proba(matrix)
    assert plain[:, 1].mean() == pytest.approx(labels.mean(), abs=0.02)
    assert weighted[:, 1].mean() > 2 * labels.mean()


@pytest.mark.parametrize(("method", "count"), [("over", 6), ("under", 1)])
def test_labels_are_equally_frequent_after_resampling(method: str, count: int) -> None:
    labels = np.array([0, 0, 1, 0, 2, 0, 0, 0, 2])
    rows = resample(labels, method, seed=3)
    assert np.bincount(labels[rows]).tolist() == [count] * 3
    assert rows.tolist() == sorted(rows)
    assert rows.tolist() == resample(labels, method, seed=3).tolist()


def test_oversampling_keeps_every_row() -> None:
    labels = np.array([0, 0, 1, 0, 1, 0, 0])
    rows = resample(labels, "over", seed=0).tolist()
    assert set(rows) == set(range(7))
    assert [rows.count(row) for row in (0, 1, 3, 5, 6)] == [1] * 5


def test_resampled_estimator_learns_from_equally_many_rows_of_each_label(tiny_spec: ModelSpec) -> None:
    labels = np.array([0] * 18 + [1] * 2)
    spec = tiny_spec.model_copy(
        update={"training": Training(resample="over"), "estimator": Estimator(name="decision_tree")}
    )
    model = fit(spec, {"max_depth": 1}, np.zeros((20, 4), np.float32), labels)
    assert model.predict_proba(np.zeros((1, 4), np.float32)).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("resample", "parameters", "early_stopping"),
    [
        ("over", {}, False),
        ("over", {"early_stopping": True}, True),
        ("under", {}, "auto"),
        (None, {}, "auto"),
    ],
)
def test_oversampling_turns_early_stopping_off_unless_the_spec_sets_it(
    tiny_spec: ModelSpec, resample: str | None, parameters: dict[str, bool], early_stopping: object
) -> None:
    spec = tiny_spec.model_copy(update={"training": Training.model_validate({"resample": resample})})
    model = fit(spec, {"max_iter": 2, **parameters}, MATRIX, LABELS)
    assert model.pipeline_[-1].early_stopping == early_stopping


@pytest.mark.parametrize(
    ("labels", "absent"), [([0] * 20, "yes"), ([1] * 20, "no")], ids=["only no", "only yes"]
)
def test_label_without_a_training_row_is_a_data_error(
    tiny_spec: ModelSpec, labels: list[int], absent: str
) -> None:
    with pytest.raises(DataError) as caught:
        check_training_rows(tiny_spec, MATRIX, np.array(labels))
    assert str(caught.value) == f"No training row has paid {absent}."


def test_feature_without_a_value_is_a_data_error_unless_dropped(tiny_spec: ModelSpec) -> None:
    matrix = MATRIX.copy()
    matrix[:, 1] = GAP
    with pytest.raises(DataError) as caught:
        check_training_rows(tiny_spec, matrix, LABELS)
    assert str(caught.value) == "No training row has a value of rate."
    check_training_rows(tiny_spec.model_copy(update={"training": Training(drop=("rate",))}), matrix, LABELS)


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
        (
            "logistic_regression",
            {"class_weight": {"maybe": 2}},
            "there is no label 'maybe'; allowed are no, yes",
        ),
        (
            "hist_gradient_boosting",
            {"monotonic_cst": [1]},
            "monotonic_cst has shape (1,) but the input data X has 4",
        ),
    ],
)
def test_parameter_that_scikit_learn_refuses_is_a_spec_error(
    tiny_spec: ModelSpec, name: str, parameters: dict[str, object], problem: str
) -> None:
    with pytest.raises(SpecError) as caught:
        fitted(tiny_spec, name, None, **parameters)
    assert str(caught.value).startswith(f"estimator.parameters of tiny: {problem}")
