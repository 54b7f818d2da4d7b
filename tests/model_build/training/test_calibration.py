from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.contract import Positions, Probabilities, Target
from app.core.model import Model
from model_build.export import onnx
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Training
from model_build.training import calibration, classifier
from model_build.training.calibration import METHODS, Calibrated, Calibrator, Choice
from model_build.training.cross_validation import make_folds
from tests.model_build.training.test_estimators import served

TWO = Target(name="paid", labels=("no", "yes"), positive="yes")
THREE = Target(name="paid", labels=("no", "some", "all"))
EDGES = np.array([0, 1e-12, 1e-7, 0.01, 0.02, 0.3, 0.5, 0.7, 0.98, 1 - 1e-7, 1])


def drawn(target: Target, rows: int = 3000) -> tuple[Positions, Probabilities]:
    """Return labels, and the chances with which they were drawn."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(len(target.labels)), rows)
    return (rng.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1), chances


def overconfident(chances: Probabilities) -> Probabilities:
    sharp = chances**3
    return np.asarray(sharp / sharp.sum(axis=1, keepdims=True))


def choose(wanted: str, target: Target, labels: Positions, probabilities: Probabilities) -> Choice:
    return calibration.choose_calibration(
        wanted, target, labels, probabilities, make_folds(target, labels, 5, seed=0)
    )


@pytest.mark.parametrize(("target", "method"), [(TWO, "sigmoid"), (THREE, "temperature")])
def test_overconfident_probabilities_are_calibrated(target: Target, method: str) -> None:
    labels, chances = drawn(target)
    found = choose("auto", target, labels, overconfident(chances))
    losses = found.report.log_loss
    assert found.report.method == method
    assert losses[method] == min(losses.values()) < losses["none"] - 0.05
    assert found.report.reason.startswith("lowers the log loss on the folds by 0.")
    assert found.calibrator is not None
    np.testing.assert_allclose(found.calibrator(overconfident(chances)), chances, atol=0.05)


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
def test_calibrated_probabilities_are_left_alone(target: Target) -> None:
    labels, chances = drawn(target)
    found = choose("auto", target, labels, chances)
    assert found.report.method == "none"
    assert "log loss on the folds" in found.report.reason
    assert found.calibrator is None
    assert found.probabilities is chances


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("method", METHODS)
def test_a_named_method_is_taken_however_it_does(method: str, target: Target) -> None:
    labels, chances = drawn(target)
    found = choose(method, target, labels, chances)
    assert (found.report.method, found.report.reason) == (method, "as the spec has it")
    assert list(found.report.log_loss) == ["none", method]
    assert type(found.calibrator) is METHODS[method]


@pytest.mark.parametrize("wanted", ["auto", "sigmoid"])
def test_a_sigmoid_that_turns_the_ranking_around_is_not_taken(wanted: str) -> None:
    labels, chances = drawn(TWO)
    found = choose(wanted, TWO, labels, chances[:, ::-1])
    if found.report.method == "none":
        assert found.report.reason == (
            "a sigmoid would turn the ranking around; there may be too few rows of a label"
        )
        assert found.calibrator is None
    assert found.report.method != "sigmoid"
    assert found.report.log_loss["sigmoid"] < found.report.log_loss["none"] - 0.5


def test_none_is_taken_without_a_look_at_others() -> None:
    labels, chances = drawn(TWO)
    found = choose("none", TWO, labels, overconfident(chances))
    assert (found.report.method, list(found.report.log_loss)) == ("none", ["none"])


@pytest.mark.parametrize("method", METHODS)
def test_sure_probabilities_stay_numbers_that_sum_to_1(method: str) -> None:
    labels, chances = drawn(TWO, 60)
    fitted = METHODS[method].fit(overconfident(chances), labels)
    found = fitted(np.stack([1 - EDGES, EDGES], axis=1))
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_what_never_happened_is_not_impossible_to_an_isotonic_curve() -> None:
    labels = np.array([0] * 30 + [1] * 30)
    sure = np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0)
    assert METHODS["isotonic"].fit(sure, labels)(sure).min() == pytest.approx(1 / 62)


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "random_forest", "logistic_regression"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
def test_calibrated_answers_are_served(
    tiny_spec: ModelSpec, tmp_path: Path, name: str, method: str, target: Target
) -> None:
    """Classes that are apart make the estimator sure; the trees' leaves and the curves then are steep."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(target.labels), 300)
    matrix = rng.integers(0, 2, (300, 4)).astype(np.float32)
    matrix[:, 1] = labels + rng.random(300) * 1.1
    changes = {"estimator": Estimator(name=name), "target": target, "training": Training(drop=("years",))}
    spec = tiny_spec.model_copy(update=changes)
    few = {"n_estimators": 20} if name == "random_forest" else {}
    fitted = classifier.fit(spec, few, matrix, labels)
    model = Calibrated(fitted, METHODS[method].fit(fitted.predict_proba(matrix), labels))
    answers = served(spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(answers, model.predict_proba(matrix), rtol=0, atol=5e-6)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert again.predict(matrix).tolist() == model.predict(matrix).tolist()


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_answers_of_a_model_that_is_much_too_sure_are_served(tiny_spec: ModelSpec, method: str) -> None:
    """Of two labels, the one has what float32 leaves of the other: its logarithm is coarse near 0."""
    rng = np.random.default_rng(0)
    matrix = rng.random((2000, 4)).astype(np.float32)
    matrix[:, 2:] = 0
    labels = (matrix[:, 0] + rng.normal(0, 0.3, 2000) > 0.5).astype(int)
    spec = tiny_spec.model_copy(update={"estimator": Estimator(name="hist_gradient_boosting")})
    half = slice(1000)
    fitted = classifier.fit(spec, {"max_iter": 300}, matrix[half], labels[half])
    chances = fitted.predict_proba(matrix)
    assert chances[half].min() < 1e-5
    model = Calibrated(fitted, METHODS[method].fit(chances[1000:], labels[1000:]))
    answers = served(spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(answers, model.predict_proba(matrix), rtol=0, atol=8e-6)


@pytest.mark.parametrize("share", [0.2, 0.8])
@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_answers_of_trees_without_a_split_are_served(tiny_spec: ModelSpec, method: str, share: float) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((200, 4)).astype(np.float32)
    labels = (rng.random(200) < share).astype(int)
    fitted = classifier.fit(tiny_spec, {"min_samples_leaf": 150}, matrix, labels)
    made: dict[str, Calibrator] = {
        "sigmoid": calibration.Sigmoid(np.array([0.7, 0.8]), np.array([0.1, -0.1])),
        "temperature": calibration.Temperature(1.3),
    }
    model = Calibrated(fitted, made[method])
    answers = served(tiny_spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(answers, model.predict_proba(matrix), rtol=0, atol=1e-6)


def test_the_labels_of_a_calibrated_model_are_the_likeliest(tiny_spec: ModelSpec) -> None:
    matrix = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 1] * 10)
    fitted = classifier.fit(tiny_spec, {"max_iter": 2}, matrix, labels)
    model = Calibrated(fitted, calibration.Sigmoid(np.array([-1.0, -1.0]), np.array([0.0, 0.0])))
    session: Model = served(tiny_spec, onnx.convert(model, "tiny", 4))
    names = [each.name for each in session._session.get_outputs()]
    answers = dict(zip(names, session._session.run(names, {"features": matrix}), strict=True))
    assert answers["labels"].tolist() == answers["probabilities"].argmax(axis=1).tolist()
    assert answers["labels"].tolist() == model.predict(matrix).tolist()
