"""Calibration: probabilities that come true as often as they say, fitted on the validation folds.

scikit-learn fits the curves here, but its CalibratedClassifierCV does not replace the module. It fits every
fold again for each method (for census 20 s instead of 0.4 s), and skl2onnx 1.20 converts it wrongly: a
boosting's probabilities move by up to 0.5, a forest's isotonic ones by 0.04, where the parity gate allows
1e-5; and it does not convert a temperature at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from app.core.contract import TWO_LABELS, Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import Calibration
from model_build.training.classifier import Classifier
from model_build.training.cross_validation import Fold, Scores
from model_build.training.log_odds import Numbers, compute_log_odds

STEPS = 50
"""Equal steps of the isotonic curve; shorter ones can be so steep that a rounding error shows."""
LARGEST_EXPONENT = 10.0


class Calibrator(Protocol):
    """Turns the log-odds [N, labels] of each label against the rest into calibrated probabilities."""

    @classmethod
    def fit(cls, log_odds: Numbers, labels: Positions, weights: Numbers | None = None) -> Self: ...

    def __call__(self, log_odds: Numbers) -> Probabilities: ...


@dataclass(frozen=True)
class Sigmoid:
    """Platt scaling: the log-odds of each label against the rest, scaled and shifted."""

    slopes: Numbers
    offsets: Numbers

    @classmethod
    def fit(cls, log_odds: Numbers, labels: Positions, weights: Numbers | None = None) -> Self:
        columns = enumerate(log_odds.T)
        fits = [
            LogisticRegression().fit(column[:, None], labels == label, weights) for label, column in columns
        ]
        return cls(
            np.array([fit.coef_.item() for fit in fits]), np.array([fit.intercept_.item() for fit in fits])
        )

    @property
    def reverses_ranking(self) -> bool:
        """Whether a label becomes likelier where it was less likely; few rows of a label can cause that."""
        return bool((self.slopes <= 0).any())

    def __call__(self, log_odds: Numbers) -> Probabilities:
        return _normalize(expit(log_odds * self.slopes + self.offsets))


@dataclass(frozen=True)
class Isotonic:
    """A rising curve for each label against the rest, given at the ends of STEPS equal steps."""

    curves: Numbers

    @classmethod
    def fit(cls, log_odds: Numbers, labels: Positions, weights: Numbers | None = None) -> Self:
        lowest = 1 / (len(labels) + 2)  # a label that no row has here is still possible
        curve = IsotonicRegression(y_min=lowest, y_max=1 - lowest, out_of_bounds="clip")
        grid = np.linspace(0, 1, STEPS + 1)
        columns = enumerate(expit(log_odds).T)
        curves = [curve.fit(column, labels == label, weights).predict(grid) for label, column in columns]
        return cls(np.array(curves))

    def __call__(self, log_odds: Numbers) -> Probabilities:
        grid = np.linspace(0, 1, STEPS + 1)
        columns = zip(expit(log_odds).T, self.curves, strict=True)
        return _normalize(np.stack([np.interp(column, grid, curve) for column, curve in columns], axis=1))


@dataclass(frozen=True)
class Temperature:
    """One factor for all log-probabilities."""

    exponent: float

    @classmethod
    def fit(cls, log_odds: Numbers, labels: Positions, weights: Numbers | None = None) -> Self:
        def loss(logarithm: float) -> float:
            return _mean(_row_losses(cls(float(np.exp(logarithm)))(log_odds), labels), weights)

        limit = float(np.log(LARGEST_EXPONENT))
        return cls(float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x)))

    @property
    def sigmoid(self) -> Sigmoid:
        """The sigmoid that does the same to two labels."""
        return Sigmoid(np.full(TWO_LABELS, self.exponent), np.zeros(TWO_LABELS))

    def __call__(self, log_odds: Numbers) -> Probabilities:
        if log_odds.shape[1] == TWO_LABELS:
            return self.sigmoid(log_odds)
        return _normalize(expit(log_odds) ** self.exponent)


METHODS: dict[str, type[Calibrator]] = {"sigmoid": Sigmoid, "isotonic": Isotonic, "temperature": Temperature}


class Calibrated(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are calibrated."""

    def __init__(self, classifier: Classifier, calibrator: Calibrator) -> None:
        self.classifier = classifier
        self.calibrator = calibrator

    def fit(self, matrix: Matrix, labels: Positions) -> Self:
        """Fit the classifier only: on the same rows, a calibrator would become too confident."""
        self.classifier.fit(matrix, labels)
        return self

    @property
    def classes_(self) -> Positions:
        classes: Positions = self.classifier.classes_
        return classes

    def predict_proba(self, matrix: Matrix) -> Probabilities:
        return self.calibrator(compute_log_odds(self.classifier, matrix))

    def predict(self, matrix: Matrix) -> Positions:
        return np.asarray(self.classes_[self.predict_proba(matrix).argmax(axis=1)])


def calibrated(classifier: Classifier, calibrator: Calibrator | None) -> Classifier | Calibrated:
    return Calibrated(classifier, calibrator) if calibrator else classifier


@dataclass(frozen=True)
class CalibrationChoice:
    """The chosen method."""

    report: Calibration
    probabilities: Probabilities
    """Of the rows that validate, calibrated without their own fold, [N, labels]."""
    calibrator: Calibrator | None
    """Fitted to all rows; None leaves the probabilities as they are."""


def choose_calibration(
    setting: str,
    target: Target,
    labels: Positions,
    scores: Scores,
    folds: Sequence[Fold],
    weights: Numbers | None = None,
) -> CalibrationChoice:
    """Choose by the log loss of the folds' probabilities, raw and calibrated.

    The calibrator of a fold is fitted to the rows of the other folds. `setting` is training.calibration of
    the spec: "auto" calibrates if the gain is more than one standard error.
    """
    weights = None if weights is None else weights / weights.mean()  # so that penalties mean the same
    by_method = {"none": scores.probabilities}
    for method in _candidates(setting, target):
        by_method[method] = _cross_fit(METHODS[method], labels, scores.log_odds, folds, weights)
    losses = {method: _row_losses(calibrated, labels) for method, calibrated in by_method.items()}
    chosen, reason = _best(losses, weights) if setting == "auto" else (setting, "set by the spec")
    calibrator = METHODS[chosen].fit(scores.log_odds, labels, weights) if chosen in METHODS else None
    if isinstance(calibrator, Sigmoid) and calibrator.reverses_ranking:
        chosen, calibrator = "none", None
        reason = "a sigmoid would reverse the ranking; a label may have too few rows"
    means = {method: _mean(loss, weights) for method, loss in losses.items()}
    return CalibrationChoice(
        report=Calibration.model_validate({"method": chosen, "reason": reason, "log_loss": means}),
        probabilities=by_method[chosen],
        calibrator=calibrator,
    )


def _candidates(setting: str, target: Target) -> Sequence[str]:
    match setting:
        case "auto":
            return ("sigmoid", "isotonic") if target.is_binary else ("temperature",)
        case "none":
            return ()
    return (setting,)


def _best(losses: Mapping[str, Numbers], weights: Numbers | None) -> tuple[str, str]:
    """Return the method with the lowest mean loss, if the gain is more than one standard error, and why."""
    best = min(losses, key=lambda method: _mean(losses[method], weights))
    if best == "none":
        return best, "no method lowers the log loss on the folds"
    gains = losses["none"] - losses[best]
    gain, error = _mean(gains, weights), _standard_error(gains, weights)
    if gain > error:
        return best, f"lowers the log loss on the folds by {gain:.5f} (standard error {error:.5f})"
    return "none", f"{best} lowers the log loss on the folds by only {gain:.5f} (standard error {error:.5f})"


def _cross_fit(
    method: type[Calibrator],
    labels: Positions,
    log_odds: Numbers,
    folds: Sequence[Fold],
    weights: Numbers | None,
) -> Probabilities:
    calibrated = np.empty_like(log_odds)
    for fold in folds:
        of_fold = None if weights is None else weights[fold.train]
        calibrator = method.fit(log_odds[fold.train], labels[fold.train], of_fold)
        calibrated[fold.validate] = calibrator(log_odds[fold.validate])
    return calibrated


def _mean(values: Numbers, weights: Numbers | None) -> float:
    return float(values.mean() if weights is None else np.average(values, weights=weights))


def _standard_error(values: Numbers, weights: Numbers | None) -> float:
    """Return the standard error of the mean of as many rows as the weights come to."""
    if weights is None:
        return float(values.std() / len(values) ** 0.5)
    variance = _mean((values - _mean(values, weights)) ** 2, weights)
    return float((variance * (weights**2).sum()) ** 0.5 / weights.sum())


def _normalize(scores: Probabilities) -> Probabilities:
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def _row_losses(probabilities: Probabilities, labels: Positions) -> Numbers:
    """Return the log loss of each row, clipped as scikit-learn does, which returns only the mean."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1)))
