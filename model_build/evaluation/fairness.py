"""Whether protected groups are treated alike.

Fairlearn's MetricFrame computes the rates of the groups. Its bootstrap takes a third of a second for each
resample, so `intervals` computes the intervals.
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
from app.core.values import Matrix
from model_build.artifacts import Interval
from model_build.errors import DataError
from model_build.evaluation.bags import LARGE, fill_bag
from model_build.evaluation.binning import Levels, divide_into_levels
from model_build.evaluation.intervals import (
    Estimates,
    Weights,
    bootstrap,
    compute_intervals,
    exact_interval,
    interval_of_difference,
    interval_of_ratio,
)
from model_build.evaluation.metrics import share, sparse
from model_build.evaluation.plan import Plan
from model_build.fairness_report import Fairness, Group, Protected
from model_build.spec.sections import DISPARITIES, FAIRNESS_METRICS, EvaluationSection

RATES = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
}
GROUP_METRICS = (*RATES, *FAIRNESS_METRICS)
FOUR_FIFTHS = 0.8
"""Lowest ratio of selection rates by the rule of thumb of the EEOC, the employment commission of the US."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Outcomes:
    """Whether each row has the positive label, and whether the model predicts that label, [N]."""

    is_positive: Mask
    is_selected: Mask

    @cached_property
    def denominators(self) -> Mask:
        """The rows that each of RATES is a share of, [N, rates]."""
        all_rows = np.ones_like(self.is_selected)
        return np.stack([all_rows, self.is_positive, ~self.is_positive, self.is_positive], axis=1)

    @cached_property
    def numerators(self) -> Mask:
        """The rows among them that the rate counts, [N, rates]."""
        selected = self.is_selected
        return np.stack([selected, selected, selected, ~selected], axis=1) & self.denominators


@dataclass(frozen=True)
class _GroupMetrics:
    """The metrics of one group, and the number of rows that each rate is a share of."""

    intervals: dict[str, Interval]
    support: dict[str, int]


def compute_fairness(
    plan: Plan, target: Target, matrix: Matrix, truth: Positions, probabilities: Probabilities
) -> Fairness:
    """Compare the groups of every protected feature of encoded test rows [N, columns].

    With more than two labels, they are compared for each label against all others.

    Raises:
        DataError: a reference group has no row.
    """
    section = plan.evaluation
    predicted = target.decide(probabilities)
    labels = [target.positive_index] if target.is_binary else range(len(target.labels))
    groups = {
        feature.name: divide_into_levels(feature, column, section.slices.bands)
        for feature, column in zip(plan.columns, matrix.T, strict=True)
        if feature.name in section.fairness
    }
    return Fairness(
        protected=tuple(
            _protected(
                name,
                groups[name],
                _Outcomes(truth == label, predicted == label),
                section,
                plan.seed,
            ).model_copy(update={"label": None if target.is_binary else target.labels[label]})
            for name in section.fairness
            for label in labels
        )
    )


def _protected(
    name: str, levels: Levels, outcomes: _Outcomes, section: EvaluationSection, seed: int
) -> Protected:
    reference = section.fairness[name]
    present = np.unique(levels.of_row)
    names = [levels.names[position] for position in present]
    if reference not in names:
        raise DataError(f"No test row has {name} {reference}, the reference group of evaluation.fairness.")
    position = names.index(reference)
    in_group = levels.of_row[:, None] == present
    groups = _measure_groups(levels.of_row, in_group, position, outcomes, section, seed)
    sizes = in_group.sum(axis=0).tolist()
    return Protected(
        feature=name,
        reference=reference,
        groups=tuple(
            _group(level, rows, group, groups[position], section.confidence)
            for level, rows, group in zip(names, sizes, groups, strict=True)
        ),
    )


def _measure_groups(
    of_row: Positions,
    in_group: Mask,
    reference: int,
    outcomes: _Outcomes,
    section: EvaluationSection,
    seed: int,
) -> list[_GroupMetrics]:
    """Return GROUP_METRICS of every group, compared with the group at the position `reference`."""
    values = _with_disparities(_rates(outcomes, of_row, in_group), reference)
    estimates = _bootstrap(of_row, in_group, reference, outcomes, section.resamples, seed)
    return [
        _GroupMetrics(
            compute_intervals(GROUP_METRICS, of_group, resampled, section.confidence, support), support
        )
        for of_group, resampled, support in zip(values, estimates, _support(outcomes, in_group), strict=True)
    ]


def _bootstrap(
    of_row: Positions,
    in_group: Mask,
    reference: int,
    outcomes: _Outcomes,
    resamples: int,
    seed: int,
) -> Estimates:
    """Return GROUP_METRICS of every group [groups, metrics, resamples].

    Rows of one group with equal outcomes are alike, so of many rows one of each kind stands for all.
    """
    bag = None
    if len(of_row) > LARGE:
        kinds = 4 * of_row + 2 * outcomes.is_positive + outcomes.is_selected
        bag = fill_bag(kinds, 1, seed)
        in_group = in_group[bag.positions]
        outcomes = _Outcomes(outcomes.is_positive[bag.positions], outcomes.is_selected[bag.positions])
    numerators = _sum_by_group(outcomes.numerators, in_group)
    denominators = _sum_by_group(outcomes.denominators, in_group)

    def statistic(weights: Weights) -> Estimates:
        rates = share(numerators @ weights, denominators @ weights)
        return _with_disparities(rates.reshape(in_group.shape[1], len(RATES), -1), reference)

    if bag is None:
        return bootstrap(statistic, len(of_row), resamples, seed)
    return bag.bootstrap(statistic, resamples, seed)


def _group(
    level: str, rows: int, metrics: _GroupMetrics, reference: _GroupMetrics, confidence: float
) -> Group:
    rates = metrics.intervals
    return Group(
        level=level,
        rows=rows,
        support=metrics.support,
        selection_rate=rates["selection_rate"],
        true_positive_rate=rates.get("true_positive_rate"),
        false_positive_rate=rates.get("false_positive_rate"),
        false_negative_rate=rates.get("false_negative_rate"),
        disparities={} if metrics is reference else _disparities(metrics, reference, confidence),
        four_fifths=_keeps_four_fifths(rates["selection_rate"], reference.intervals["selection_rate"]),
    )


def _disparities(metrics: _GroupMetrics, reference: _GroupMetrics, confidence: float) -> dict[str, Interval]:
    """Return FAIRNESS_METRICS, computed from exact intervals if one of the two rates is 0 or 1.

    Such a rate is the same in every resample, so the bootstrap would call it certain.
    """
    disparities = {name: metrics.intervals[name] for name in FAIRNESS_METRICS if name in metrics.intervals}
    for name, rate in DISPARITIES.items():
        if f"{name}_difference" not in disparities:
            continue
        pair = [(group.intervals[rate].value, group.support[rate]) for group in (metrics, reference)]
        if any(value in {0, 1} for value, _ in pair):
            own, compared = (exact_interval(value, rows, confidence) for value, rows in pair)
            disparities[f"{name}_difference"] = interval_of_difference(own, compared)
            if compared.value:
                disparities[f"{name}_ratio"] = interval_of_ratio(own, compared)
    return disparities


def _keeps_four_fifths(rate: Interval, reference: Interval) -> bool:
    bounds = FOUR_FIFTHS * reference.value, rate.value, reference.value / FOUR_FIFTHS
    low, value, high = (round(bound, 9) for bound in bounds)  # 0.8 * 0.4 comes out above 0.32
    return low <= value <= high


def _support(outcomes: _Outcomes, in_group: Mask) -> list[dict[str, int]]:
    """Return the number of rows of each group that its rates are shares of."""
    counts = in_group.T.astype(int) @ outcomes.denominators
    return [dict(zip(RATES, of_group, strict=True)) for of_group in counts.tolist()]


def _sum_by_group(rows: Mask, in_group: Mask) -> csr_array:
    """Return a matrix [groups * rates, N]; its product with weights is the weight of the rows by group."""
    return sparse((in_group[:, :, None] & rows[:, None]).reshape(len(rows), -1))


def _rates(outcomes: _Outcomes, of_row: Positions, in_group: Mask) -> Estimates:
    """Return the rates of every group, [groups, rates]; NaN for a share of no rows.

    Equal rows are counted first: MetricFrame copies all rows for each group and metric.
    """
    rows = np.stack([outcomes.is_positive, outcomes.is_selected, of_row])
    (is_positive, is_selected, group), counts = np.unique(rows, axis=1, return_counts=True)
    frame = MetricFrame(
        metrics=RATES,
        y_true=is_positive,
        y_pred=is_selected,
        sensitive_features=group,
        sample_params={name: {"sample_weight": counts} for name in RATES},
    )
    has_rows = in_group.T @ outcomes.denominators
    return np.where(has_rows, frame.by_group.sort_index().to_numpy(dtype=float), np.nan)


def _with_disparities(rates: Estimates, reference: int) -> Estimates:
    """Add FAIRNESS_METRICS to the rates [groups, rates, ...], against the group at `reference`."""
    compared = np.broadcast_to(rates[reference], rates.shape)
    disparities = np.stack([rates - compared, share(rates, compared)], axis=2)
    return np.concatenate([rates, disparities.reshape(len(rates), -1, *rates.shape[2:])], axis=1)
