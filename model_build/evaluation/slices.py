"""How good the model is on parts of the test split.

Fairlearn's MetricFrame finds the same figures, but its bootstrap would need minutes for each feature.
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
class _Part:
    """The rows of one slice."""

    features: tuple[str, ...]
    levels: tuple[str, ...]
    rows: Positions
    scored: ScoredRows


def compute_slices(
    spec: ModelSpec, target: Target, matrix: Matrix, truth: Positions, probabilities: Probabilities
) -> Slices:
    """Score the slices that the spec asks for, of encoded test rows [N, features]."""
    plan = spec.evaluation
    parts = list(_parts(spec, matrix, ScoredRows(target, truth, probabilities)))
    large = [part for part in parts if len(part.rows) >= plan.slices.minimum_rows]

    def statistic(weights: Weights) -> Estimates:
        return np.array([weighted_metrics(part.scored, weights[part.rows], SLICE_METRICS) for part in large])

    estimates = bootstrap(statistic, len(truth), plan.resamples, spec.split.seed)
    return Slices(
        minimum_rows=plan.slices.minimum_rows,
        too_small=len(parts) - len(large),
        slices=tuple(
            _slice(part, of_part, plan.confidence) for part, of_part in zip(large, estimates, strict=True)
        ),
    )


def _parts(spec: ModelSpec, matrix: Matrix, scored: ScoredRows) -> Iterator[_Part]:
    """Yield every slice that has a row: by feature, then by intersection, in the order of the levels."""
    plan = spec.evaluation.slices
    columns = zip(spec.features, matrix.T, strict=True)
    of_feature = {
        feature.name: divide_into_levels(feature, column, plan.bands) for feature, column in columns
    }
    single = of_feature if plan.features is None else plan.features
    for features in (*((name,) for name in single), *plan.intersections):
        codes = np.stack([of_feature[name].of_row for name in features], axis=1)
        combinations, of_row = np.unique(codes, axis=0, return_inverse=True)
        for position, combination in enumerate(combinations):
            names = (of_feature[name].names[code] for name, code in zip(features, combination, strict=True))
            rows = np.flatnonzero(of_row == position)
            yield _Part(features, tuple(names), rows, scored.take(rows))


def _slice(part: _Part, estimates: Estimates, confidence: float) -> Slice:
    scored, rows = part.scored, len(part.rows)
    values = weighted_metrics(scored, np.ones((rows, 1)), SLICE_METRICS)[:, 0]
    binary = scored.target.is_binary
    return Slice(
        features=part.features,
        levels=part.levels,
        rows=rows,
        positives=int(scored.is_label[:, scored.labels].sum()) if binary else None,
        support=scored.support,
        metrics=compute_intervals(SLICE_METRICS, values, estimates, confidence, scored.support),
    )
