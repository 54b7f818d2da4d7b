"""The sections of a model spec, from the data to the model card."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from app.core.base_feature import Frozen
from app.core.contract import DataSource
from app.core.errors import Problem
from app.core.features import Feature
from app.core.validation import RowValidator
from app.core.values import Row, Value
from model_build.spec.invalid_key import suggest
from model_build.spec.source import Source
from model_build.spec.synthetic import Synthetic

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
MOST_SLICED = 100
"""The most features that are sliced unless the spec names more."""
DISPARITIES = {
    "demographic_parity": "selection_rate",
    "equal_opportunity": "true_positive_rate",
    "false_positive_rate": "false_positive_rate",
    "false_negative_rate": "false_negative_rate",
}
"""Measures of fairness, each with the rate whose difference and ratio between groups it is."""
MODEL_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
RARE = 0.1
"""Share of positive rows below which the ROC AUC hides what the average precision shows."""
FEWEST_SPLITS = 2  # that have a spread
LISTED = 20
"""The most names that an error lists."""
FAIRNESS_METRICS = tuple(f"{name}_{kind}" for name in DISPARITIES for kind in ("difference", "ratio"))


def require_known(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name`; raise ValueError with the known names if it is not one of them."""
    if name not in known:
        raise ValueError(describe_unknown(kind, name, known))
    return name


def describe_unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no such name, which one may be meant, and which are allowed."""
    names = [*known]
    return f"there is no {kind} {name!r}{suggest(name, names)}; allowed are {list_allowed(names)}"


def list_allowed(names: Iterable[str]) -> str:
    """Return the names in order; of many, the first and the number of the rest."""
    ordered = sorted(names)
    rest = f" and {len(ordered) - LISTED:,} more" if len(ordered) > LISTED else ""
    return f"{', '.join(ordered[:LISTED])}{rest}" or "none"


# ---- data


class Data(Frozen):
    """Where the rows come from and how they are cleaned."""

    sources: tuple[Source, ...] = Field(min_length=1)
    """Tried in this order."""
    columns: tuple[str, ...] = ()
    """Column names of a file without a header line."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """Default: the one that makes most known names of the first line."""
    encoding: Literal["utf-8", "utf-16", "cp1252"] = "utf-8"
    """A byte order mark counts more."""
    drop_duplicates: bool = True
    """Whether a line that equals an earlier one is dropped."""
    synthetic: Synthetic | None = None
    licence: str
    """Of the data."""


# ---- data checks


class Reference(Frozen):
    """The rows to compare the data with: a file, or without a source the rows of the embedded generator."""

    source: Source | None = None
    severity: Severity = "warn"
    alpha: float = Field(default=0.01, gt=0, lt=1)
    """Chance of a false alarm over all features together (Bonferroni)."""
    minimum_shift: Share = 0.1
    """Smaller shifts are ignored, however significant: Kolmogorov-Smirnov's D or Cramér's V."""
    minimum_missing_shift: Share = 0.05
    """Smaller differences between the shares of missing values are ignored."""


class DataChecks(Frozen):
    """Severity of each violation: `fail` stops the bake; `warn` reports it, and invalid rows are left out."""

    types: Severity = "fail"
    """Text in place of a number, or a fraction in place of a whole number."""
    categories: Severity = "fail"
    """A value that is no category of its feature."""
    ranges: Severity = "fail"
    """A number outside the range of its feature."""
    missing: Severity = "fail"
    """A missing value of a feature without `missing`."""
    labels: Severity = "fail"
    """A label that the target does not have."""
    columns: Severity = "warn"
    """A column that the spec does not know. A column that is absent always fails."""
    duplicates: Severity = "warn"
    """A share of duplicates above maximum_duplicates."""
    maximum_duplicates: Share = 0.01
    """Share of the rows in the file."""
    maximum_dropped: Share = 0.2
    """Share of the rows in the file that may be dropped as duplicates; a larger one always fails."""
    cardinality: Severity = "warn"
    """A feature with only one value, or a category or label without a row."""
    maximum_merged: Share = 0.5
    """Share of the different values of a feature that may be equal to another as float32; fewer only warn."""
    leakage: Severity = "fail"
    """A feature that alone ranks the target better than maximum_leakage allows."""
    suspect_leakage: Share = 0.95
    """From this ROC AUC on, a feature that alone ranks the target is a suspect, and a warning."""
    maximum_leakage: Share = 0.995
    """Largest ROC AUC with which one feature alone may rank the target."""
    definitions: tuple[str, ...] = ()
    """Features by which the label is defined, such as the weight that makes a person obese. They are no leak,
    however well they rank the target."""
    reference: Reference | None = None


# ---- evaluation


class SlicesSection(Frozen):
    features: tuple[str, ...] | None = None
    """Default: all."""
    bands: int = Field(default=4, ge=2, le=20)
    """Quantile bands into which a number is divided."""
    cuts: dict[str, Literal["mean"] | Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Numbers that are divided at the mean of the test rows or at given values, in place of bands."""
    by_label: bool = False
    """Whether the rows of each true label are slices."""
    minimum_rows: int = Field(default=50, ge=1)
    """Smaller slices are not reported."""
    intersections: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    """Lists of features to slice by together."""

    @field_validator("cuts")
    @classmethod
    def _cuts_rise(
        cls, cuts: dict[str, Literal["mean"] | tuple[float, ...]]
    ) -> dict[str, Literal["mean"] | tuple[float, ...]]:
        for name, values in cuts.items():
            if values != "mean" and list(values) != sorted(set(values)):
                raise ValueError(f"the cuts of {name} must rise")
        return cuts

    @field_validator("intersections")
    @classmethod
    def _intersections_differ(cls, intersections: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        earlier: set[frozenset[str]] = set()
        for features in intersections:
            if len(set(features)) < len(features):
                raise ValueError(f"an intersection needs different features, not {', '.join(features)}")
            if frozenset(features) in earlier:
                raise ValueError(f"the intersection of {', '.join(features)} is listed twice")
            earlier.add(frozenset(features))
        return intersections


class EvaluationSection(Frozen):
    resamples: int = Field(default=1000, ge=100, le=10_000)
    """Bootstrap samples from which the intervals come."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of every interval."""
    slices: SlicesSection = SlicesSection()
    fairness: dict[str, str] = Field(default_factory=dict)
    """Protected features, each with its reference group, to which the other groups are compared."""
    importance_repeats: int = Field(default=5, ge=1)
    """How often each feature is shuffled to measure its importance."""
    partial_dependence: int = Field(default=4, ge=0)
    """For how many of the most important features."""


# ---- gates


class Bounds(Frozen):
    minimum: float | None = None
    maximum: float | None = None
    data_source: DataSource | None = None
    """Only models of this source of data are judged. Default: all models."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("a gate needs a minimum or a maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} must not be above maximum {self.maximum:g}")
        return self


class MetricGate(Bounds):
    """A bound on a metric of the test split; the whole interval must lie within it."""

    metric: str = Field(json_schema_extra={"enum": [*METRICS]})

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return require_known("metric", name, METRICS)


class SliceGate(Bounds):
    """A bound on a metric of every slice with enough rows; the whole interval must lie within it."""

    metric: str = Field(json_schema_extra={"enum": [*SLICE_METRICS]})
    minimum_rows: int = Field(default=200, ge=1)
    """Counts the rows that the metric is a share of: for precision, the rows predicted positive."""
    features: tuple[str, ...] | None = None
    """Only slices by these features and their intersections are judged. Default: all slices."""
    optional: bool = False
    """Whether the gate passes when nothing has enough rows."""

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return require_known("slice metric", name, SLICE_METRICS)


class FairnessGate(Bounds):
    """A bound on every group with enough rows; the whole interval must lie within it.

    The sign of a difference does not count.
    """

    metric: str = Field(json_schema_extra={"enum": [*FAIRNESS_METRICS]})
    feature: str
    label: str | None = None
    """Of more than two labels, the one that is judged against all others. Default: each of them."""
    minimum_rows: int = Field(default=200, ge=1)
    """Counts the rows that the rate is a share of: for a false negative rate, the positives."""
    optional: bool = False
    """Whether the gate passes when nothing has enough rows."""

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return require_known("fairness metric", name, FAIRNESS_METRICS)


class DeployedGate(Frozen):
    """The new model must not be worse than the deployed model on the same test rows.

    The low end of the interval of the difference, new - deployed, must be at least -tolerance. The log loss,
    where less is better, has its sign turned.
    """

    model: str | None = None
    """Directory of a baked model, s3://bucket/prefix, or URL of a service; `--deployed` overrides it."""
    metric: Literal["roc_auc", "log_loss", "accuracy"] = "roc_auc"
    tolerance: float = Field(default=0.005, ge=0)


class Gates(Frozen):
    metrics: tuple[MetricGate, ...] = ()
    """On the metrics of the test rows."""
    slices: tuple[SliceGate, ...] = ()
    """On every slice, or on slices by some features."""
    fairness: tuple[FairnessGate, ...] = ()
    """On the groups of protected features."""
    maximum_bytes: int | None = Field(default=None, ge=1)
    """Largest size of model.onnx."""
    maximum_microseconds: float | None = Field(default=None, gt=0)
    """Longest median time that the served model takes for one row; machines differ, so leave room."""
    deployed: DeployedGate = DeployedGate()


# ---- model checks


class Invariance(Frozen):
    """Any other value of the feature moves the score by at most the tolerance."""

    feature: str
    tolerance: Share = 0.0


class Direction(Frozen):
    """A larger value of the feature moves the score against the direction by at most the tolerance.

    The score is the probability of the positive label, or of the last of more than two labels.
    """

    feature: str
    score: Literal["rises", "falls"]
    values: tuple[float, ...] | None = Field(default=None, min_length=2)
    """Values to compare. Default: both ends of the range, and quantiles of the test rows."""
    tolerance: Share = 0.0

    @field_validator("values")
    @classmethod
    def _values_rise(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and list(values) != sorted(set(values)):
            raise ValueError("values must rise")
        return values


class Golden(Frozen):
    """A row with a known answer."""

    title: str = Field(min_length=1)
    row: dict[str, Value]
    label: str
    minimum_probability: Share = 0.0
    """Of that label."""

    def validated(self, features: Sequence[Feature]) -> Row:
        """Return the row as the service reads it; raise ValueError if the service would refuse the row."""
        try:
            return RowValidator(features).parse(json.dumps(self.row).encode())[0]
        except Problem as problem:
            raise ValueError(f"{self.title}: {problem.detail.removesuffix('.')}") from problem


class ModelChecks(Frozen):
    invariant: tuple[Invariance, ...] = ()
    directions: tuple[Direction, ...] = ()
    golden: tuple[Golden, ...] = ()


# ---- model card


class Card(Frozen):
    """What only people know about a model, as paragraphs of plain text."""

    owners: tuple[str, ...] = ()
    intended_use: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
