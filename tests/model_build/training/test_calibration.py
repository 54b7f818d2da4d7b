from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.metrics import average_precision_score

from app.core.contract import Positions, Probabilities, Target
from app.core.model import Model
from app.core.values import Matrix
from model_build.export import onnx
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training import calibration, classifier
from model_build.training.calibration import METHODS, Calibrated, CalibrationChoice, Calibrator
from model_build.training.cross_validation import Scores, make_folds
from model_build.training.log_odds import Numbers, compute_log_odds, log_odds_of_margins, log_odds_of_shares
from tests.model_build.training.test_estimators import served

TWO = Target(name="paid", labels=("no", "yes"), positive="yes")
THREE = Target(name="paid", labels=("no", "some", "all"))
EDGES = np.array([0, 1e-12, 1e-7, 0.01, 0.02, 0.3, 0.5, 0.7, 0.98, 1 - 1e-7, 1])


def drawn(target: Target, rows: int = 3000) -> tuple[Positions, Probabilities]:
    """Return labels, and the probabilities with which they were drawn."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(len(target.labels)), rows)
    return (rng.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1), chances


def overconfident(chances: Probabilities) -> Probabilities:
    sharp = chances**3
    return np.asarray(sharp / sharp.sum(axis=1, keepdims=True))


def log(chances: Probabilities) -> Numbers:
    with np.errstate(divide="ignore"):
        return np.asarray(logit(chances))


def choose(
    setting: str, target: Target, labels: Positions, probabilities: Probabilities
) -> CalibrationChoice:
    return calibration.choose_calibration(
        setting,
        target,
        labels,
        Scores(probabilities, log(probabilities)),
        make_folds(target, labels, 5, seed=0),
    )


@pytest.mark.parametrize(("target", "method"), [(TWO, "sigmoid"), (THREE, "temperature")])
def test_overconfident_probabilities_are_calibrated(target: Target, method: str) -> None:
    labels, chances = drawn(target)
    choice = choose("auto", target, labels, overconfident(chances))
    losses = choice.report.log_loss
    assert choice.report.method == method
    assert losses[method] == min(losses.values()) < losses["none"] - 0.05
    assert choice.report.reason.startswith("lowers the log loss on the folds by 0.")
    assert choice.calibrator is not None
    np.testing.assert_allclose(choice.calibrator(log(overconfident(chances))), chances, atol=0.05)


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
def test_calibrated_probabilities_stay_as_they_are(target: Target) -> None:
    labels, chances = drawn(target)
    choice = choose("auto", target, labels, chances)
    assert choice.report.method == "none"
    assert "log loss on the folds" in choice.report.reason
    assert choice.calibrator is None
    assert choice.probabilities is chances


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("method", METHODS)
def test_named_method_is_used_even_if_it_does_worse(method: str, target: Target) -> None:
    labels, chances = drawn(target)
    choice = choose(method, target, labels, chances)
    assert (choice.report.method, choice.report.reason) == (method, "set by the spec")
    assert list(choice.report.log_loss) == ["none", method]
    assert type(choice.calibrator) is METHODS[method]


@pytest.mark.parametrize("setting", ["auto", "sigmoid"])
def test_sigmoid_that_reverses_the_ranking_is_not_used(setting: str) -> None:
    labels, chances = drawn(TWO)
    choice = choose(setting, TWO, labels, chances[:, ::-1])
    if choice.report.method == "none":
        assert choice.report.reason == ("a sigmoid would reverse the ranking; a label may have too few rows")
        assert choice.calibrator is None
    assert choice.report.method != "sigmoid"
    assert choice.report.log_loss["sigmoid"] < choice.report.log_loss["none"] - 0.5


def test_none_tries_no_method() -> None:
    labels, chances = drawn(TWO)
    choice = choose("none", TWO, labels, overconfident(chances))
    assert (choice.report.method, list(choice.report.log_loss)) == ("none", ["none"])


@pytest.mark.parametrize("method", METHODS)
def test_extreme_probabilities_stay_finite_and_sum_to_1(method: str) -> None:
    labels, chances = drawn(TWO, 60)
    calibrator = METHODS[method].fit(log(overconfident(chances)), labels)
    probabilities = calibrator(log(np.stack([1 - EDGES, EDGES], axis=1)))
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_isotonic_curve_never_reaches_0() -> None:
    labels = np.array([0] * 30 + [1] * 30)
    certain = np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0)
    assert METHODS["isotonic"].fit(log(certain), labels)(log(certain)).min() == pytest.approx(1 / 62)


@pytest.mark.parametrize(
    "name",
    ["hist_gradient_boosting", "gradient_boosting", "random_forest", "extra_trees", "logistic_regression"],
)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
def test_served_calibrated_probabilities_equal_scikit_learn(
    tiny_spec: ModelSpec, tmp_path: Path, name: str, method: str, target: Target
) -> None:
    """Labels that are far apart make the estimator confident, and its calibration steep."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(target.labels), 300)
    matrix = rng.integers(0, 2, (300, 4)).astype(np.float32)
    matrix[:, 1] = labels + rng.random(300) * 1.1
    changes = {"estimator": Estimator(name=name), "target": target, "training": Training(drop=("years",))}
    spec = tiny_spec.model_copy(update=changes)
    parameters = {"n_estimators": 20} if name in {"random_forest", "extra_trees"} else {}
    fitted = classifier.fit(spec, parameters, matrix, labels)
    model = Calibrated(fitted, METHODS[method].fit(compute_log_odds(fitted, matrix), labels))
    probabilities = served(spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(probabilities, model.predict_proba(matrix), rtol=0, atol=5e-6)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert loaded.predict(matrix).tolist() == model.predict(matrix).tolist()


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_served_probabilities_of_an_overconfident_model_equal_scikit_learn(
    tiny_spec: ModelSpec, method: str
) -> None:
    """In float32 one probability is 1 minus the other, so the logarithm of a small one is coarse."""
    rng = np.random.default_rng(0)
    matrix = rng.random((2000, 4)).astype(np.float32)
    matrix[:, 2:] = 0
    labels = (matrix[:, 0] + rng.normal(0, 0.3, 2000) > 0.5).astype(int)
    spec = tiny_spec.model_copy(update={"estimator": Estimator(name="hist_gradient_boosting")})
    half = slice(1000)
    fitted = classifier.fit(spec, {"max_iter": 300}, matrix[half], labels[half])
    raw = fitted.predict_proba(matrix)
    assert raw[half].min() < 1e-5
    model = Calibrated(fitted, METHODS[method].fit(compute_log_odds(fitted, matrix[1000:]), labels[1000:]))
    probabilities = served(spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(probabilities, model.predict_proba(matrix), rtol=0, atol=8e-6)


@pytest.mark.parametrize("share", [0.2, 0.8])
@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_served_probabilities_of_trees_without_a_split_equal_scikit_learn(
    tiny_spec: ModelSpec, method: str, share: float
) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((200, 4)).astype(np.float32)
    labels = (rng.random(200) < share).astype(int)
    fitted = classifier.fit(tiny_spec, {"min_samples_leaf": 150}, matrix, labels)
    calibrators: dict[str, Calibrator] = {
        "sigmoid": calibration.Sigmoid(np.array([0.7, 0.8]), np.array([0.1, -0.1])),
        "temperature": calibration.Temperature(1.3),
    }
    model = Calibrated(fitted, calibrators[method])
    probabilities = served(tiny_spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(probabilities, model.predict_proba(matrix), rtol=0, atol=1e-6)


def test_labels_of_a_calibrated_model_are_the_likeliest(tiny_spec: ModelSpec) -> None:
    matrix = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 1] * 10)
    fitted = classifier.fit(tiny_spec, {"max_iter": 2}, matrix, labels)
    model = Calibrated(fitted, calibration.Sigmoid(np.array([-1.0, -1.0]), np.array([0.0, 0.0])))
    session: Model = served(tiny_spec, onnx.convert(model, "tiny", 4))
    names = [output.name for output in session._session.get_outputs()]
    outputs = dict(zip(names, session._session.run(names, {"features": matrix}), strict=True))
    assert outputs["labels"].tolist() == outputs["probabilities"].argmax(axis=1).tolist()
    assert outputs["labels"].tolist() == model.predict(matrix).tolist()


def steep(rows: int = 4000) -> tuple[Matrix, Positions]:
    """Return rows [N, 4] that a balanced logistic regression ranks well and is much too sure of."""
    rng = np.random.default_rng(3)
    labels = (rng.random(rows) < 0.02).astype(int)
    matrix = np.zeros((rows, 4), np.float32)
    matrix[:, 0] = rng.normal(size=rows) * 2 + labels * 8
    return matrix, labels


@pytest.mark.parametrize("name", ["logistic_regression", "hist_gradient_boosting"])
def test_top_scores_of_a_balanced_model_are_neither_tied_nor_coarse(tiny_spec: ModelSpec, name: str) -> None:
    matrix, labels = steep()
    changes = {"estimator": Estimator(name=name), "training": Training(drop=("grade", "secured"))}
    spec = tiny_spec.model_copy(update=changes)
    fitted = classifier.fit(spec, {"class_weight": "balanced"}, matrix, labels)
    log_odds = compute_log_odds(fitted, matrix)
    model = Calibrated(fitted, METHODS["sigmoid"].fit(log_odds, labels))
    expected = model.predict_proba(matrix)
    probabilities = served(spec, onnx.convert(model, "tiny", 4)).probabilities(matrix)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)
    assert average_precision_score(labels, expected[:, 1]) == average_precision_score(labels, log_odds[:, 1])


def test_certain_shares_of_trees_keep_their_ranking() -> None:
    shares = np.array([0, 1e-5, 1e-4, 0.5, 0.9999, 0.99999, 1])
    log_odds = log_odds_of_shares(np.stack([1 - shares, shares], axis=1))
    assert (np.diff(log_odds[:, 1]) > 0).all()
    assert np.isfinite(log_odds).all()


def test_margins_of_many_labels_become_the_log_odds_of_their_shares() -> None:
    margins = np.random.default_rng(0).normal(size=(50, 4)) * 3
    np.testing.assert_allclose(expit(log_odds_of_margins(margins)), softmax(margins, axis=1), rtol=1e-12)
    assert log_odds_of_margins(np.array([[900.0, 0.0, 0.0]]))[0, 0] == pytest.approx(900 - np.log(2))
