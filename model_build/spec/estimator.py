"""The estimator of a spec: a class by name, or a function of one's own, with its parameters."""

import importlib
import inspect
from collections.abc import Callable, Mapping
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
from sklearn.utils.validation import has_fit_parameter

from app.core.base_feature import Frozen
from app.core.contract import Sha256
from model_build.spec.invalid_key import InvalidKey, InvalidKeysError, suggest
from model_build.spec.own_estimator import find_factory, is_own
from model_build.spec.sections import describe_unknown
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

    name: str = Field(
        json_schema_extra={
            "anyOf": [{"enum": [*ESTIMATORS, *BOOSTING_LIBRARIES, ADOPTED]}, {"pattern": r"^\w+:\w+$"}]
        }
    )
    """Of the project, or `module:function` of one's own."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Of the class of its library, or of the function."""
    code_sha256: Sha256 | None = Field(default=None, exclude=True, validation_alias=CODE)
    """Of the file with the function, if the name is of one's own."""

    @model_validator(mode="after")
    def _estimator_has_the_parameters(self) -> Self:
        if not is_own(self.name):
            known = [*ESTIMATORS, *BOOSTING_LIBRARIES, ADOPTED]
            if self.name not in known:
                unknown = describe_unknown("estimator", self.name, known)
                raise InvalidKeysError([InvalidKey(("name",), unknown)])
        errors = [
            InvalidKey(("parameters", name), sentence, is_unknown=True)
            for name in self.parameters
            if (sentence := describe_unknown_parameter(self.name, name))
        ]
        weights = self.parameters.get("class_weight")
        if isinstance(weights, Mapping) and not all(map(_is_weight, weights.values())):
            errors.append(InvalidKey(("parameters", "class_weight"), "a weight must be a number above 0"))
        if errors:
            raise InvalidKeysError(errors)
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


def takes_weights(name: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether the fit of an estimator takes a weight of each row; an adopted model is not fitted."""
    if not is_own(name):
        return True
    try:
        estimator = find_factory(name)(**parameters)
    except Exception:
        return True
    return bool(has_fit_parameter(estimator, "sample_weight"))


def describe_unknown_parameter(estimator: str, name: str) -> str | None:
    """Return what is wrong with the name of a parameter; None if the estimator has it."""
    try:
        allowed = list_parameters(estimator)
    except ValueError as error:
        return str(error)
    if name in allowed:
        return None
    return f"{estimator} has no parameter {name!r}{suggest(name, allowed)}; allowed are {', '.join(allowed)}"


def check_category_order(estimator: str, order: Any) -> str | None:
    """Return why an order of categories can't be: it does not exist, or the estimator can't use it."""
    if order not in CATEGORY_ORDERS:
        return describe_unknown("order", str(order), CATEGORY_ORDERS)
    if estimator == "logistic_regression" and order == "target_rate":
        return f"{estimator} has a column for each category, so their order is of no use"
    return None


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf
