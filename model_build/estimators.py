"""Estimators by name, each a scikit-learn Pipeline over the encoded float32 matrix."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from app.features import BooleanFeature, CategoryFeature, Feature

ESTIMATORS: dict[str, type[BaseEstimator]] = {
    "decision_tree": DecisionTreeClassifier,
    "random_forest": RandomForestClassifier,
    "logistic_regression": LogisticRegression,
    "hist_gradient_boosting": HistGradientBoostingClassifier,
}


def check_parameters(name: str, parameters: Mapping[str, Any]) -> None:
    """Raise ValueError for a parameter that the estimator does not have."""
    known = inspect.signature(ESTIMATORS[name]).parameters
    for parameter in parameters:
        if parameter not in known:
            raise ValueError(f"{name} has no parameter {parameter!r}; allowed are {', '.join(known)}")


def make(name: str, parameters: Mapping[str, Any], features: Sequence[Feature]) -> Pipeline:
    """Return the unfitted pipeline; categories come in as ordinal codes, a missing number as NaN."""
    estimator = ESTIMATORS[name](**parameters)
    match name:
        case "hist_gradient_boosting":  # splits on codes and on NaN by itself
            return make_pipeline(estimator)
        case "logistic_regression":
            return make_pipeline(_one_hot_and_scale(features), estimator)
    return make_pipeline(SimpleImputer(strategy="median"), estimator)


def _one_hot_and_scale(features: Sequence[Feature]) -> ColumnTransformer:
    """One column for each code of a category; numbers without gaps, of mean 0 and variance 1."""
    coded = [i for i, each in enumerate(features) if isinstance(each, CategoryFeature | BooleanFeature)]
    numbers = [i for i in range(len(features)) if i not in coded]
    codes = [sorted(set(features[i].codes.values())) for i in coded]
    one_hot = OneHotEncoder(categories=codes, sparse_output=False)
    scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer([("one_hot", one_hot, coded), ("scale", scale, numbers)])
