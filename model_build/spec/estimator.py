"""The estimator of a spec: a class by name, or a function of one's own, with its parameters."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, Self

from pydantic import Field, model_validator
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import Sha256
from app.core.features import Frozen
from model_build.spec.own_estimator import find_factory, is_own
from model_build.spec.sections import require_known
from model_build.spec.training import CATEGORY_ORDERS

ESTIMATORS: dict[str, type[BaseEstimator]] = {
    "decision_tree": DecisionTreeClassifier,
    "random_forest": RandomForestClassifier,
    "extra_trees": ExtraTreesClassifier,
    "logistic_regression": LogisticRegression,
    "gradient_boosting": GradientBoostingClassifier,
    "hist_gradient_boosting": HistGradientBoostingClassifier,
}
BOOSTING_LIBRARIES = {
    "lightgbm": "LGBMClassifier",
    "xgboost": "XGBClassifier",
    "catboost": "CatBoostClassifier",
}
"""The classes of libraries that `make lab-boosting` installs, by the name of the library."""
ADOPTED = "adopted"
"""Stands for a model that is trained already; the command `adopt` takes it."""
CODE = "sha256 of the code"  # no key of a file has this name

BINNING = frozenset({"hist_gradient_boosting", "lightgbm"})
"""Estimators that put the codes of a category into bins."""
MOST_BINS = 255


class Estimator(Frozen):
    """An estimator by name. Parameters without a value have the defaults of its library."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    code_sha256: Sha256 | None = Field(default=None, exclude=True, validation_alias=CODE)
    """Of the file with the function, if the name is of one's own."""

    @model_validator(mode="after")
    def _estimator_has_the_parameters(self) -> Self:
        if not is_own(self.name):
            require_known("estimator", self.name, [*ESTIMATORS, *BOOSTING_LIBRARIES, ADOPTED])
        check_parameters(self.name, self.parameters)
        weights = self.parameters.get("class_weight")
        if isinstance(weights, Mapping) and not all(map(_is_weight, weights.values())):
            raise ValueError("class_weight: a weight must be a number above 0")
        return self


def find_estimator(name: str) -> Callable[..., Any]:
    """Return the class or the function that makes the estimator.

    Raises:
        ValueError: its library is not installed, or it can't be trained.
    """
    if is_own(name):
        return find_factory(name)
    if name == ADOPTED:
        raise ValueError("`adopted` stands for a model that is trained already; the command adopt takes it")
    if name not in BOOSTING_LIBRARIES:
        return ESTIMATORS[name]
    try:
        library = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{name} is not installed; `make lab-boosting` installs it") from error
    estimator: Callable[..., Any] = getattr(library, BOOSTING_LIBRARIES[name])
    return estimator


def list_parameters(name: str) -> tuple[str, ...]:
    """Return the names of all parameters; those behind `**kwargs` are known by an estimator without any."""
    if name == ADOPTED:
        return ()
    make = find_estimator(name)
    named = [*inspect.signature(make).parameters]
    more = make().get_params() if "kwargs" in named else {}
    return tuple(dict.fromkeys(parameter for parameter in (*named, *more) if parameter != "kwargs"))


def check_parameters(name: str, parameters: Iterable[str]) -> None:
    """Raise ValueError for a parameter that the estimator does not have."""
    given = list(parameters)
    allowed = list_parameters(name) if given else ()
    for parameter in given:
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
