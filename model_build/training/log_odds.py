"""The log-odds of each label against the rest, which calibration scales and shifts.

Estimators that sum log-odds give them as they are. Their probabilities would not do: close to 1, float32 is
so coarse that log-odds computed from them differ between scikit-learn and ONNX, and that rows tie.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit, logsumexp
from sklearn.base import ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from app.core.contract import Probabilities

SHRINKAGE = 1e-3
"""How far probabilities 0 and 1 are moved inward, and all others in proportion, if they are shares of trees.

A share may be exactly 0 or 1, which have no log-odds. A proportion keeps the ranking, as a clip would not.
"""
SUM_LOG_ODDS = (LogisticRegression, HistGradientBoostingClassifier, GradientBoostingClassifier)
"""Estimators whose decision function is the log-odds, or the logarithms of the shares of many labels."""

Numbers = npt.NDArray[np.float64]


def sums_log_odds(estimator: Any) -> bool:
    return isinstance(estimator, SUM_LOG_ODDS)


def compute_log_odds(classifier: ClassifierMixin, matrix: Any) -> Numbers:
    """Return the log-odds [N, labels] of each label against all others, from a pipeline or what holds one."""
    pipeline = getattr(classifier, "pipeline_", classifier)
    if sums_log_odds(pipeline[-1]):
        return log_odds_of_margins(classifier.decision_function(matrix))
    return log_odds_of_shares(classifier.predict_proba(matrix))


def log_odds_of_shares(probabilities: Probabilities) -> Numbers:
    return np.asarray(logit(probabilities.astype(np.float64) * (1 - 2 * SHRINKAGE) + SHRINKAGE))


def log_odds_of_margins(margins: npt.NDArray[np.floating[Any]]) -> Numbers:
    """Take the log-odds of the second of two labels [N], or the logarithms of the shares [N, labels]."""
    margins = margins.astype(np.float64)
    if margins.ndim == 1:
        return np.stack([-margins, margins], axis=1)
    others = [np.delete(margins, label, axis=1) for label in range(margins.shape[1])]
    return np.asarray(margins - np.stack([logsumexp(other, axis=1) for other in others], axis=1))
