"""Whether protected groups are treated alike.

Fairlearn's MetricFrame has the rates of the groups. Its own bootstrap takes a third of a second for each
resample, so the intervals are those of `intervals`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from scipy.sparse import csr_array

from app.core.contract import Positions, Probabilities, Target
from app.core.features import Matrix
from model_build.artifacts import Fairness, Group, Interval, Protected
from model_build.errors import DataError
from model_build.evaluation.binning import Levels, divide_into_levels
from model_build.evaluation.intervals import (
    Estimates,
    Weights,
    bootstrap,
    compute_intervals,
    difference,
    exact,
    ratio,
)
from model_build.evaluation.metrics import share, sparse
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DISPARITIES, FAIRNESS_METRICS, EvaluationSection

RATES = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
}
FIGURES = (*RATES, *FAIRNESS_METRICS)
FOUR_FIFTHS = 0.8
"""Least ratio of selection rates by the rule of thumb of the EEOC, the employment commission of the US."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Outcomes:
    """Who has the positive label and who is given it, [N]."""

    is_positive: Mask
    chosen: Mask

    @cached_property
    def among(self) -> Mask:
        """The rows that each of RATES is a share of, [N, rates]."""
        everyone = np.ones_like(self.chosen)
        return np.stack([everyone, self.is_positive, ~self.is_positive, self.is_positive], axis=1)

    @cached_property
    def counted(self) -> Mask:
        """The rows that it is the share of."""
        return np.stack([self.chosen, self.chosen, self.chosen, ~self.chosen], axis=1) & self.among


@dataclass(frozen=True)
class _Found:
    """The figures of one group, and how many of its rows each rate is a share of."""

    intervals: dict[str, Interval]
    support: dict[str, int]


def compute_fairness(
    spec: ModelSpec, target: Target, matrix: Matrix, truth: Positions, probabilities: Probabilities
) -> Fairness:
    """Compare the groups of every protected feature of encoded test rows [N, features].

    Raises:
        DataError: no row is in a reference group.
    """
    if not target.is_binary:
        return Fairness(protected=())
    plan = spec.evaluation
    positive = target.positive_index
    outcomes = _Outcomes(truth == positive, target.decide(probabilities) == positive)
    groups = {
        feature.name: divide_into_levels(feature, column, plan.slices.bands)
        for feature, column in zip(spec.features, matrix.T, strict=True)
        if feature.name in plan.fairness
    }
    return Fairness(
        protected=tuple(
            _protected(name, groups[name], outcomes, plan, spec.split.seed) for name in plan.fairness
        )
    )


def _protected(
    name: str, groups: Levels, outcomes: _Outcomes, plan: EvaluationSection, seed: int
) -> Protected:
    reference = plan.fairness[name]
    present = np.unique(groups.of_row)
    names = [groups.names[position] for position in present]
    if reference not in names:
        raise DataError(f"There is no test row with {name} {reference}, the group to compare others with.")
    base = names.index(reference)
    in_group = groups.of_row[:, None] == present
    counted, among = _lines(outcomes.counted, in_group), _lines(outcomes.among, in_group)

    def statistic(weights: Weights) -> Estimates:
        rates = share(counted @ weights, among @ weights)
        return _with_disparities(rates.reshape(len(names), len(RATES), -1), base)

    values = _with_disparities(_rates(outcomes, groups.of_row, in_group), base)
    estimates = bootstrap(statistic, len(in_group), plan.resamples, seed)
    found = [
        _Found(compute_intervals(FIGURES, of_group, resampled, plan.confidence, support), support)
        for of_group, resampled, support in zip(values, estimates, _support(outcomes, in_group), strict=True)
    ]
    sizes = in_group.sum(axis=0).tolist()
    return Protected(
        feature=name,
        reference=reference,
        groups=tuple(
            _group(level, rows, each, found[base], plan.confidence)
            for level, rows, each in zip(names, sizes, found, strict=True)
        ),
    )


def _group(level: str, rows: int, found: _Found, reference: _Found, confidence: float) -> Group:
    rates = found.intervals
    return Group(
        level=level,
        rows=rows,
        support=found.support,
        selection_rate=rates["selection_rate"],
        true_positive_rate=rates.get("true_positive_rate"),
        false_positive_rate=rates.get("false_positive_rate"),
        false_negative_rate=rates.get("false_negative_rate"),
        disparities={} if found is reference else _disparities(found, reference, confidence),
        four_fifths=_keeps_four_fifths(rates["selection_rate"], reference.intervals["selection_rate"]),
    )


def _disparities(found: _Found, reference: _Found, confidence: float) -> dict[str, Interval]:
    """Return FAIRNESS_METRICS; where one rate is 0 or 1, and so does not vary, from both exact intervals."""
    apart = {name: found.intervals[name] for name in FAIRNESS_METRICS if name in found.intervals}
    known = {name: rate for name, rate in DISPARITIES.items() if f"{name}_difference" in apart}
    for name, rate in known.items():
        pair = [(each.intervals[rate].value, each.support[rate]) for each in (found, reference)]
        if any(value in {0, 1} for value, _ in pair):
            ours, theirs = (exact(*each, confidence) for each in pair)
            apart[f"{name}_difference"] = difference(ours, theirs)
            if theirs.value:
                apart[f"{name}_ratio"] = ratio(ours, theirs)
    return apart


def _keeps_four_fifths(rate: Interval, reference: Interval) -> bool:
    bounds = FOUR_FIFTHS * reference.value, rate.value, reference.value / FOUR_FIFTHS
    low, value, high = (round(each, 9) for each in bounds)  # 0.8 * 0.4 comes out above 0.32
    return low <= value <= high


def _support(outcomes: _Outcomes, in_group: Mask) -> list[dict[str, int]]:
    """Return how many rows of each group its rates are shares of."""
    counts = in_group.T.astype(int) @ outcomes.among
    return [dict(zip(RATES, of_group, strict=True)) for of_group in counts.tolist()]


def _lines(rows: Mask, in_group: Mask) -> csr_array:
    """Return what to multiply weights with for sums of rows [N, rates] by group, [groups * rates, N]."""
    return sparse((in_group[:, :, None] & rows[:, None]).reshape(len(rows), -1))


def _rates(outcomes: _Outcomes, of_row: Positions, in_group: Mask) -> Estimates:
    """Return the rates of every group, [groups, rates]; NaN for a share of no rows."""
    frame = MetricFrame(
        metrics=RATES, y_true=outcomes.is_positive, y_pred=outcomes.chosen, sensitive_features=of_row
    )
    defined = in_group.T @ outcomes.among
    return np.where(defined, frame.by_group.sort_index().to_numpy(dtype=float), np.nan)


def _with_disparities(rates: Estimates, base: int) -> Estimates:
    """Add FAIRNESS_METRICS to the rates [groups, rates, ...], against the group at `base`."""
    reference = np.broadcast_to(rates[base], rates.shape)
    disparities = np.stack([rates - reference, share(rates, reference)], axis=2)
    return np.concatenate([rates, disparities.reshape(len(rates), -1, *rates.shape[2:])], axis=1)
