"""The threshold: the least probability that gets the positive label, chosen on rows that did not train."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Threshold
from model_build.training.cross_validation import Fold, standard_error

GRID = np.arange(1, 100) / 100
"""Thresholds to try beside the target's own."""

Numbers = npt.NDArray[np.float64]


def choose_threshold(
    target: Target, objective: str, labels: Positions, probabilities: Probabilities, folds: Sequence[Fold]
) -> Threshold | None:
    """Return the threshold with the best mean objective over the folds; None for more than two labels.

    The target's own threshold stays unless the best one gains more than one standard error, paired by fold.
    """
    if not target.is_binary:
        return None
    if objective == "fixed":
        return Threshold(value=target.threshold, objective=objective, reason="set by the spec", scores={})
    positive = target.positive_index
    is_positive, score = labels == positive, probabilities[:, positive]
    thresholds = np.append(GRID, target.threshold)
    objectives = np.array(
        [
            _objectives(objective, is_positive[fold.validate], score[fold.validate], thresholds)
            for fold in folds
        ]
    )
    best = int(objectives.mean(axis=0).argmax())
    gains = objectives[:, best] - objectives[:, -1]
    better = gains.mean() > standard_error(gains)
    chosen = best if better else -1
    return Threshold(
        value=float(thresholds[chosen]),
        objective=objective,
        reason=_reason(objective, float(gains.mean()), standard_error(gains), better),
        scores={
            f"{thresholds[position]:g}": float(objectives[:, position].mean())
            for position in (chosen, best, -1)
        },
    )


def _reason(objective: str, gain: float, error: float, better: bool) -> str:
    name = objective.replace("_", " ")
    if better:
        return f"the best {name} on the folds, by {gain:.4f} (standard error {error:.4f})"
    return (
        f"no other threshold has a better {name} on the folds by more than one standard error ({error:.4f})"
    )


def _objectives(
    objective: str, is_positive: npt.NDArray[np.bool_], score: npt.NDArray[np.floating], thresholds: Numbers
) -> Numbers:
    """Return the objective at every threshold; scikit-learn would take seconds for all of them."""
    # Target.decide compares in float32 too, so that a probability of 0.7 reaches a threshold of 0.7.
    predicted = score.astype(np.float32)[:, None] >= thresholds.astype(np.float32)
    positives, negatives = is_positive.sum(), (~is_positive).sum()
    hits, false_alarms = predicted[is_positive].sum(axis=0), predicted[~is_positive].sum(axis=0)
    rejections = negatives - false_alarms
    match objective:
        case "accuracy":
            return np.asarray((hits + rejections) / len(is_positive))
        case "balanced_accuracy":
            return np.asarray((hits / positives + rejections / negatives) / 2)
    return np.asarray(2 * hits / (hits + false_alarms + positives))
