"""Which features the model uses, and how."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from app.core.contract import Positions, Probabilities
from app.core.features import Feature
from app.core.values import Matrix
from model_build.artifacts import Dependence, Explanation, Importance, Interval
from model_build.evaluation.bags import LARGE, fill_bag
from model_build.evaluation.binning import Numbers, format_float32, level_names, shortest_decimal
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.evaluation.shuffles import KnownRows, draw_shuffles
from model_build.spec.model_spec import ModelSpec
from model_build.threads import map_in_threads

IMPORTANCE_ROWS = 20_000
"""The most rows on which the importance is measured if there are more than LARGE."""
ROWS = 1000
"""The most rows that a partial dependence averages."""
GRID = 20
"""The most values of a number for a partial dependence."""


def explain_model(
    spec: ModelSpec,
    fitted: Any,
    read: Collection[str],
    matrix: Matrix,
    truth: Positions,
    tick: Callable[[], None] = lambda: None,
) -> Explanation:
    """Explain a classifier with encoded test rows [N, columns]; the most important features come first.

    `read` has the names of the features that the classifier reads. The importance of many rows is measured on
    some of them, as many of each label if there are. `tick` is called after each feature.
    """
    rows = _importance_rows(matrix, truth, spec.split.seed)
    importance = sorted(_importance(spec, fitted, read, rows, tick), key=lambda entry: -entry.drop.value)
    sample = matrix[np.random.default_rng(spec.split.seed).permutation(len(matrix))[:ROWS]]
    columns = spec.columns
    positions = {column.name: position for position, column in enumerate(columns)}
    ranked = [positions[entry.feature] for entry in importance]
    top = [
        position
        for position in ranked
        if not (columns[position].is_open or np.isnan(matrix[:, position]).all())
    ]

    def dependence(position: int) -> Dependence:
        grid = _grid(columns[position], matrix[:, position])
        return _dependence(spec, fitted, sample, position, grid)

    return Explanation(
        rows=len(rows.truth) if len(rows.truth) < len(truth) else None,
        importance=tuple(importance),
        dependence=tuple(map_in_threads(dependence, top[: spec.evaluation.partial_dependence])),
    )


@dataclass(frozen=True)
class _Rows:
    """Rows [N, columns] with their true labels [N], and how much each row counts [N, 1]."""

    matrix: Matrix
    truth: Positions
    weights: npt.NDArray[np.float64]


def _importance_rows(matrix: Matrix, truth: Positions, seed: int) -> _Rows:
    """Return all rows, or some that stand for more than LARGE: as many of each label, if there are."""
    if len(truth) <= LARGE:
        return _Rows(matrix, truth, np.ones((len(truth), 1)))
    bag = fill_bag(truth, IMPORTANCE_ROWS, seed)
    return _Rows(matrix[bag.positions], truth[bag.positions], bag.shares[:, None])


def _importance(
    spec: ModelSpec, fitted: Any, read: Collection[str], rows: _Rows, tick: Callable[[], None]
) -> list[Importance]:
    matrix, truth = rows.matrix, rows.truth
    known = KnownRows(fitted, matrix, fitted.predict_proba(matrix))
    orders = draw_shuffles(len(matrix), spec.evaluation.importance_repeats, spec.split.seed)

    def roc_auc(probabilities: Probabilities) -> float:
        return float(
            weighted_metrics(ScoredRows(spec.target, truth, probabilities), rows.weights, ["roc_auc"]).item()
        )

    baseline, columns = roc_auc(known.probabilities), spec.columns

    def drops(position: int) -> npt.NDArray[np.float64]:
        if columns[position].name not in read:
            return np.zeros(len(orders))
        shuffled = known.predict_with(position, matrix[orders, position])
        return baseline - np.array([roc_auc(probabilities) for probabilities in shuffled])

    importance = []
    for column, drop in zip(columns, map_in_threads(drops, range(len(columns))), strict=True):
        importance.append(Importance(feature=column.name, drop=_mean(drop, spec.evaluation.confidence)))
        tick()
    return importance


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
