"""The choice among the candidates of a search, by their metrics on the same folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_build.artifacts import Candidate, Comparison
from model_build.spec.sections import LOWER_IS_BETTER
from model_build.text import pluralize
from model_build.training.cross_validation import compare_folds, paired_error

COMPARED = ("roc_auc", "log_loss")
SACRIFICE = 0.1
"""The largest share of the best candidate's gain on the defaults that is given up for a smaller model."""


@dataclass(frozen=True)
class EvaluatedCandidate:
    """A candidate with the values of its metrics on each fold of each repeat."""

    summary: Candidate
    fold_metrics: Mapping[str, Sequence[float]]
    repeats: int

    def compare(self, default: "EvaluatedCandidate") -> tuple[Comparison, ...]:
        return tuple(
            compare_folds(metric, self.fold_metrics[metric], default.fold_metrics[metric], self.repeats)
            for metric in COMPARED
        )


def choose_candidate(
    evaluated: Sequence[EvaluatedCandidate], default: EvaluatedCandidate, metric: str
) -> tuple[EvaluatedCandidate, EvaluatedCandidate, str]:
    """Return the best candidate, the chosen one, and why it was chosen.

    The smallest candidate is chosen whose mean loss against the best, fold by fold, is at most one standard
    error of that loss, and at most a tenth of what the best gains on the defaults. A candidate does not count
    if its mean ROC AUC or log loss is worse than the defaults'. If none is left, the defaults are chosen.
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1
    best = max(evaluated, key=lambda candidate: sign * candidate.summary.score)
    tolerance = SACRIFICE * sign * (best.summary.score - default.summary.score)
    near = [candidate for candidate in evaluated if _is_near(candidate, best, metric, tolerance)]
    allowed = [candidate for candidate in near if not is_worse(candidate.compare(default))]
    if not allowed:
        reason = "the defaults, because no candidate near the best has a ROC AUC and a log loss as good"
        return best, default, reason
    chosen = min(allowed, key=lambda candidate: (candidate.summary.size, -sign * candidate.summary.score))
    within = f"within noise of the best and within {tolerance:.5f} of it, a tenth of its gain on the defaults"
    reason = f"the smallest of {pluralize(len(allowed), 'candidate')} {within}"
    worse = len(near) - len(allowed)
    if worse:
        reason += f", not counting {worse} with a worse metric than the defaults"
    return best, chosen, reason


def is_worse(comparisons: Sequence[Comparison]) -> bool:
    """Return whether the mean of a metric is worse than the defaults'."""
    return any(
        comparison.difference.value > 0
        if comparison.metric in LOWER_IS_BETTER
        else comparison.difference.value < 0
        for comparison in comparisons
    )


def is_behind(metric: str, values: Sequence[float], best: Sequence[float], folds: int) -> bool:
    """Return whether the values are worse than the best's on the same folds, by more than a standard error.

    `values` may be of the first folds only. `folds` counts those of one repeat.
    """
    losses = _losses(metric, values, best)
    return float(losses.mean()) > paired_error(losses, folds)


def _is_near(candidate: EvaluatedCandidate, best: EvaluatedCandidate, metric: str, tolerance: float) -> bool:
    values, best_values = candidate.fold_metrics[metric], best.fold_metrics[metric]
    is_tolerable = float(_losses(metric, values, best_values).mean()) <= tolerance
    return is_tolerable and not is_behind(metric, values, best_values, len(values) // best.repeats)


def _losses(metric: str, values: Sequence[float], best: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return how much worse each value is than the best's on the same fold."""
    differences = np.subtract(values, best[: len(values)])
    return differences if metric in LOWER_IS_BETTER else -differences
