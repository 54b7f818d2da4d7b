"""Which features the model uses, and how."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from app.core.contract import Positions, Probabilities
from app.core.features import Feature, Matrix
from model_build.artifacts import Dependence, Explanation, Importance, Interval
from model_build.evaluation.binning import Numbers, format_float32, level_names, shortest_decimal
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.evaluation.shuffles import KnownRows, draw_shuffles
from model_build.spec.model_spec import ModelSpec
from model_build.threads import map_in_threads

ROWS = 1000
"""The most rows that a partial dependence averages."""
GRID = 20
"""The most values of a number for a partial dependence."""


def explain_model(
    spec: ModelSpec, fitted: Any, read: Collection[str], matrix: Matrix, truth: Positions
) -> Explanation:
    """Explain a classifier with encoded test rows [N, columns]; the most important features come first.

    `read` has the names of the features that the classifier reads.
    """
    importance = sorted(_importance(spec, fitted, read, matrix, truth), key=lambda entry: -entry.drop.value)
    sample = matrix[np.random.default_rng(spec.split.seed).permutation(len(matrix))[:ROWS]]
    columns = spec.columns
    positions = {column.name: position for position, column in enumerate(columns)}
    ranked = [positions[entry.feature] for entry in importance]
    top = [position for position in ranked if not np.isnan(matrix[:, position]).all()]

    def dependence(position: int) -> Dependence:
        grid = _grid(columns[position], matrix[:, position])
        return _dependence(spec, fitted, sample, position, grid)

    return Explanation(
        importance=tuple(importance),
        dependence=tuple(map_in_threads(dependence, top[: spec.evaluation.partial_dependence])),
    )


def _importance(
    spec: ModelSpec, fitted: Any, read: Collection[str], matrix: Matrix, truth: Positions
) -> list[Importance]:
    known = KnownRows(fitted, matrix, fitted.predict_proba(matrix))
    orders = draw_shuffles(len(matrix), spec.evaluation.importance_repeats, spec.split.seed)
    ones = np.ones((len(truth), 1))

    def roc_auc(probabilities: Probabilities) -> float:
        return float(
            weighted_metrics(ScoredRows(spec.target, truth, probabilities), ones, ["roc_auc"]).item()
        )

    baseline, columns = roc_auc(known.probabilities), spec.columns

    def drops(position: int) -> npt.NDArray[np.float64]:
        if columns[position].name not in read:
            return np.zeros(len(orders))
        shuffled = known.predict_with(position, matrix[orders, position])
        return baseline - np.array([roc_auc(probabilities) for probabilities in shuffled])

    return [
        Importance(feature=column.name, drop=_mean(drop, spec.evaluation.confidence))
        for column, drop in zip(columns, map_in_threads(drops, range(len(columns))), strict=True)
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
    target, feature = spec.target, spec.columns[position]
    label = target.positive_index
    rows = np.repeat(sample, len(grid), axis=0)
    rows[:, position] = np.tile(grid, len(sample))
    scores = fitted.predict_proba(rows)[:, label].reshape(-1, len(grid)).T.copy().mean(axis=1)
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
