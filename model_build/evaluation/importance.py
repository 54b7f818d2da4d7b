"""Which features the model uses, and how."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t
from sklearn.inspection import permutation_importance

from app.core.contract import Positions
from app.core.features import Feature, Matrix
from model_build.artifacts import Dependence, Explanation, Importance, Interval
from model_build.evaluation.binning import Numbers, format_float32, level_names, shortest_decimal
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.model_spec import ModelSpec

ROWS = 1000
"""The most rows that a partial dependence averages."""
GRID = 20
"""The most values of a number for a partial dependence."""


def explain_model(spec: ModelSpec, fitted: Any, matrix: Matrix, truth: Positions) -> Explanation:
    """Explain a classifier with encoded test rows [N, features]; the most important features come first."""
    importance = sorted(_importance(spec, fitted, matrix, truth), key=lambda entry: -entry.drop.value)
    sample = matrix[np.random.default_rng(spec.split.seed).permutation(len(matrix))[:ROWS]]
    positions = {feature.name: position for position, feature in enumerate(spec.features)}
    ranked = [positions[entry.feature] for entry in importance]
    top = [position for position in ranked if not np.isnan(matrix[:, position]).all()]
    return Explanation(
        importance=tuple(importance),
        dependence=tuple(
            _dependence(spec, fitted, sample, position, _grid(spec.features[position], matrix[:, position]))
            for position in top[: spec.evaluation.partial_dependence]
        ),
    )


def _importance(spec: ModelSpec, fitted: Any, matrix: Matrix, truth: Positions) -> list[Importance]:
    def roc_auc(model: Any, rows: Matrix, labels: Positions) -> float:
        scored = ScoredRows(spec.target, labels, model.predict_proba(rows))
        return float(weighted_metrics(scored, np.ones((len(rows), 1)), ["roc_auc"]).item())

    permuted = permutation_importance(
        fitted,
        matrix,
        truth,
        scoring=roc_auc,
        n_repeats=spec.evaluation.importance_repeats,
        random_state=spec.split.seed,
    )
    return [
        Importance(feature=feature.name, drop=_mean(drops, spec.evaluation.confidence))
        for feature, drops in zip(spec.features, permuted.importances, strict=True)
    ]


def _mean(drops: npt.NDArray[np.float64], confidence: float) -> Interval:
    """Return the mean of the repeats with Student's interval, which covers the shuffles but not the rows."""
    mean, repeats = float(drops.mean()), len(drops)
    half = 0.0
    if repeats > 1:
        half = float(t.ppf((1 + confidence) / 2, repeats - 1) * drops.std(ddof=1) / repeats**0.5)
    return Interval(value=mean, low=mean - half, high=mean + half)


def _dependence(spec: ModelSpec, fitted: Any, sample: Matrix, position: int, grid: Numbers) -> Dependence:
    """Return, for each value of the grid, the mean score of the sample with that value in every row."""
    target, feature = spec.target, spec.features[position]
    label = target.positive_index
    rows = np.tile(sample, (len(grid), 1))
    rows[:, position] = np.repeat(grid, len(sample))
    scores = fitted.predict_proba(rows)[:, label].reshape(len(grid), -1).mean(axis=1)
    names = level_names(feature) if feature.is_categorical else None
    return Dependence(
        feature=feature.name,
        values=names or tuple(map(format_float32, grid)),
        numbers=None if names else tuple(map(shortest_decimal, grid)),
        scores=tuple(scores.tolist()),
    )


def _grid(feature: Feature, column: Numbers) -> Numbers:
    """Return every code, or quantiles of the values of a number that occur."""
    if feature.is_categorical:
        return np.arange(len(level_names(feature)), dtype=np.float32)
    distinct = np.unique(column[~np.isnan(column)])
    return np.unique(np.quantile(distinct, np.linspace(0, 1, GRID), method="nearest"))
