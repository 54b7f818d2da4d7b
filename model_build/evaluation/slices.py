"""The metrics of slices: the test rows that have a level of a feature, or several levels, in common.

Fairlearn's MetricFrame computes the same metrics, but its bootstrap needs minutes for each feature.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.core.contract import Positions, Probabilities, Target
from app.core.features import Matrix
from model_build.artifacts import Slice, Slices
from model_build.evaluation.binning import divide_into_levels
from model_build.evaluation.intervals import Estimates, Weights, bootstrap, compute_intervals
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import SLICE_METRICS


@dataclass(frozen=True)
class _Rows:
    """The rows of one slice."""

    features: tuple[str, ...]
    levels: tuple[str, ...]
    positions: Positions
    scored: ScoredRows


def compute_slices(
    spec: ModelSpec, target: Target, matrix: Matrix, truth: Positions, probabilities: Probabilities
) -> Slices:
    """Score the slices that the spec declares, of encoded test rows [N, columns]."""
    section = spec.evaluation
    sliced = list(_divide(spec, matrix, ScoredRows(target, truth, probabilities)))
    large = [rows for rows in sliced if len(rows.positions) >= section.slices.minimum_rows]

    def statistic(weights: Weights) -> Estimates:
        return np.array(
            [weighted_metrics(rows.scored, weights[rows.positions], SLICE_METRICS) for rows in large]
        )

    values = [
        weighted_metrics(rows.scored, np.ones((len(rows.positions), 1)), SLICE_METRICS) for rows in large
    ]
    estimates = bootstrap(statistic, len(truth), section.resamples, spec.split.seed)
    return Slices(
        minimum_rows=section.slices.minimum_rows,
        too_small=len(sliced) - len(large),
        slices=tuple(
            _slice(rows, of_rows[:, 0], resampled, section.confidence)
            for rows, of_rows, resampled in zip(large, values, estimates, strict=True)
        ),
    )


def _divide(spec: ModelSpec, matrix: Matrix, scored: ScoredRows) -> Iterator[_Rows]:
    """Yield every slice that has a row: by feature, then by intersection, in the order of the levels."""
    section = spec.evaluation.slices
    columns = zip(spec.columns, matrix.T, strict=True)
    levels = {feature.name: divide_into_levels(feature, column, section.bands) for feature, column in columns}
    single = levels if section.features is None else section.features
    for features in (*((name,) for name in single), *section.intersections):
        codes = np.stack([levels[name].of_row for name in features], axis=1)
        combinations, of_row = np.unique(codes, axis=0, return_inverse=True)
        for position, combination in enumerate(combinations):
            names = (levels[name].names[code] for name, code in zip(features, combination, strict=True))
            positions = np.flatnonzero(of_row == position)
            yield _Rows(features, tuple(names), positions, scored.take(positions))


def _slice(rows: _Rows, values: Estimates, estimates: Estimates, confidence: float) -> Slice:
    scored = rows.scored
    positives = int(scored.is_label[:, scored.labels].sum())
    return Slice(
        features=rows.features,
        levels=rows.levels,
        rows=len(rows.positions),
        positives=positives if scored.target.is_binary else None,
        support=scored.support,
        metrics=compute_intervals(SLICE_METRICS, values, estimates, confidence, scored.support),
    )
