"""The estimator of a spec: a scikit-learn class by name, with its parameters."""

import inspect
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Self

from pydantic import Field, model_validator
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from app.core.features import Frozen
from model_build.spec.sections import require_known
from model_build.spec.training import CATEGORY_ORDERS

ESTIMATORS: dict[str, type[BaseEstimator]] = {
    "decision_tree": DecisionTreeClassifier,
    "random_forest": RandomForestClassifier,
    "logistic_regression": LogisticRegression,
    "hist_gradient_boosting": HistGradientBoostingClassifier,
}


class Estimator(Frozen):
    """A scikit-learn estimator by name. Parameters without a value have scikit-learn's defaults."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _estimator_has_the_parameters(self) -> Self:
        check_parameters(require_known("estimator", self.name, ESTIMATORS), self.parameters)
        weights = self.parameters.get("class_weight")
        if isinstance(weights, Mapping) and not all(map(_is_weight, weights.values())):
            raise ValueError("class_weight: a weight must be a number above 0")
        return self


def check_parameters(name: str, parameters: Iterable[str]) -> None:
    """Raise ValueError for a parameter that the estimator does not have."""
    allowed = inspect.signature(ESTIMATORS[name]).parameters
    for parameter in parameters:
        if parameter not in allowed:
            raise ValueError(f"{name} has no parameter {parameter!r}; allowed are {', '.join(allowed)}")


def check_category_orders(name: str, orders: Iterable[Any]) -> None:
    """Raise ValueError for an order of categories that does not exist, or that the estimator can't use."""
    for order in orders:
        require_known("order", order, CATEGORY_ORDERS)
        if name == "logistic_regression" and order == "target_rate":
            raise ValueError(f"{name} has a column for each category, so their order is of no use")


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf
