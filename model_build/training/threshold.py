"""The threshold: the least probability that gets the positive label, chosen on rows that did not train."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Interval, Threshold
from model_build.spec.sections import RARE
from model_build.spec.threshold import ThresholdRule, to_rule
from model_build.training.cross_validation import CONFIDENCE, Fold, standard_error

GRID = np.arange(1, 100) / 100
"""Thresholds to try beside the target's own."""
MOST_SCORES = 2000
"""Of the rows' own probabilities, how many are tried where GRID is too coarse."""
DIGITS = 3  # after the first digit of such a threshold, or of its distance from 1
RESAMPLES = 500
SCORE_METRICS = ("accuracy", "balanced_accuracy", "f1", "f2", "cost")
"""Objectives that compare thresholds by a score; the other rules have a condition."""

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Selected:
    """Of some rows, how many of each kind reach each threshold [..., thresholds]."""

    hits: Numbers
    false_alarms: Numbers
    positives: Numbers
    """Of all rows [..., 1]."""
    negatives: Numbers

    @property
    def rows(self) -> Numbers:
        return self.positives + self.negatives

    @property
    def share(self) -> Numbers:
        return (self.hits + self.false_alarms) / self.rows

    @property
    def recall(self) -> Numbers:
        return _ratio(self.hits, self.positives)

    @property
    def precision(self) -> Numbers:
        return _ratio(self.hits, self.hits + self.false_alarms)

    def f(self, beta: float) -> Numbers:
        weight = beta**2
        selected = self.hits + self.false_alarms
        return _ratio((1 + weight) * self.hits, selected + weight * self.positives)


def choose_threshold(
    target: Target,
    setting: str | ThresholdRule,
    labels: Positions,
    probabilities: Probabilities,
    folds: Sequence[Fold],
    seed: int = 0,
) -> Threshold | None:
    """Return the threshold that the setting asks for on the folds; None for more than two labels.

    If a score is maximized, the target's own threshold stays unless the best one gains more than one
    standard error, paired by fold.
    """
    if not target.is_binary:
        return None
    rule = to_rule(setting)
    if rule is None:
        return Threshold(value=target.threshold, objective="fixed", reason="set by the spec", scores={})
    positive = target.positive_index
    is_positive, score = labels == positive, probabilities[:, positive].astype(np.float64)
    thresholds = np.append(_candidates(rule, is_positive, score), target.threshold)
    rows = _count(is_positive, score, thresholds)
    if rule.name in SCORE_METRICS:
        of_folds = [_count(is_positive[fold.validate], score[fold.validate], thresholds) for fold in folds]
        chosen = _best_score(rule, thresholds, np.array([_scores(rule, part) for part in of_folds]))
    else:
        chosen = _best_allowed(rule, thresholds, rows)
    return _with_intervals(chosen, rule, thresholds, rows, seed)


def _candidates(rule: ThresholdRule, is_positive: Mask, score: Numbers) -> Numbers:
    """Return GRID, and probabilities of the rows if positives are rare or a condition has to be met."""
    if rule.name in SCORE_METRICS and is_positive.mean() >= RARE:
        return GRID
    ranks = np.linspace(0, 1, MOST_SCORES // 2)
    own = np.append(np.quantile(score[is_positive], ranks), np.quantile(score, ranks))
    own = np.where(own < GRID[49], _rounded_down(own), 1 - _rounded_down(1 - own))
    return np.union1d(GRID, own[(own > 0) & (own < 1)])


def _rounded_down(numbers: Numbers) -> Numbers:
    """Return numbers that a person can read, none of them larger."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(numbers)) - DIGITS)
        return np.nan_to_num(np.floor(numbers / step) * step)


def _count(is_positive: Mask, score: Numbers, thresholds: Numbers) -> Selected:
    """Count the rows that reach each threshold, as float32, as Target.decide does."""
    hits, false_alarms = (
        len(part) - np.searchsorted(np.sort(part.astype(np.float32)), thresholds.astype(np.float32))
        for part in (score[is_positive], score[~is_positive])
    )
    counts = [hits, false_alarms, [is_positive.sum()], [(~is_positive).sum()]]
    return Selected(*(np.asarray(count, dtype=np.float64) for count in counts))


def _scores(rule: ThresholdRule, selected: Selected) -> Numbers:
    """Return the score at every threshold; more is better, so that a cost is negative."""
    rejections = selected.negatives - selected.false_alarms
    match rule.name:
        case "accuracy":
            return np.asarray((selected.hits + rejections) / selected.rows)
        case "balanced_accuracy":
            return np.asarray((selected.recall + _ratio(rejections, selected.negatives)) / 2)
        case "cost" if rule.cost:
            misses = selected.positives - selected.hits
            total = rule.cost.false_positive * selected.false_alarms + rule.cost.false_negative * misses
            return np.asarray(-total / selected.rows)
    return selected.f(2 if rule.name == "f2" else 1)


def _best_score(rule: ThresholdRule, thresholds: Numbers, scores: Numbers) -> Threshold:
    """Choose by the scores [folds, thresholds], of which the last are the target's own."""
    best = int(scores.mean(axis=0).argmax())
    gains = scores[:, best] - scores[:, -1]
    gain, error = float(gains.mean()), standard_error(gains.tolist())
    chosen = best if gain > error else -1
    title = "cost per row" if rule.cost else rule.name.replace("_", " ")
    sign = -1 if rule.cost else 1
    if gain > error:
        superlative = "lowest" if rule.cost else "best"
        reason = f"the {superlative} {title} on the folds, by {gain:.4f} (standard error {error:.4f})"
    else:
        comparative = "lower" if rule.cost else "better"
        reason = (
            f"no other threshold has a {comparative} {title} on the folds by more than one standard error "
            f"({error:.4f})"
        )
    return Threshold(
        value=float(thresholds[chosen]),
        objective=rule.name,
        reason=reason,
        scores={
            f"{thresholds[position]:g}": sign * float(scores[:, position].mean())
            for position in (chosen, best, -1)
        },
    )


def _best_allowed(rule: ThresholdRule, thresholds: Numbers, rows: Selected) -> Threshold:
    position, is_met = _position(rule, thresholds, rows)
    precision, recall, share = (
        float(values[position]) for values in (rows.precision, rows.recall, rows.share)
    )
    if rule.budget:
        reason = f"as many rows as a budget of {rule.budget:.4g} of the rows of the folds allows"
        values = f"it selects {share:.4g}"
    elif rule.precision_at_recall:
        reason = f"the highest precision with a recall of at least {rule.precision_at_recall:g} on the folds"
        values = f"precision {precision:.4f}, recall {recall:.4f}"
    else:
        reason = f"the highest recall with a precision of at least {rule.recall_at_precision:g} on the folds"
        values = f"recall {recall:.4f}, precision {precision:.4f}"
    if not is_met:
        reason = f"no threshold reaches it: {reason}; this one comes closest"
    return Threshold(
        value=float(thresholds[position]), objective=rule.name, reason=f"{reason}: {values}", scores={}
    )


def _position(rule: ThresholdRule, thresholds: Numbers, rows: Selected) -> tuple[int, bool]:
    """Return which threshold [thresholds] is best by the rule, and whether it meets the condition.

    If none does, it is the one that comes closest; of equally good ones, the highest.
    """
    if rule.name in SCORE_METRICS:
        return int(_scores(rule, rows).argmax()), True
    measured, bound, goal = _condition(rule, rows)
    is_met = measured >= bound
    if not is_met.any():
        return int(np.lexsort((-thresholds, -measured))[0]), False
    order = np.lexsort((-thresholds, -np.where(is_met, goal, -np.inf)))
    return int(order[0]), True


def _condition(rule: ThresholdRule, rows: Selected) -> tuple[Numbers, float, Numbers]:
    """Return what is measured at every threshold, the least that is allowed, and what is maximized."""
    if rule.budget:
        return -rows.share, -rule.budget, rows.share
    if rule.precision_at_recall:
        return rows.recall, rule.precision_at_recall, rows.precision
    return rows.precision, float(rule.recall_at_precision or 0), rows.recall


def _with_intervals(
    chosen: Threshold, rule: ThresholdRule, thresholds: Numbers, rows: Selected, seed: int
) -> Threshold:
    """Choose again on resamples of the rows, and measure the chosen threshold on them."""
    samples = _resample(thresholds, rows, seed)
    picked = [
        thresholds[_position(rule, thresholds, _take(samples, sample))[0]] for sample in range(RESAMPLES)
    ]
    position = int(np.flatnonzero(thresholds == chosen.value)[0])
    measured = {
        name: _interval(float(getattr(rows, name)[position]), getattr(samples, name)[:, position])
        for name in ("precision", "recall", "share")
    }
    return chosen.model_copy(
        update={"interval": _interval(chosen.value, np.array(picked)), "measured": measured}
    )


def _resample(thresholds: Numbers, rows: Selected, seed: int) -> Selected:
    """Draw as many rows with replacement: their numbers between neighbouring thresholds are multinomial."""
    order = np.argsort(-thresholds, kind="stable")
    steps = [
        np.diff(np.concatenate([[0], counts[order], total]))
        for counts, total in ((rows.hits, rows.positives), (rows.false_alarms, rows.negatives))
    ]
    kinds, count = np.concatenate(steps), int(rows.rows.item())
    drawn = np.random.default_rng(seed).multinomial(count, kinds / count, RESAMPLES)
    hits, false_alarms = (np.cumsum(part, axis=1) for part in np.split(drawn, 2, axis=1))
    back = np.argsort(order)
    counts = [hits[:, back], false_alarms[:, back], hits[:, -1:], false_alarms[:, -1:]]
    return Selected(*(part.astype(np.float64) for part in counts))


def _take(samples: Selected, sample: int) -> Selected:
    return replace(samples, **{name: values[sample] for name, values in vars(samples).items()})


def _interval(value: float, estimates: Numbers) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(estimates, [tail, 1 - tail])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    """Return part / whole; 0 where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)
