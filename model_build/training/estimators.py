"""Estimators by name, each a scikit-learn Pipeline over columns of the encoded float32 matrix."""

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from app.core.features import CategoryFeature, Feature, OpenCategoryFeature
from app.core.values import Matrix
from model_build.spec.estimator import find_estimator, list_parameters
from model_build.spec.own_estimator import is_own
from model_build.spec.training import Clip, Training
from model_build.training.code_tables import CodeTables, RareCategories, TargetOrder, TargetScores

QUIET: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_jobs": 1, "verbose": -1, "deterministic": True, "force_row_wise": True},
    "xgboost": {"n_jobs": 1},
    "catboost": {"thread_count": 1, "verbose": False, "allow_writing_files": False},
}
"""Parameters of libraries that would print, write files, or take every core for each fold."""
TWO_CODES = 2  # whose order changes no split


class Clipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Clips numbers at quantiles of the rows that it is fitted to; NaN stays NaN."""

    def __init__(self, quantiles: Mapping[int, Clip]) -> None:
        """Take the quantiles by the position of the column; the other columns are not clipped."""
        self.quantiles = quantiles

    def fit(self, matrix: Matrix, labels: Any = None) -> Self:  # noqa: ARG002 - a Pipeline passes them
        """Find float32 bounds [columns] among the values that occur, so that rounding can't move them."""
        self.n_features_in_ = matrix.shape[1]
        self.low_ = np.full(matrix.shape[1], -np.inf, np.float32)
        self.high_ = np.full(matrix.shape[1], np.inf, np.float32)
        for position, clip in self.quantiles.items():
            present = matrix[~np.isnan(matrix[:, position]), position]
            if present.size:
                bounds = np.quantile(present, [clip.low, clip.high], method="nearest")
                self.low_[position], self.high_[position] = bounds
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        return np.clip(matrix, self.low_, self.high_)


def count_clipped(features: Sequence[Feature], clip: Mapping[str, Clip], matrix: Matrix) -> dict[str, int]:
    """Return how many values of each column a pipeline moves that is fitted to these rows [N, columns]."""
    counts = {}
    for step in _clip(features, clip):
        moved = (step.fit(matrix).transform(matrix) != matrix) & ~np.isnan(matrix)
        counts = {features[i].name: int(moved[:, i].sum()) for i in step.quantiles}
    return counts


def build_estimator(
    name: str, parameters: Mapping[str, Any], features: Sequence[Feature], training: Training
) -> Pipeline:
    """Return the unfitted pipeline, whose input has ordinal codes for categories, and NaN for gaps."""
    estimator = _make(name, parameters)
    tables = [*_gather(features), *_score(features, parameters["random_state"])]
    order = _order(features) if training.category_order == "target_rate" else []
    clip = _clip(features, training.clip)
    match name:
        case "hist_gradient_boosting" | "lightgbm" | "xgboost" | "catboost":  # can split on codes and on NaN
            return make_pipeline(*tables, *order, *clip, estimator)
        case "logistic_regression":
            return make_pipeline(*tables, _one_hot_and_scale(features, training.clip), estimator)
        case _ if is_own(name):
            return make_pipeline(*tables, *order, *clip, estimator)
    return make_pipeline(*tables, *order, *clip, _impute(), estimator)


def _make(name: str, parameters: Mapping[str, Any]) -> Any:
    """Return the unfitted estimator; raise ValueError if it is none that gives probabilities."""
    seed = {} if "random_state" in list_parameters(name) else {"random_state"}
    given = {key: value for key, value in parameters.items() if key not in seed}
    estimator = find_estimator(name)(**QUIET.get(name, {}) | given)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict_proba")):
        raise ValueError(f"{name} must return a classifier with predict_proba, not {estimator!r:.80}")
    return estimator


def model_size(estimator: Any) -> int:
    """Return how many nodes all trees have, or how many coefficients are not 0; or the bytes of a pickle."""
    match estimator:
        case HistGradientBoostingClassifier():
            return sum(len(tree.nodes) for iteration in estimator._predictors for tree in iteration)
        case DecisionTreeClassifier():
            return int(estimator.tree_.node_count)
        case RandomForestClassifier() | ExtraTreesClassifier():
            return sum(int(tree.tree_.node_count) for tree in estimator.estimators_)
        case GradientBoostingClassifier():
            return sum(int(tree.tree_.node_count) for tree in estimator.estimators_.ravel())
        case LogisticRegression():
            return int(np.count_nonzero(estimator.coef_))
    return len(pickle.dumps(estimator))


def has_converged(estimator: BaseEstimator) -> bool:
    """Return False if an iterative fit was stopped at its largest number of iterations."""
    if not isinstance(estimator, LogisticRegression):
        return True
    return int(np.max(estimator.n_iter_)) < int(estimator.max_iter)


def _gather(features: Sequence[Feature]) -> list[CodeTables]:
    """Return the step that gathers rare categories, or none if no feature asks for it."""
    others = {
        position: (_count_codes(feature), len(feature.categories), feature.other)
        for position, feature in enumerate(features)
        if isinstance(feature, CategoryFeature) and feature.other and feature.other.minimum_rows
    }
    return [RareCategories(others)] if others else []


def _score(features: Sequence[Feature], seed: int) -> list[CodeTables]:
    """Return the step that scores open categories, or none if there is no such feature."""
    counts = {
        position: feature.codes_count
        for position, feature in enumerate(features)
        if isinstance(feature, OpenCategoryFeature)
    }
    return [TargetScores(counts, seed)] if counts else []


def _count_codes(feature: Feature) -> int:
    return len(set(feature.codes.values()))


def _order(features: Sequence[Feature]) -> list[CodeTables]:
    """Return the step that orders categories, or none if no feature has more than two codes.

    Categories whose given order means something keep it.
    """
    counts = {
        position: _count_codes(feature)
        for position, feature in enumerate(features)
        if feature.is_categorical and not _has_given_order(feature)
    }
    codes = {position: count for position, count in counts.items() if count > TWO_CODES}
    return [TargetOrder(codes)] if codes else []


def _has_given_order(feature: Feature) -> bool:
    return isinstance(feature, CategoryFeature) and feature.order == "given"


def _clip(features: Sequence[Feature], clip: Mapping[str, Clip]) -> list[Clipper]:
    """Return the step that clips features, or none if no feature is to be clipped."""
    quantiles = {
        position: clip[feature.name] for position, feature in enumerate(features) if feature.name in clip
    }
    return [Clipper(quantiles)] if quantiles else []


def _impute() -> SimpleImputer:
    """Replace NaN by medians; a feature without a value in a fold still keeps its column."""
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _one_hot_and_scale(features: Sequence[Feature], clip: Mapping[str, Clip]) -> ColumnTransformer:
    """Make a column for each code of a category; impute numbers and scale them to mean 0 and variance 1."""
    coded = [i for i, feature in enumerate(features) if feature.is_categorical]
    numbers = [i for i in range(len(features)) if i not in coded]
    codes = [sorted(set(features[i].codes.values())) for i in coded]
    one_hot = OneHotEncoder(categories=codes, sparse_output=False)
    clipped = _clip([features[i] for i in numbers], clip)
    scale = make_pipeline(*clipped, _impute(), StandardScaler())
    return ColumnTransformer([("one_hot", one_hot, coded), ("scale", scale, numbers)])
