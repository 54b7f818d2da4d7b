"""The metrics of slices: the test rows that have a level of a feature, or several levels, in common.

Fairlearn's MetricFrame computes the same metrics, but its bootstrap needs minutes for each feature.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.contract import Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import Slice, Slices
from model_build.evaluation.bags import LARGE, SLICE_BAG, bootstrap_from_bag
from model_build.evaluation.binning import Levels, divide_at, divide_into_levels
from model_build.evaluation.borders import widen_at_borders
from model_build.evaluation.intervals import Estimates, Weights, bootstrap, compute_intervals
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.evaluation.plan import Plan
from model_build.spec.sections import MOST_SLICED, SLICE_METRICS, EvaluationSection
from model_build.threads import map_in_threads

OF_LABEL = ("accuracy", "log_loss", "brier")
"""The metrics of rows that have one label in common: their precision would be 1 whatever the model does."""


@dataclass(frozen=True)
class _Part:
    """Which rows a slice has."""

    features: tuple[str, ...]
    levels: tuple[str, ...]
    rows: Positions
    of_label: bool


def compute_slices(
    plan: Plan,
    target: Target,
    matrix: Matrix,
    truth: Positions,
    probabilities: Probabilities,
    tick: Callable[[], None] = lambda: None,
) -> Slices:
    """Score the slices that the plan declares, of encoded test rows [N, columns].

    `tick` is called after each slice.
    """
    section = plan.evaluation
    scored = ScoredRows(target, truth, probabilities)
    levels = _levels(plan, target, matrix, truth)
    single = _sliced_features(levels, section, target)
    too_small = 0

    def large_parts() -> Iterator[_Part]:
        nonlocal too_small
        for part in _divide(levels, single, section, target):
            if len(part.rows) >= section.slices.minimum_rows:
                yield part
            else:
                too_small += 1

    is_bagged = len(truth) > LARGE
    measure = _measure_from_bags if is_bagged else _measure_from_all_rows
    slices = []
    for slice_ in measure(scored, large_parts(), section, plan.seed):
        slices.append(slice_)
        tick()
    return Slices(
        minimum_rows=section.slices.minimum_rows,
        too_small=too_small,
        slices=tuple(slices),
        interval_rows=SLICE_BAG if is_bagged else None,
        features_left_out=len(levels) - 1 - len(single) if section.slices.features is None else 0,
    )


def _levels(plan: Plan, target: Target, matrix: Matrix, truth: Positions) -> dict[str, Levels]:
    """Return the levels of every column, and of the target."""
    section = plan.evaluation.slices
    levels = {
        column.name: divide_at(values, section.cuts[column.name])
        if column.name in section.cuts
        else divide_into_levels(column, values, section.bands)
        for column, values in zip(plan.columns, matrix.T, strict=True)
        if not column.is_open
    }
    return levels | {target.name: Levels(target.labels, truth)}


def _sliced_features(levels: dict[str, Levels], section: EvaluationSection, target: Target) -> list[str]:
    """Return the features that are sliced: those of the plan, or all, or those that say most of the label."""
    if section.slices.features is not None:
        return list(section.slices.features)
    names = [name for name in levels if name != target.name]
    truth = levels[target.name]
    ranked = sorted(names, key=lambda name: -_association(levels[name], truth)) if _is_wide(names) else names
    kept = {*ranked[:MOST_SLICED], *section.slices.cuts}
    return [name for name in names if name in kept]


def _is_wide(names: Sequence[str]) -> bool:
    return len(names) > MOST_SLICED


def _association(levels: Levels, truth: Levels) -> float:
    """Return the squared Cramér's V of levels and label."""
    shape = len(levels.names), len(truth.names)
    counts = np.bincount(np.ravel_multi_index((levels.of_row, truth.of_row), shape), minlength=np.prod(shape))
    observed = counts.reshape(shape)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(truth.of_row)
    terms = np.divide((observed - expected) ** 2, expected, out=np.zeros(shape), where=expected > 0)
    present = min(int((observed.sum(axis=axis) > 0).sum()) for axis in (0, 1))
    return float(terms.sum() / max(present - 1, 1))


def _divide(
    levels: dict[str, Levels], single: Sequence[str], section: EvaluationSection, target: Target
) -> Iterator[_Part]:
    """Yield every slice that has a row: by label, feature and intersection, in the order of the levels."""
    slices = section.slices
    labels = [target.name] if slices.by_label else []
    for features in (*((name,) for name in (*labels, *single)), *slices.intersections):
        sizes = [len(levels[name].names) for name in features]
        codes = np.ravel_multi_index([levels[name].of_row for name in features], sizes)
        present, counts = np.unique(codes, return_counts=True)
        rows_by_code = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
        for code, rows in zip(present, rows_by_code, strict=True):
            positions = np.unravel_index(code, sizes)
            names = (levels[name].names[position] for name, position in zip(features, positions, strict=True))
            yield _Part(features, tuple(names), rows, of_label=features == (target.name,))


def _measure_from_all_rows(
    scored: ScoredRows, parts: Iterable[_Part], section: EvaluationSection, seed: int
) -> Iterator[Slice]:
    """Measure all slices on the same resamples of all rows."""
    listed = list(parts)
    of_parts = [scored.take(part.rows) for part in listed]

    def statistic(weights: Weights) -> Estimates:
        return np.array(
            [
                weighted_metrics(rows, weights[part.rows], SLICE_METRICS)
                for part, rows in zip(listed, of_parts, strict=True)
            ]
        )

    estimates = bootstrap(statistic, len(scored.truth), section.resamples, seed)
    for part, rows, resampled in zip(listed, of_parts, estimates, strict=True):
        yield _slice(part, rows, _values(rows), resampled, section.confidence)


def _measure_from_bags(
    scored: ScoredRows, parts: Iterable[_Part], section: EvaluationSection, seed: int
) -> Iterator[Slice]:
    """Measure each slice on resamples of its own rows, so that the time hardly depends on their number."""

    def measure(part: _Part) -> Slice:
        rows = scored.take(part.rows)
        values = _values(rows)
        metrics = dict(zip(SLICE_METRICS, values.tolist(), strict=True))
        estimates = bootstrap_from_bag(_measure, rows, metrics, section.resamples, seed, SLICE_BAG)
        return _slice(part, rows, values, estimates, section.confidence)

    return map_in_threads(measure, parts)


def _measure(scored: ScoredRows, weights: Weights) -> Estimates:
    return weighted_metrics(scored, weights, SLICE_METRICS)


def _values(scored: ScoredRows) -> Estimates:
    return np.asarray(_measure(scored, np.ones((len(scored.truth), 1)))[:, 0])


def _slice(
    part: _Part, scored: ScoredRows, values: Estimates, estimates: Estimates, confidence: float
) -> Slice:
    positives = int(scored.is_label[:, scored.labels].sum())
    intervals = compute_intervals(SLICE_METRICS, values, estimates, confidence, scored.support)
    intervals = widen_at_borders(intervals, scored, confidence)
    names = OF_LABEL if part.of_label else SLICE_METRICS
    return Slice(
        features=part.features,
        levels=part.levels,
        rows=len(part.rows),
        positives=positives if scored.target.is_binary else None,
        support=scored.support,
        metrics={name: interval for name, interval in intervals.items() if name in names},
        of_label=part.of_label,
    )
