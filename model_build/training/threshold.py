"""The probability from which on the positive label is taken, chosen on rows that did not train."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Threshold
from model_build.training.cross_validation import Fold, standard_error

GRID = np.arange(1, 100) / 100
"""Thresholds that are tried beside the target's own."""

Scores = npt.NDArray[np.float64]


def choose_threshold(
    target: Target, objective: str, labels: Positions, probabilities: Probabilities, folds: Sequence[Fold]
) -> Threshold | None:
    """Return the threshold with the best mean objective over the folds; None for more than two labels.

    The target's own stays unless the best is better by more than one standard error, paired by fold.
    """
    if not target.is_binary:
        return None
    if objective == "fixed":
        return Threshold(value=target.threshold, objective=objective, reason="as the spec has it", scores={})
    positive = target.positive_index
    is_positive, chance = labels == positive, probabilities[:, positive]
    thresholds = np.append(GRID, target.threshold)
    scores = np.array(
        [_scores(objective, is_positive[f.validate], chance[f.validate], thresholds) for f in folds]
    )
    best = int(scores.mean(axis=0).argmax())
    gains = scores[:, best] - scores[:, -1]
    better = gains.mean() > standard_error(gains)
    chosen = best if better else -1
    return Threshold(
        value=float(thresholds[chosen]),
        objective=objective,
        reason=_reason(objective, float(gains.mean()), standard_error(gains), better),
        scores={f"{thresholds[each]:g}": float(scores[:, each].mean()) for each in (chosen, best, -1)},
    )


def _reason(objective: str, gain: float, error: float, better: bool) -> str:
    name = objective.replace("_", " ")
    if better:
        return f"the best {name} on the folds, by {gain:.4f} (standard error {error:.4f})"
    return f"no other has a better {name} on the folds by more than a standard error ({error:.4f})"


def _scores(
    objective: str, is_positive: npt.NDArray[np.bool_], chance: npt.NDArray[np.floating], thresholds: Scores
) -> Scores:
    """Return the objective at every threshold; scikit-learn would take seconds for all of them."""
    # As Target.decide compares, in float32: a share of 0.7 meets a threshold of 0.7.
    taken = chance.astype(np.float32)[:, None] >= thresholds.astype(np.float32)
    positives, negatives = is_positive.sum(), (~is_positive).sum()
    hits, false_alarms = taken[is_positive].sum(axis=0), taken[~is_positive].sum(axis=0)
    passes = negatives - false_alarms
    match objective:
        case "accuracy":
            return np.asarray((hits + passes) / len(is_positive))
        case "balanced_accuracy":
            return np.asarray((hits / positives + passes / negatives) / 2)
    return np.asarray(2 * hits / (hits + false_alarms + positives))
