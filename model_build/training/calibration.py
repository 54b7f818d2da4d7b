"""Probabilities that come true as often as they say, by what the folds have found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from app.core.contract import TWO_LABELS, Positions, Probabilities, Target
from app.core.features import Matrix
from model_build.artifacts import Calibration
from model_build.training.classifier import Classifier
from model_build.training.cross_validation import Fold

NEAREST = 1e-4
"""How near 0 or 1 a probability may be before its log-odds are taken; float32 is too coarse beyond."""
STEPS = 50
"""Of the isotonic curve: between steeper ones, a rounding error would show in the answer."""
SHARPEST = 10.0

Numbers = npt.NDArray[np.float64]


class Calibrator(Protocol):
    """Takes and returns probabilities [N, labels]."""

    @classmethod
    def fit(cls, probabilities: Probabilities, labels: Positions) -> Self: ...

    def __call__(self, probabilities: Probabilities) -> Probabilities: ...


@dataclass(frozen=True)
class Sigmoid:
    """Platt's: the log-odds of each label against the rest, scaled and shifted."""

    slopes: Numbers
    offsets: Numbers

    @classmethod
    def fit(cls, probabilities: Probabilities, labels: Positions) -> Self:
        odds = _odds(probabilities).T
        fits = [LogisticRegression().fit(of[:, None], labels == label) for label, of in enumerate(odds)]
        return cls(
            np.array([fit.coef_.item() for fit in fits]), np.array([fit.intercept_.item() for fit in fits])
        )

    @property
    def turns_around(self) -> bool:
        """Whether it makes likelier what was less likely, as it may after few rows of a label."""
        return bool((self.slopes <= 0).any())

    def __call__(self, probabilities: Probabilities) -> Probabilities:
        return _normalised(expit(_odds(probabilities) * self.slopes + self.offsets))


@dataclass(frozen=True)
class Isotonic:
    """A rising curve for each label against the rest, given at the ends of STEPS equal steps."""

    curves: Numbers

    @classmethod
    def fit(cls, probabilities: Probabilities, labels: Positions) -> Self:
        least = 1 / (len(labels) + 2)  # what has never happened may still
        curve = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
        grid = np.linspace(0, 1, STEPS + 1)
        curves = [curve.fit(of, labels == label).predict(grid) for label, of in enumerate(probabilities.T)]
        return cls(np.array(curves))

    def __call__(self, probabilities: Probabilities) -> Probabilities:
        grid = np.linspace(0, 1, STEPS + 1)
        columns = zip(probabilities.T, self.curves, strict=True)
        return _normalised(np.stack([np.interp(of, grid, curve) for of, curve in columns], axis=1))


@dataclass(frozen=True)
class Temperature:
    """All log-probabilities scaled alike."""

    exponent: float

    @classmethod
    def fit(cls, probabilities: Probabilities, labels: Positions) -> Self:
        def loss(logarithm: float) -> float:
            return float(_losses(cls(float(np.exp(logarithm)))(probabilities), labels).mean())

        widest = float(np.log(SHARPEST))
        return cls(float(np.exp(minimize_scalar(loss, bounds=(-widest, widest), method="bounded").x)))

    @property
    def sigmoid(self) -> Sigmoid:
        """The same for two labels."""
        return Sigmoid(np.full(TWO_LABELS, self.exponent), np.zeros(TWO_LABELS))

    def __call__(self, probabilities: Probabilities) -> Probabilities:
        if probabilities.shape[1] == TWO_LABELS:
            return self.sigmoid(probabilities)
        return _normalised(probabilities**self.exponent)


METHODS: dict[str, type[Calibrator]] = {"sigmoid": Sigmoid, "isotonic": Isotonic, "temperature": Temperature}


class Calibrated(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose answers are calibrated."""

    def __init__(self, classifier: Classifier, calibrator: Calibrator) -> None:
        self.classifier = classifier
        self.calibrator = calibrator

    def fit(self, matrix: Matrix, labels: Positions) -> Self:
        """Fit the classifier only: its own rows would make the calibrator too sure."""
        self.classifier.fit(matrix, labels)
        return self

    @property
    def classes_(self) -> Positions:
        classes: Positions = self.classifier.classes_
        return classes

    def predict_proba(self, matrix: Matrix) -> Probabilities:
        return self.calibrator(self.classifier.predict_proba(matrix))

    def predict(self, matrix: Matrix) -> Positions:
        return np.asarray(self.classes_[self.predict_proba(matrix).argmax(axis=1)])


@dataclass(frozen=True)
class Choice:
    """Which method, with what it makes of the folds' probabilities, and fitted to all of them."""

    report: Calibration
    probabilities: Probabilities
    calibrator: Calibrator | None


def choose_calibration(
    wanted: str, target: Target, labels: Positions, probabilities: Probabilities, folds: Sequence[Fold]
) -> Choice:
    """Choose by log loss between the folds' probabilities [N, labels] and calibrated ones.

    What calibrates the rows of a fold is fitted to those of the others.
    """
    by_method = {"none": probabilities}
    for method in _candidates(wanted, target):
        by_method[method] = _cross_fitted(METHODS[method], labels, probabilities, folds)
    losses = {method: _losses(found, labels) for method, found in by_method.items()}
    means = {method: float(loss.mean()) for method, loss in losses.items()}
    best = min(means, key=lambda method: means[method])
    gains = losses["none"] - losses[best]
    gain, error = float(gains.mean()), float(gains.std() / len(gains) ** 0.5)
    match wanted:
        case "auto":
            chosen = best if gain > error else "none"
            reason = _reason(gain, error, best, chosen)
        case _:
            chosen, reason = wanted, "as the spec has it"
    calibrator = METHODS[chosen].fit(probabilities, labels) if chosen in METHODS else None
    if isinstance(calibrator, Sigmoid) and calibrator.turns_around:
        chosen, calibrator = "none", None
        reason = "a sigmoid would turn the ranking around; there may be too few rows of a label"
    return Choice(
        report=Calibration.model_validate({"method": chosen, "reason": reason, "log_loss": means}),
        probabilities=by_method[chosen],
        calibrator=calibrator,
    )


def _candidates(wanted: str, target: Target) -> Sequence[str]:
    match wanted:
        case "auto":
            return ("sigmoid", "isotonic") if target.is_binary else ("temperature",)
        case "none":
            return ()
    return (wanted,)


def _reason(gain: float, error: float, best: str, chosen: str) -> str:
    if best == "none":
        return "no method lowers the log loss on the folds"
    found = f"lowers the log loss on the folds by {gain:.5f} (standard error {error:.5f})"
    return found if best == chosen else f"{best} only {found}"


def _cross_fitted(
    method: type[Calibrator], labels: Positions, probabilities: Probabilities, folds: Sequence[Fold]
) -> Probabilities:
    found = np.empty_like(probabilities)
    for fold in folds:
        fitted = method.fit(probabilities[fold.train], labels[fold.train])
        found[fold.validate] = fitted(probabilities[fold.validate])
    return found


def _odds(probabilities: Probabilities) -> Numbers:
    return np.asarray(logit(np.clip(probabilities, NEAREST, 1 - NEAREST)))


def _normalised(scores: Probabilities) -> Probabilities:
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def _losses(probabilities: Probabilities, labels: Positions) -> Numbers:
    """Return the log loss of each row, as scikit-learn bounds it; it gives their mean only."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1)))
