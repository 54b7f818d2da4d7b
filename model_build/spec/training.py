"""The training section of a model spec, with the search for parameters."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from app.core.base_feature import Frozen
from model_build.spec.sections import Share
from model_build.spec.threshold import Threshold

CATEGORY_ORDER = "category_order"
"""A parameter of a search that is not the estimator's."""
SELECT = "select"
"""Another one, if training.select has shares: how many columns are kept."""

CategoryOrder = Literal["codes", "target_rate"]
CATEGORY_ORDERS: tuple[CategoryOrder, ...] = get_args(CategoryOrder)


class Range(Frozen):
    """A range of a hyperparameter, both ends included; whole numbers when both ends are."""

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range needs a low above 0")
        return self


Choices = Annotated[tuple[bool | int | float | str | None, ...], Field(min_length=1)]
Values = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(lambda values: "range" if isinstance(values, Mapping | Range) else "choices"),
]


class Search(Frozen):
    """Where `--search` looks for better parameters of the estimator."""

    method: Literal["optuna", "grid"] = "optuna"
    trials: int = Field(default=40, ge=2)
    """Sets of parameters to try, including the spec's own and the estimator's defaults; a grid tries all."""
    repeats: int = Field(default=1, ge=1)
    """How often the cross-validation is repeated, each time on other folds."""
    metric: Literal["roc_auc", "log_loss", "average_precision", "accuracy"] = "roc_auc"
    space: dict[str, Values] = Field(min_length=1)
    """For each parameter of the estimator a list of values, or a range."""

    @model_validator(mode="after")
    def _there_are_choices(self) -> Self:
        ranges = [name for name, values in self.space.items() if isinstance(values, Range)]
        if CATEGORY_ORDER in ranges:
            raise ValueError(f"{CATEGORY_ORDER} needs a list of values")
        if self.method == "grid" and ranges:
            raise ValueError(f"a grid needs a list of values for {ranges[0]}")
        return self


class Clip(Frozen):
    """Quantiles of the training rows; numbers beyond them are moved to them."""

    low: Share = 0.0
    high: Share = 1.0

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self


class Selection(Frozen):
    """How many columns to keep, as shares of those that are not dropped, and how they are ranked."""

    minimum: Share = Field(gt=0)
    maximum: Share = Field(gt=0)
    by: Literal["sequential", "mutual_information", "importance"] = "mutual_information"
    """sequential: added one by one to a small tree. importance: to a forest of random splits."""

    @model_validator(mode="after")
    def _minimum_is_not_above_maximum(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} must not be above maximum {self.maximum:g}")
        return self


Count = Annotated[int, Field(ge=1)]


class Training(Frozen):
    """How the model is trained, in every fold and on all training rows."""

    folds: int = Field(default=5, ge=2)
    """Of the cross-validation."""
    drop: tuple[str, ...] = ()
    """Features that every request has but the model does not read."""
    select: (
        Annotated[
            Annotated[Selection, Tag("selection")] | Annotated[Count, Tag("count")],
            Discriminator(lambda value: "selection" if isinstance(value, Mapping | Selection) else "count"),
        ]
        | None
    ) = None
    """How many columns to keep: a number, by mutual information with the target; or shares to choose from."""
    clip: dict[str, Clip] = Field(default_factory=dict)
    """Numbers that are moved to quantiles."""
    category_order: CategoryOrder = "codes"
    """codes: as the spec lists the categories. target_rate: by the labels' shares in the training rows."""
    resample: Literal["over", "under"] | None = None
    """Repeat (over) or drop (under) training rows until all labels are equally frequent."""
    calibration: Literal["auto", "none", "sigmoid", "isotonic", "temperature"] = "auto"
    """auto: the best method, if it lowers the log loss on the folds by more than a standard error."""
    threshold: Threshold = "fixed"
    """fixed: the target's threshold. Otherwise the one that is best on the folds by this metric or rule."""
    search: Search | None = None
    refit: bool = False
    """Whether the model, once it has passed its test, is fitted again on the training and the test rows.

    By default it is not: then the metrics are those of the very model that is served.
    """


def format_parameters(parameters: Mapping[str, Any]) -> str:
    """Return what to keep in the spec: the estimator's parameters, and the order of the categories."""
    settings = {name: value for name, value in parameters.items() if name not in {CATEGORY_ORDER, SELECT}}
    line = f"parameters: {{{', '.join(f'{name}: {json.dumps(value)}' for name, value in settings.items())}}}"
    order = f"; {CATEGORY_ORDER}: {parameters[CATEGORY_ORDER]}" if CATEGORY_ORDER in parameters else ""
    return line + order + (f"; {SELECT}: {parameters[SELECT]}" if SELECT in parameters else "")
