"""The sections of a model spec about what happens before serving, from data checks to the model card."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from app.core.contract import DataSource
from app.core.errors import Problem
from app.core.features import Feature, Frozen, Row, Value
from app.core.validation import RowValidator
from model_build.spec.source import Source

Severity = Literal["fail", "warn"]
Share = Annotated[float, Field(ge=0, le=1)]

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
)
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error"})
SLICE_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier")
DISPARITIES = {
    "demographic_parity": "selection_rate",
    "equal_opportunity": "true_positive_rate",
    "false_positive_rate": "false_positive_rate",
    "false_negative_rate": "false_negative_rate",
}
"""What may set a group apart, and whose difference and ratio it is."""
FAIRNESS_METRICS = tuple(f"{name}_{kind}" for name in DISPARITIES for kind in ("difference", "ratio"))


def one_of(what: str, name: str, known: Iterable[str]) -> str:
    """Return `name`; raise ValueError, with all that is known, if it isn't."""
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}; allowed are {', '.join(sorted(known))}")
    return name


# ---- data checks


class Reference(Frozen):
    """The rows that the data are compared with: a file, or the embedded generator when no source is given."""

    source: Source | None = None
    severity: Severity = "warn"
    alpha: float = Field(default=0.01, gt=0, lt=1)
    """Chance of a false alarm, over all features together (Bonferroni)."""
    minimum_shift: Share = 0.1
    """Kolmogorov-Smirnov's D, or Cramér's V, below which a shift is let be, however certain it is."""
    minimum_missing_shift: Share = 0.05
    """Difference of the shares of missing values below which it is let be."""


class DataChecks(Frozen):
    """What a violation leads to: no model (fail), or a warning; rows that do not fit are then left out."""

    types: Severity = "fail"
    categories: Severity = "fail"
    ranges: Severity = "fail"
    missing: Severity = "fail"
    labels: Severity = "fail"
    columns: Severity = "warn"
    """A column that the spec does not know; one that is absent always fails."""
    duplicates: Severity = "warn"
    maximum_duplicates: Share = 0.01
    """Share of the rows that were read."""
    cardinality: Severity = "warn"
    """A feature with one value only, or a category or label that no row has."""
    leakage: Severity = "fail"
    maximum_leakage: Share = 0.95
    """ROC AUC with which one feature alone may rank the target."""
    reference: Reference | None = None


# ---- training


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
    """Where to look for better parameters of the estimator, when asked to (--search)."""

    method: Literal["optuna", "grid"] = "optuna"
    trials: int = Field(default=40, ge=2)
    """Sets of parameters to try, the spec's own and the estimator's defaults among them; a grid tries all."""
    metric: Literal["roc_auc", "log_loss", "average_precision", "accuracy"] = "roc_auc"
    space: dict[str, Values] = Field(min_length=1)

    @model_validator(mode="after")
    def _a_grid_has_choices(self) -> Self:
        ranges = [name for name, values in self.space.items() if isinstance(values, Range)]
        if self.method == "grid" and ranges:
            raise ValueError(f"a grid needs a list of values for {ranges[0]}")
        return self


class Clip(Frozen):
    """The quantiles beyond which a number is pulled in; found on the rows that train."""

    low: Share = 0.0
    high: Share = 1.0

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self


class Training(Frozen):
    """What is done to the rows that train, within every fold as at the end."""

    folds: int = Field(default=5, ge=2)
    drop: tuple[str, ...] = ()
    """Features that a request holds but the model does not read."""
    select: int | None = Field(default=None, ge=1)
    """How many features to keep, by mutual information with the target."""
    clip: dict[str, Clip] = Field(default_factory=dict)
    resample: Literal["over", "under"] | None = None
    """Make all labels equally frequent; weights do so by the estimator's class_weight."""
    calibration: Literal["auto", "none", "sigmoid", "isotonic", "temperature"] = "auto"
    """auto: calibrated if that lowers the log loss on the folds by more than a standard error."""
    threshold: Literal["fixed", "accuracy", "balanced_accuracy", "f1"] = "fixed"
    """fixed: the target's; otherwise the one that does best on the folds."""
    search: Search | None = None


# ---- evaluation


class SlicesSection(Frozen):
    features: tuple[str, ...] | None = None
    """All, if none are named."""
    bands: int = Field(default=4, ge=2, le=20)
    """Quantile bands of a number."""
    minimum_rows: int = Field(default=50, ge=1)
    """Smaller slices are left out."""
    intersections: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()

    @field_validator("intersections")
    @classmethod
    def _intersections_differ(cls, intersections: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        seen: set[frozenset[str]] = set()
        for each in intersections:
            if len(set(each)) < len(each):
                raise ValueError(f"an intersection needs different features, not {', '.join(each)}")
            if frozenset(each) in seen:
                raise ValueError(f"the intersection of {', '.join(each)} is there twice")
            seen.add(frozenset(each))
        return intersections


class EvaluationSection(Frozen):
    resamples: int = Field(default=1000, ge=100, le=10_000)
    """Of the bootstrap."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    slices: SlicesSection = SlicesSection()
    fairness: dict[str, str] = Field(default_factory=dict)
    """Protected features, each with the group that the others are compared with."""
    importance_repeats: int = Field(default=5, ge=1)
    partial_dependence: int = Field(default=4, ge=0)
    """For so many of the most important features."""


# ---- gates


class Bounds(Frozen):
    minimum: float | None = None
    maximum: float | None = None
    data_source: DataSource | None = None
    """The source of the data for which the gate stands; any, if none is named."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("a gate needs a minimum or a maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} must not be above maximum {self.maximum:g}")
        return self


class MetricGate(Bounds):
    """A bound that the whole interval of a metric of the test split must keep."""

    metric: str

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return one_of("metric", name, METRICS)


class SliceGate(Bounds):
    """A bound that the whole interval must keep in every slice with enough rows."""

    metric: str
    minimum_rows: int = Field(default=200, ge=1)
    """Least number of those that the figure is a share of: of a precision the rows predicted positive."""
    features: tuple[str, ...] | None = None
    """Slices by these only, their intersections included; all slices, if none are named."""

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return one_of("metric of slices", name, SLICE_METRICS)


class FairnessGate(Bounds):
    """A bound that the whole interval must keep in every group with enough rows; differences by magnitude."""

    metric: str
    feature: str
    minimum_rows: int = Field(default=200, ge=1)
    """Least number of those that the rate is a share of: of a false negative rate the positives."""

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return one_of("metric of fairness", name, FAIRNESS_METRICS)


class DeployedGate(Frozen):
    """Not worse than the model that is deployed, on the same test rows.

    Not worse means that the interval of the difference, new - deployed, begins at -tolerance or above: it is
    not enough that the new model may be better. Of the log loss, where less is better, the sign is turned.
    """

    model: str | None = None
    """A baked model's directory, s3://bucket/prefix, or the URL of a service; --deployed overrides it."""
    metric: Literal["roc_auc", "log_loss", "accuracy"] = "roc_auc"
    tolerance: float = Field(default=0.005, ge=0)


class Gates(Frozen):
    metrics: tuple[MetricGate, ...] = ()
    slices: tuple[SliceGate, ...] = ()
    fairness: tuple[FairnessGate, ...] = ()
    maximum_bytes: int | None = Field(default=None, ge=1)
    """Largest size of model.onnx."""
    maximum_microseconds: float | None = Field(default=None, gt=0)
    """Longest median time of one row through the served model; machines differ, so leave room."""
    deployed: DeployedGate = DeployedGate()


# ---- model checks


class Invariance(Frozen):
    """Changing the feature to any other value may not move the score by more than this."""

    feature: str
    tolerance: Share = 0.0


class Direction(Frozen):
    """More of the feature never moves the score against the direction by more than the tolerance.

    The score is the probability of the positive label; of more than two labels, of the last.
    """

    feature: str
    score: Literal["rises", "falls"]
    values: tuple[float, ...] | None = Field(default=None, min_length=2)
    """Those to go through; the range's ends and quantiles of the test rows' values, if none are named."""
    tolerance: Share = 0.0

    @field_validator("values")
    @classmethod
    def _values_rise(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and list(values) != sorted(set(values)):
            raise ValueError("values must rise")
        return values


class Golden(Frozen):
    """A row whose answer is known."""

    title: str = Field(min_length=1)
    row: dict[str, Value]
    label: str
    minimum_probability: Share = 0.0
    """Least probability of that label."""

    def validated(self, features: Sequence[Feature]) -> Row:
        """Return the row as the service takes it; raise ValueError with its reason if it refuses it."""
        try:
            return RowValidator(features).parse(json.dumps(self.row).encode())[0]
        except Problem as problem:
            wrong = problem.detail.removesuffix(".")
            raise ValueError(f"model_checks.golden: {self.title}: {wrong}") from problem


class ModelChecks(Frozen):
    invariant: tuple[Invariance, ...] = ()
    directions: tuple[Direction, ...] = ()
    golden: tuple[Golden, ...] = ()


# ---- model card


class Card(Frozen):
    """What only people know of a model; paragraphs of plain text."""

    owners: tuple[str, ...] = ()
    intended_use: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
